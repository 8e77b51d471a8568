"""What each pod gets behind a balancer, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any

from natc.analysis.balance import Balance, BalanceCase, Node, Part
from natc.analysis.shares import Place, Way
from natc.analysis.who import NODE, OWN
from natc.report.document import odds_json, whole_json
from natc.report.lines import Line, counted, line
from natc.report.lines import Part as Piece
from natc.report.rule_text import by_address
from natc.trace.answer.outcome import Endpoint

_SEEN = {OWN: "the sender's own address", NODE: "the node's address (masquerade)"}
_LOST = {
    "DROP": "dropped",
    "REJECT": "refused",
    "NO_ROUTE": "not routed",
    "STOLEN": "taken out of the way by a rule",
    "OPEN": "natc cannot tell",
    "INPUT": "left to the node itself: no rule translates it to a pod",
    "FORWARD": "sent on as it came: no rule translates it to a pod",
}
#: Shares closer than this differ by the rounding of the kernel's 31-bit numbers (natc.analysis.audit).
_ROUNDING = Fraction(1, 1 << 29)
#: A fraction longer than this is left to the JSON.
_LONGEST = 24
_NAMED = 3
#: So many cases are shown with their pods.
_IN_FULL = 3


def balance_lines(found: Balance, top: int) -> Iterator[Line]:
    """Yield for each case how even it is, then the pods, those that get least first; ``top`` of them.

    Of the narrowest cases only how even they are.
    """
    asked, nodes = found.asked, found.nodes
    to = f"{asked.dst or ''}{'' if asked.port is None else f':{asked.port}'}/{asked.proto}"
    yield line(Piece(f"{to} over {counted(len(nodes), 'node')}: {counted(len(found.pods), 'pod')}", "bold"))
    failing = [
        node.name for node, weight in zip(nodes, found.weights, strict=True) if node.weight > weight == 0
    ]
    if failing:
        yield line(
            f"  no connections go to {_listed(failing)}: the health check fails for want of local endpoints"
        )
    for number, case in enumerate(found.cases):
        yield from _case_lines(found, case, top if number < _IN_FULL else 0)
    if found.left_out:
        yield line()
        yield line(f"{found.left_out:,} narrower sets of senders are left out: --src says which is meant")
    yield from _doubts(nodes)


def _case_lines(found: Balance, case: BalanceCase, top: int) -> Iterator[Line]:
    yield line()
    conditions = found.told(case.brought)
    when = f"when {' and '.join(conditions)}: " if conditions else ""
    yield line(Piece(f"{when}{_unevenness(found, case)}", "bold"))
    if not top:
        return
    shares = _in_order(found.shares(case))
    for pod, part in shares[:top]:
        yield line(f"  {_percent(part)}   {pod}   ", Piece(_exactly(part), "dim"))
    if len(shares) > top:
        yield line(f"  and {len(shares) - top:,} more, up to {_percent(shares[-1][1]).strip()}")
    for verdict, part in case.lost.items():
        names = _listed([node.name for node in _losing(found, case, verdict)])
        yield line(f"  {_percent(part)}   {_LOST.get(verdict, verdict)}, on {names}")
    if case.seen:
        seen = " or ".join(_SEEN.get(one, one) for one in case.seen)
        yield line(f"  the pods see {seen}")


def _in_order(shares: Sequence[tuple[Endpoint, Part]]) -> list[tuple[Endpoint, Part]]:
    """Put pods whose shares look alike in the order of their addresses."""
    alike = groupby(shares, lambda share: _percent(share[1]))
    return [one for _, group in alike for one in sorted(group, key=lambda share: by_address(share[0]))]


def _unevenness(found: Balance, case: BalanceCase) -> str:
    """Say how far the shares are from equal ones."""
    parts = [part for _, part in found.shares(case)]
    if not parts or not parts[-1].high:
        return "no pod gets anything"
    even = f"even would be {_number(Fraction(100, len(parts)))} % each"
    if not all(part.exact for part in parts):
        return f"not decided; {even}"
    if parts[-1].low - parts[0].low <= _ROUNDING:
        return f"even, {_number(100 * parts[0].low)} % each"
    idle = sum(not part.low for part in parts)
    if idle:
        return f"uneven, {idle:,} of {len(parts):,} pods get nothing; {even}"
    ratio = found.unevenness(case)
    assert ratio is not None
    return f"uneven, the most is {_number(ratio)} times the least; {even}"


def _losing(found: Balance, case: BalanceCase, verdict: str) -> Iterator[Node]:
    """Yield the nodes at which packets end so."""
    for node, weight in zip(found.nodes, found.weights, strict=True):
        ways = (way for way in node.answer.ways if weight and _holds(way, case))
        if any(place == verdict for way in ways for place, _ in way.parts):
            yield node


def _holds(way: Way, case: BalanceCase) -> bool:
    return all(kind not in case.brought or case.brought[kind] & domain for kind, domain in way.brought)


def _doubts(nodes: Sequence[Node]) -> Iterator[Line]:
    """Yield what is open, each question once with the nodes it is of."""
    said: dict[str, list[str]] = {}
    for node in nodes:
        for text, at, rule in node.answer.questions:
            where = "" if at is None else f", line {at}: {rule}"
            said.setdefault(f"open: {text}{where}", []).append(node.name)
    if said:
        yield line()
    for text, names in said.items():
        yield line(f"  {text}{'' if len(names) == len(nodes) else f' ({_listed(names)})'}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _percent(part: Part) -> str:
    if part.exact:
        return f"{_number(100 * part.low):>10} %"
    return f"{_number(100 * part.low)} to {_number(100 * part.high)} %"


def _number(value: Fraction) -> str:
    return f"{float(value):.6g}"


def _exactly(part: Part) -> str:
    said = part.exact and part.low not in (0, 1)
    text = f"{part.low.numerator} / {part.low.denominator}" if said else ""
    return text if len(text) <= _LONGEST else ""


# ---- JSON


def balance_json(found: Balance) -> dict[str, Any]:
    """Return the document's content. Of one set of conditions shares and what is lost sum to exactly 1."""
    cases = [(case, list(found.told(case.brought))) for case in found.cases]
    return {
        "dst": found.asked.dst,
        "port": found.asked.port,
        "proto": found.asked.proto,
        "shares": [
            {"ip": pod.ip, "port": pod.port} | _part_json(part) | {"conditions": conditions}
            for case, conditions in cases
            for pod, part in found.shares(case)
        ],
        "lost": [
            {"verdict": verdict} | _part_json(part) | {"conditions": conditions}
            for case, conditions in cases
            for verdict, part in case.lost.items()
        ],
        "left_out": found.left_out,
        "cases": [{"conditions": conditions} | _case_json(found, case) for case, conditions in cases],
        "nodes": [
            _node_json(found, node, weight) for node, weight in zip(found.nodes, found.weights, strict=True)
        ],
    }


def _case_json(found: Balance, case: BalanceCase) -> dict[str, Any]:
    shares, ratio = found.shares(case), found.unevenness(case)
    return {
        "pods": len(shares),
        "even": fraction_json(Fraction(1, len(shares))) if shares else None,
        "least": _part_json(shares[0][1]) if shares else None,
        "most": _part_json(max((part for _, part in shares), key=lambda one: one.high)) if shares else None,
        "ratio": None if ratio is None else fraction_json(ratio),
        "source_seen": list(case.seen),
    }


def _node_json(found: Balance, node: Node, weight: Fraction) -> dict[str, Any]:
    answer = node.answer
    return {
        "node": node.name,
        "part": fraction_json(weight),
        "local_endpoints": answer.local_endpoints,
        "ways": [
            {
                "conditions": [*found.told(dict(way.brought)), *way.depends],
                "parts": [_place_json(place) | {"odds": odds_json(odds)} for place, odds in way.parts],
            }
            for way in answer.ways
        ],
        "open": [
            {"question": question, "line": at, "text": text or None}
            for question, at, text in answer.questions
        ],
        "assumptions": list(answer.assumptions),
    }


def _place_json(place: Place) -> dict[str, Any]:
    return {"ip": place.ip, "port": place.port} if isinstance(place, Endpoint) else {"verdict": place}


def _part_json(part: Part) -> dict[str, Any]:
    """Return a part as ``odds``, or where it is a range null beside ``least`` and ``most``."""
    if part.exact:
        return {"odds": fraction_json(part.low)}
    return {"odds": None, "least": fraction_json(part.low), "most": fraction_json(part.high)}


def fraction_json(value: Fraction) -> dict[str, Any]:
    """Return a ratio exactly, in lowest terms: weights make denominators that are no powers of two."""
    return {
        "num": whole_json(value.numerator),
        "den": whole_json(value.denominator),
        "value": float(value),
    }
