"""The answer to a trace for a person: where to, what becomes of the source, then why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen

from natc.netfilter.matches.comment import Comment
from natc.netfilter.packet import Domain, Open, Packet
from natc.netfilter.ruleset import Rule
from natc.probability import CERTAIN, Odds
from natc.report.lines import Line, Part, line
from natc.report.path_tree import Node, Tree, sections
from natc.trace.outcome import MASQUERADE, Case, Distribution, Endpoint, Outcome, Piece
from natc.trace.state import Step
from natc.trace.wording import phrase

#: How many targets, and how many rules of one chain, a person is shown before "and N more".
_SHOWN = 20
#: The longest condition that is spelled out beside a rule, in characters.
_CONDITION_WIDTH = 100
_SERVICE = re.compile(r"([a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9.-]*(?::[a-z0-9-]*)?)(?:\s|$)")
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp", 1: "icmp", 58: "icmpv6"}
_VERDICTS = {
    "FORWARD": "forwarded",
    "INPUT": "delivered to this node",
    "OUTPUT": "sent out",
    "DROP": "dropped",
    "REJECT": "rejected",
    "NO_ROUTE": "not routed",
    "STOLEN": "held until its fragments are complete",
    "OPEN": "open: natc cannot tell",
}
_VERDICT_STYLE = {"DROP": "red", "REJECT": "red", "NO_ROUTE": "red", "OPEN": "yellow"}


def trace_lines(answer: Distribution) -> Iterator[Line]:
    """Yield the report, the answer before the reasons."""
    yield line(Part(_headline(answer), "bold"))
    yield line()
    yield from _targets(answer)
    yield from _fates(answer)
    yield from _questions(answer)
    yield from _why(answer)


# ---- what was asked


def _headline(answer: Distribution) -> str:
    packet = answer.packet
    origin = "sent by this node" if answer.origin == "local" else "arriving from the network"
    source = (
        "source left open" if isinstance(packet.src, Open) else f"from {_endpoint(packet, 'src', 'sport')}"
    )
    name = _service_name(answer)
    what = f"is {name}" if name else ""
    protocol = _PROTOCOLS.get(packet.proto, str(packet.proto)) if isinstance(packet.proto, int) else "any"
    return ", ".join(
        filter(None, [f"{_endpoint(packet, 'dst', 'dport')}/{protocol} {what}".rstrip(), origin, source])
    )


def _endpoint(packet: Packet, address: str, port: str) -> str:
    number = getattr(packet, port)
    return str(Endpoint(packet.show(getattr(packet, address)), number if isinstance(number, int) else None))


def _service_name(answer: Distribution) -> str | None:
    """Return the service that a matched rule's comment names first, as kube-proxy writes them."""
    for case in answer.cases:
        for _, outcome in case.outcomes:
            for step in outcome.path:
                found = _SERVICE.match(_comment(step.rule)) if step.rule else None
                if found:
                    return found.group(1)
    return None


def _comment(rule: Rule) -> str:
    return next((match.comment for match in rule.matches if isinstance(match, Comment)), "")


# ---- where to


def _targets(answer: Distribution) -> Iterator[Line]:
    """Yield the targets with their shares: once, where all conditions share them, else by condition."""
    shares: dict[tuple[tuple[Endpoint, Odds], ...], list[Case]] = {}
    for case in answer.cases:
        shares.setdefault(_shares(answer, case), []).append(case)
    for rows, cases in shares.items():
        if len(shares) > 1:
            yield line(f"when {_either(case.conditions for case in cases)}:")
        yield from _share_table(rows)
        yield line()


def _shares(answer: Distribution, case: Case) -> tuple[tuple[Endpoint, Odds], ...]:
    rows = [(target, odds) for target, given in answer.targets() for under, odds in given if under is case]
    return tuple(sorted(rows, key=lambda row: (-float(row[1]), row[0].ip, str(row[0].port))))


def _share_table(rows: tuple[tuple[Endpoint, Odds], ...]) -> Iterator[Line]:
    if not rows:
        yield line("  no destination translation")
        return
    width = max(len(str(target)) for target, _ in rows[:_SHOWN])
    for target, odds in rows[:_SHOWN]:
        exact = "always" if odds == CERTAIN else str(odds)
        yield line(
            Part(f"  {_percent(odds):>9}", "bold green"), f"   {target!s:<{width}}   ", Part(exact, "dim")
        )
    if len(rows) > _SHOWN:
        yield line(f"  and {len(rows) - _SHOWN:,} more targets (--output json lists all)")


def _percent(odds: Odds) -> str:
    value = 100 * float(odds)
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{text if text != '0' else f'{value:.3g}'} %"


def _either(conditions: Iterable[tuple[str, ...]]) -> str:
    texts = [" and ".join(every) for every in conditions if every]
    return "; or ".join(dict.fromkeys(texts)) or "in any case"


# ---- what becomes of it


@frozen
class _Fate:
    """How a packet ends, apart from where it goes."""

    verdict: str
    source: str
    at: str

    def __str__(self) -> str:
        return ", ".join(filter(None, [_VERDICTS.get(self.verdict, self.verdict), self.source, self.at]))


def _fate(outcome: Outcome) -> _Fate:
    if outcome.snat is None:
        source = "source kept" if outcome.verdict in ("FORWARD", "OUTPUT", "INPUT") else ""
    else:
        source = "masqueraded" if outcome.snat == MASQUERADE else f"source becomes {outcome.snat}"
    at = " ".join(
        filter(
            None, [outcome.reject and f"with {outcome.reject}", outcome.drop_at and f"by {outcome.drop_at}"]
        )
    )
    return _Fate(outcome.verdict, source, at)


def _fates(answer: Distribution) -> Iterator[Line]:
    """Yield how packets end: by condition, where all targets of a case share it, else by target."""
    fates: dict[_Fate, list[Case]] = {}
    mixed: list[Case] = []
    for case in answer.cases:
        own = {_fate(outcome) for _, outcome in case.outcomes}
        if len(own) == 1:
            fates.setdefault(own.pop(), []).append(case)
        else:
            mixed.append(case)
    for fate, cases in fates.items():
        texts = [] if len(cases) == len(answer.cases) else _conditions(answer.packet, cases)
        condition = f" when {', or '.join(texts)}" if texts else ""
        yield line("  ", Part(str(fate), _VERDICT_STYLE.get(fate.verdict, "")), condition)
    for case in mixed:
        yield from _mixed(case)


def _joined(cases: list[Mapping[Open, Domain]]) -> list[Mapping[Open, Domain]]:
    """Join cases that differ only in the set of one open value."""
    out: list[dict[Open, Domain]] = []
    for known in cases:
        for other in out:
            differing = [v for v in known.keys() | other.keys() if known.get(v) != other.get(v)]
            if len(differing) == 1 and differing[0] in known and differing[0] in other:
                other[differing[0]] = other[differing[0]] | known[differing[0]]  # type: ignore[operator]
                break
        else:
            out.append(dict(known))
    return list(out)


def _mixed(case: Case) -> Iterator[Line]:
    yield line(f"  when {_either([case.conditions])}:")
    groups: dict[_Fate, list[str]] = {}
    for odds, outcome in case.outcomes:
        groups.setdefault(_fate(outcome), []).append(f"{_percent(odds)} {outcome.dnat or ''}".strip())
    for fate, chosen in groups.items():
        more = f", and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else ""
        yield line(
            "    ",
            Part(str(fate), _VERDICT_STYLE.get(fate.verdict, "")),
            f": {', '.join(chosen[:_SHOWN])}{more}",
        )


def _questions(answer: Distribution) -> Iterator[Line]:
    if answer.questions:
        yield line()
        yield line(Part("open", "bold yellow"))
    for question in answer.questions:
        where = f"   line {question.rule.line}: {question.rule.text}" if question.rule else ""
        yield line(f"  {question.text}", Part(where, "dim"))


# ---- why


def _why(answer: Distribution) -> Iterator[Line]:
    """Yield every rule that some packet of the answer meets, chain within chain, in the dump's order."""
    yield line()
    yield line(Part("why", "bold"))
    for title, nodes in sections(answer).items():
        if all(node.step.rule is None for node in nodes.values()):
            continue
        yield line("  ", Part(title, "bold"))
        yield from _nodes(nodes, 0, answer)


def _nodes(nodes: Tree, depth: int, answer: Distribution) -> Iterator[Line]:
    ordered = sorted(nodes.values(), key=lambda node: node.step.number or 1 << 40)
    for node in ordered[:_SHOWN]:
        yield _rule_line(node, depth, answer)
        yield from _nodes(node.below, depth + 1, answer)
    if len(ordered) > _SHOWN:
        yield line(f"            {'  ' * depth}and {len(ordered) - _SHOWN:,} more rules of this chain")


def _rule_line(node: Node, depth: int, answer: Distribution) -> Line:
    step = node.step
    factor = f"   x {step.odds}" if step.odds is not None else ""
    return line(
        Part(f"    {step.rule.line if step.rule else '':>6}", "cyan"),
        f"  {'  ' * depth}{_words(step)}",
        Part(factor, "green"),
        Part(_only_when(node, answer), "dim"),
    )


def _only_when(node: Node, answer: Distribution) -> str:
    """Return the conditions under which the rule is met at all, unless that is always."""
    if len(node.cases) == len(answer.cases):
        return ""
    cases = [case for index, case in enumerate(answer.cases) if index in node.cases]
    text = ", or ".join(_conditions(answer.packet, cases))
    return f"   only when {text}" if len(text) <= _CONDITION_WIDTH else "   not always"


def _conditions(packet: Packet, cases: list[Case]) -> list[str]:
    joined = _joined([case.known for case in cases])
    return [" and ".join(phrase(packet, v, d) for v, d in known.items()) for known in joined]


def _words(step: Step) -> str:
    """Return a rule without its chain, comments shortened to their text."""
    if step.rule is None:
        return f"policy of {step.chain}"
    words = step.rule.save().removeprefix(f"-A {step.rule.chain}").strip()
    return re.sub(r'-m comment --comment ("(?:[^"\\]|\\.)*"|\S+)', r"\1", words)


# ---- branch by branch


def branch_lines(packet: Packet, branches: Iterable[Piece]) -> Iterator[Line]:
    """Yield one line a branch: its odds, where to, what becomes of it, and its conditions."""
    for piece in branches:
        outcome = piece.outcome
        conditions = " and ".join(phrase(packet, v, d) for v, d in piece.facts.known.items())
        yield line(
            Part(f"  {_percent(piece.odds):>9}", "bold green"),
            f"   {outcome.dnat or 'no translation'}   {_fate(outcome)}",
            Part(f"   when {conditions}" if conditions else "", "dim"),
            Part(f"   {piece.odds}", "dim"),
        )
