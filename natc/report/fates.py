"""What becomes of a packet, apart from where it goes: its verdict, its source, and what ended its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from natc.netfilter.matches.comment import comment_of
from natc.netfilter.matches.mark import Mark
from natc.netfilter.packet import Packet
from natc.netfilter.rule import Rule
from natc.netfilter.targets.mark import SetMark
from natc.report.conditions import (
    Known,
    Lines,
    alternatives,
    in_few,
    in_words,
    knowns_of,
    lines_of,
    shared,
    when,
)
from natc.report.lines import Line, Part, line
from natc.report.path_tree import Node, Tree
from natc.report.rule_text import percent
from natc.trace.answer.outcome import MASQUERADE, Case, Distribution, Outcome
from natc.values import frozen

if TYPE_CHECKING:
    from natc.trace.tee import Copied

#: How many targets are listed beside one fate.
_SHOWN = 20
#: How many conditions of one fate have room in its line, and how many are listed below it.
_IN_A_LINE, _LISTED = 4, 8
#: How many characters of them have room there.
_LONG = 400
#: How many lines behind one translation are named.
_FEW = 3
_MASQUERADED = "masqueraded"
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
_STYLES = {"DROP": "red", "REJECT": "red", "NO_ROUTE": "red", "OPEN": "yellow"}
#: Verdicts of packets that arrived somewhere.
_ARRIVED = frozenset({"FORWARD", "OUTPUT", "INPUT"})


@frozen
class Fate:
    """How a packet ends."""

    verdict: str
    source: str = ""
    end: str = ""
    """What ended the way of a packet that did not arrive."""
    mark: int = 0
    """The bits of the mark that the rule asked for to which the packet was lost."""
    known: str = ""
    """The connection that the packet is of, where the node's list has it."""
    copies: str = ""
    """What becomes of the copies that TEE sends."""

    def part(self) -> Part:
        """Return it as a part of a line."""
        words = [_VERDICTS.get(self.verdict, self.verdict), self.source, self.end, self.known, self.copies]
        return Part(", ".join(filter(None, words)), _STYLES.get(self.verdict, ""))


def fate_of(outcome: Outcome) -> Fate:
    """Return how one outcome ends."""
    known, copies = _entry(outcome), _copies(outcome)
    if outcome.verdict not in _ARRIVED:
        return Fate(outcome.verdict, "", _end(outcome), _lost_for_mark(outcome), known, copies)
    if outcome.snat is None:
        return Fate(outcome.verdict, "source kept", known=known, copies=copies)
    source = _MASQUERADED if outcome.snat == MASQUERADE else f"source becomes {outcome.snat}"
    return Fate(outcome.verdict, source, known=known, copies=copies)


def _entry(outcome: Outcome) -> str:
    place = outcome.connection.read_at if outcome.connection else None
    if place is None:
        return ""
    way = " (a reply)" if outcome.direction else ""
    return f"by an entry of the connection table, line {place.line} of {place.file}{way}"


def _copies(outcome: Outcome) -> str:
    return ", ".join(
        f"a copy for {copy.gateway} {_VERDICTS[copy.verdict]}{_end_of(copy, outcome)}"
        for copy in outcome.copies
    )


def _end_of(copy: Copied, outcome: Outcome) -> str:
    if isinstance(copy.out, str):
        return f" by {copy.out}"
    last = copy.final.trail.path(outcome.known)[-1:] if copy.drop_at else []
    return "".join(" " + (_ended_by(s.rule, s.table) if s.rule else f"by the {copy.drop_at}") for s in last)


def _end(outcome: Outcome) -> str:
    """Return what ended the way: the rule or policy, and what the sender is told."""
    last = outcome.path[-1].rule if outcome.path else None
    parts = [f"with {outcome.reject}" if outcome.reject else "", outcome.reason or ""]
    if outcome.drop_at:
        parts.append(f"by the {outcome.drop_at}" if last is None else _ended_by(last, outcome.path[-1].table))
    return " ".join(filter(None, parts))


def _lost_for_mark(outcome: Outcome) -> int:
    last = outcome.path[-1].rule if outcome.path and outcome.drop_at else None
    return 0 if last is None else _asked_bits(last)


def _asked_bits(rule: Rule) -> int:
    """Return the bits of the mark that a rule asks for."""
    bits = 0
    for match in rule.matches:
        if isinstance(match, Mark) and match.mark is not None:
            bits |= match.mark.value.mask
    return bits


def _ended_by(rule: Rule, table: str) -> str:
    comment = comment_of(rule)
    return f"by line {rule.line} of {table} {rule.chain}" + (f', "{comment}"' if comment else "")


# ---- by condition


def fate_lines(answer: Distribution, trees: Mapping[str, Tree]) -> Iterator[Line]:
    """Yield how packets end: by condition, where all targets of a case share it, else by target.

    ``trees`` are the answer's paths (:func:`natc.report.path_tree.sections`).
    """
    fates: dict[Fate, set[int]] = {}
    mixed: list[Case] = []
    for index, case in enumerate(answer.cases):
        own = {fate_of(outcome) for _, outcome in case.outcomes}
        if len(own) == 1:
            fates.setdefault(own.pop(), set()).add(index)
        else:
            mixed.append(case)
    say = _Words(answer.packet, lines_of(answer.questions))
    found = [_Ending(fate, places, _conditions(answer, places)) for fate, places in fates.items()]
    last = _left_to_last(found, say)
    for ending in found:
        if ending is not last:
            yield from _ending_lines(ending, say, trees)
    for case in mixed:
        yield from _mixed(case, say)
    if last is not None:
        yield line("  ", last.fate.part(), " in all other cases")
        yield from _marks(last, trees)


@frozen
class _Words:
    """Says conditions on a packet."""

    packet: Packet
    lines: Lines

    def of(self, known: Known) -> str:
        return in_words(self.packet, known, self.lines)


@frozen(eq=False)
class _Ending:
    """How packets end in some of the cases, and under which conditions."""

    fate: Fate
    places: set[int]
    conditions: Sequence[Known]


def _conditions(answer: Distribution, places: set[int]) -> Sequence[Known]:
    """Return the conditions of some cases, none where these are all."""
    cases = [answer.cases[index] for index in sorted(places)]
    return [] if len(cases) == len(answer.cases) else knowns_of(cases)


def _left_to_last(endings: Sequence[_Ending], say: _Words) -> _Ending | None:
    """Return the ending with the longest conditions, if these are long: it is what the others leave."""
    if len(endings) == 1:
        return None
    longest = max(endings, key=lambda ending: sum(map(len, map(say.of, ending.conditions))), default=None)
    return longest if longest and not _fits([*map(say.of, longest.conditions)]) else None


def _fits(texts: Sequence[str]) -> bool:
    return len(texts) <= _IN_A_LINE and sum(map(len, texts)) <= _LONG


def _ending_lines(ending: _Ending, say: _Words, trees: Mapping[str, Tree]) -> Iterator[Line]:
    yield from _with_conditions(ending, say)
    yield from _marks(ending, trees)


def _marks(ending: _Ending, trees: Mapping[str, Tree]) -> Iterator[Line]:
    """Yield the lines that gave a packet the mark to which it owes its end."""
    fate, places = ending.fate, ending.places
    bits = _masquerade_bits(trees, places) if fate.source == _MASQUERADED else fate.mark
    given_by = _marking(trees) if bits else ()
    marks = {number for number, given, marked in given_by if given & bits and marked & places}
    if marks:
        yield line("    ", Part(_because(sorted(marks)), "dim"))


def _with_conditions(ending: _Ending, say: _Words) -> Iterator[Line]:
    """Yield a fate with its conditions in its line; many, each of which is enough, on lines of their own."""
    part, conditions = ending.fate.part(), ending.conditions
    texts = [say.of(known) for known in conditions]
    if _fits(texts) or len(texts) == 1:
        yield line("  ", part, f" when {', or '.join(texts)}" if texts else "")
        return
    common, rests = shared(conditions)
    texts = alternatives(map(say.of, rests))
    number = f"one of {len(texts)} conditions holds"
    yield line("  ", part, f" when {say.of(common)}, and {number}:" if common else f" when {number}:")
    for text in texts[:_LISTED]:
        yield line(f"    {text}")
    if len(texts) > _LISTED:
        yield line(f"    and {len(texts) - _LISTED} more (--output json lists all)")


def _nodes(trees: Mapping[str, Tree], *, posted: bool) -> Iterator[tuple[Rule, Rule, set[int]]]:
    """Yield the rules met in nat POSTROUTING, or those met before any POSTROUTING.

    Each with the rule that jumped to its chain, itself where none did, and the cases it was met in.
    """
    for title, tree in trees.items():
        if title == "nat POSTROUTING" if posted else not title.endswith(" POSTROUTING"):
            waiting: list[tuple[Node | None, Node]] = [(None, node) for node in tree.values()]
            for caller, node in waiting:
                waiting += [(node, below) for below in node.below.values()]
                rule = node.step.rule
                if rule is not None:
                    yield rule, (caller.step.rule if caller else None) or rule, node.cases


def _masquerade_bits(trees: Mapping[str, Tree], places: set[int]) -> int:
    """Return the bits of the mark that rules on the way to masquerading ask for or clear."""
    bits = 0
    for rule, _, cases in _nodes(trees, posted=True):
        if cases & places:
            bits |= _asked_bits(rule) | _given_bits(rule)
    return bits


def _marking(trees: Mapping[str, Tree]) -> Iterator[tuple[int, int, set[int]]]:
    """Yield the lines that have packets marked before POSTROUTING: which bits, and in which cases."""
    bits: dict[int, int] = {}  # 5,000 endpoints share one rule that marks
    for rule, by, cases in _nodes(trees, posted=False):
        given = bits.get(id(rule))
        if given is None:
            given = bits[id(rule)] = _given_bits(rule)
        if given:
            yield by.line, given, cases


def _given_bits(rule: Rule) -> int:
    target = rule.target if rule.shape.target and rule.shape.target.kind is SetMark else None
    return target.xmark.value if isinstance(target, SetMark) else 0


def _because(lines: list[int]) -> str:
    few = [str(number) for number in lines[:_FEW]]
    few += [f"{len(lines) - _FEW} more"] if len(lines) > _FEW else []
    return f"for the mark that line {' or '.join(few)} has it given"


def _mixed(case: Case, say: _Words) -> Iterator[Line]:
    yield line(f"  {when([in_few(case.conditions, say.lines)])}:")
    groups: dict[Fate, list[str]] = {}
    for odds, outcome in case.outcomes:
        groups.setdefault(fate_of(outcome), []).append(f"{percent(odds)} {outcome.dnat or ''}".strip())
    for fate, chosen in groups.items():
        more = f", and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else ""
        yield line("    ", fate.part(), f": {', '.join(chosen[:_SHOWN])}{more}")
