"""What reaches a pod, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from natc.analysis.who import NODE, OWN, Path
from natc.probability import CERTAIN, Odds
from natc.report.conditions import in_few
from natc.report.document import odds_json
from natc.report.lines import Line, Part, counted, line
from natc.report.rule_text import exact

_SEEN = {OWN: "the sender's own address", NODE: "the node's address (masquerade)"}
_INDENT = " " * 17
#: So much of a line conditions may take.
_WIDE = 110
_ORIGINS = {
    ("network",): "from the network",
    ("local",): "from the node itself",
    ("network", "local"): "from the network and from the node itself",
}
#: One answer: where to, with which odds, and what the pod sees under which conditions.
_Answer = tuple[str, Odds, tuple[tuple[str, bool, tuple[str, ...]], ...]]


def who_lines(target: str, paths: Sequence[Path]) -> Iterator[Line]:
    """Yield a summary, then each destination with its odds and what the pod sees as the source."""
    if not paths:
        yield line(f"No service path leads to {target}")
        return
    destinations: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        destinations.setdefault((path.dst, path.proto), []).append(path)
    yield line(Part(f"{counted(len(destinations), 'service path')} to {target}", "bold"))
    for (dst, proto), own in destinations.items():
        yield line()
        yield _heading(dst, proto, own[0])
        for origins, answer in _answers(own):
            yield from _answer_lines(answer, _ORIGINS[origins])


def _heading(dst: str, proto: str, path: Path) -> Line:
    ours = not dst or dst.startswith(":")
    where = " on the node's addresses" if ours else ""
    where = " on any address that the rules take" if path.anywhere else where
    says = f"  {path.comment}" if path.comment else ""
    to = dst or "any port"
    return line(Part(f"{to}/{proto}", "bold"), f"{where}{says}  ", Part(f"line {path.rule.line}", "cyan"))


def _answers(paths: Sequence[Path]) -> Iterator[tuple[tuple[str, ...], _Answer]]:
    """Yield each answer with where its packets come from: said once if that makes no difference."""
    seen: dict[tuple[str, str, Odds], list[tuple[str, bool, tuple[str, ...]]]] = {}
    for path in paths:
        key = (path.origin, path.to, path.odds)
        seen.setdefault(key, []).append((path.source_seen, path.open, path.conditions))
    origins: dict[_Answer, list[str]] = {}
    for (origin, to, odds), rows in seen.items():
        origins.setdefault((to, odds, tuple(rows)), []).append(origin)
    for answer, from_where in origins.items():
        yield tuple(from_where), answer


def _answer_lines(answer: _Answer, origin: str) -> Iterator[Line]:
    to, odds, rows = answer
    yield line(
        f"  {100 * float(odds):10.6g} %   {to}   {origin}   ",
        Part("" if odds == CERTAIN else exact(odds), "dim"),
    )
    whens: dict[tuple[str, bool], list[str]] = {}
    for seen, is_open, conditions in rows:
        whens.setdefault((seen, is_open), []).append(in_few(conditions))
    for (seen, is_open), texts in whens.items():
        doubt = "; natc cannot tell whether it arrives" if is_open else ""
        yield from _seen_lines(f"the pod sees {_SEEN.get(seen, seen)}", texts, doubt)


def _seen_lines(what: str, whens: Sequence[str], doubt: str) -> Iterator[Line]:
    """Yield what a pod sees, and when: on one line what fits on one."""
    when = "" if "" in whens else f" when {', or '.join(whens)}"
    if len(when) <= _WIDE:
        yield line(f"{_INDENT}{what}{when}{doubt}")
        return
    yield line(f"{_INDENT}{what}{doubt} when")
    for number, text in enumerate(whens):
        yield line(f"{_INDENT}  {'or ' if number else ''}{text}")


def who_json(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the document's content."""
    return {
        "paths": [
            {
                "dst": path.dst,
                "proto": path.proto,
                "origin": path.origin,
                "to": path.to,
                "odds": odds_json(path.odds),
                "conditions": list(path.conditions),
                "source_seen": path.source_seen,
                "open": path.open,
                "name": path.name,
                "comment": path.comment,
                "line": path.rule.line,
            }
            for path in paths
        ]
    }
