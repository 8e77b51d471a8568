"""From pieces that may overlap to cases that exclude each other and each sum to 1.

The walk splits an open value only where a rule asks about it, so one branch may know the source
where another does not. Here the open values are split further until, in each case, every piece
either holds throughout or not at all.

The hairpin rule of every endpoint asks whether the source is that very endpoint. Splitting the
source by all n endpoints would make n squared outcomes; it is the same question in every branch,
"is the source the chosen endpoint itself", and is asked as that one where the sums prove it right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from natc.netfilter.intervals import Intervals, number
from natc.netfilter.packet import NO, YES, YES_OR_NO, Open, Packet
from natc.probability import CERTAIN, Odds, total
from natc.trace.answer.cells import Known, Part, cells, fact, order
from natc.trace.answer.outcome import Case, Outcome, Piece
from natc.values import evolve

#: Whether the source is the endpoint that was chosen.
HAIRPIN = Open("hairpin", "", YES_OR_NO)


def cases_of(packet: Packet, pieces: Sequence[Piece]) -> tuple[Case, ...]:
    """Return the cases of an answer, in words too."""
    relative = _relative(packet, pieces)
    found = None if relative is None else _cells(relative)
    if found is None or not _exact(found):
        found = _cells(pieces)
    cases = [Case(packet, known, tuple(_summed(members))) for known, members in found]
    merged = [_without_the_obvious(packet, case) for case in _merged(cases)]
    return tuple(
        evolve(
            case,
            outcomes=tuple((odds, _under(packet, case, outcome)) for odds, outcome in case.outcomes),
        )
        for case in merged
    )


def _under(packet: Packet, case: Case, outcome: Outcome) -> Outcome:
    """Return the outcome with what is known of the packet that comes to it, so that its path is right."""
    known = dict(case.known)
    itself = known.pop(HAIRPIN, NO) == YES
    target = _target(outcome)
    if itself and isinstance(packet.src, Open) and target is not None:
        known[packet.src] = number(target)
    return evolve(outcome, known=known)


def _cells(pieces: Sequence[Piece]) -> list[tuple[Known, list[Piece]]]:
    return cells([Part(piece.facts, piece) for piece in pieces])


def _exact(found: Sequence[tuple[Known, Sequence[Piece]]]) -> bool:
    return all(total(piece.odds for piece in members) == CERTAIN for _, members in found)


# ---- the source relative to the chosen endpoint


def _relative(packet: Packet, pieces: Sequence[Piece]) -> list[Piece] | None:
    """Restate facts about the source as facts about source and chosen endpoint; None if none are."""
    if not isinstance(packet.src, Open):
        return None
    restated = [new for piece in pieces for new in _restated(packet.src, piece)]
    asked = any(piece.facts.known.get(HAIRPIN) == YES for piece in restated)
    return restated if asked else None


def _restated(source: Open, piece: Piece) -> list[Piece]:
    facts, endpoint = piece.facts, _target(piece.outcome)
    domain = facts.domain(source)
    if endpoint is None or not isinstance(domain, Intervals):
        return [piece]
    target = number(endpoint)
    odds, outcome = piece.odds, piece.outcome
    itself = Piece(facts.without(source).with_domain(HAIRPIN, YES), odds, outcome)
    if domain == target:
        return [itself]
    others = domain - target
    if len(others.spans) > len(domain.spans):  # the endpoint is one of many sources treated alike
        return [piece]
    if domain & target:  # it was joined to them by its own rule: split it off
        apart = facts.with_domain(source, others).with_domain(HAIRPIN, NO)
        return [itself, Piece(apart, odds, outcome)]
    healed = domain | target
    if len(healed.spans) <= len(domain.spans):  # its own rule cut it out of what is left
        facts = facts.with_domain(source, healed)
    return [Piece(facts.with_domain(HAIRPIN, NO), odds, outcome)]


def _target(outcome: Outcome) -> int | None:
    """Return the address that the destination was translated to; None where it was not, or is open."""
    after = outcome.final
    if outcome.dnat is None or after is None or not isinstance(after.dst, int):
        return None
    return after.dst


def _without_the_obvious(packet: Packet, case: Case) -> Case:
    """Do not say "not the chosen endpoint" of sources none of which is an endpoint."""
    source = packet.src
    if case.known.get(HAIRPIN) != NO or not isinstance(source, Open):
        return case
    domain: Any = case.known.get(source, source.domain)
    targets = (_target(outcome) for _, outcome in case.outcomes)
    if any(target in domain for target in targets if target is not None):
        return case
    return evolve(case, known={value: known for value, known in case.known.items() if value != HAIRPIN})


# ---- putting together


def _summed(members: Iterable[Piece]) -> list[tuple[Odds, Outcome]]:
    sums: dict[Outcome, list[Piece]] = {}
    for piece in members:
        sums.setdefault(piece.outcome, []).append(piece)
    out = []
    for group in sums.values():
        if len(group) == 1:
            out.append((group[0].odds, group[0].outcome))
            continue
        best = max(group, key=lambda piece: piece.odds)
        ways = sum(piece.outcome.ways for piece in group)
        out.append((total(piece.odds for piece in group), evolve(best.outcome, ways=ways)))
    return sorted(out, key=lambda entry: _by_target(entry[1]))


def _by_target(outcome: Outcome) -> tuple[int, int, str]:
    """Translated packets first, by target's address; what ends otherwise behind them."""
    target = _target(outcome)
    if target is None or outcome.dnat is None:
        return (1, 0, outcome.verdict)
    return (0, target, str(outcome.dnat.port))


def _merged(cases: list[Case]) -> list[Case]:
    """Join cases with the same answer whose facts differ in one value, until none do."""
    while True:
        joined = _merged_once(cases)
        if len(joined) == len(cases):
            return joined
        cases = joined


def _merged_once(cases: list[Case]) -> list[Case]:
    values = {value for case in cases for value in case.known}
    for value in sorted(values, key=order):
        groups: dict[Any, list[Case]] = {}
        for case in cases:
            rest = frozenset((other, domain) for other, domain in case.known.items() if other != value)
            groups.setdefault((rest, frozenset(case.outcomes)), []).append(case)
        cases = [_joined(group, value) for group in groups.values()]
    return cases


def _joined(group: list[Case], value: Open) -> Case:
    if len(group) == 1:
        return group[0]
    domain: Any = None
    for case in group:
        part = case.known.get(value, value.domain)
        domain = part if domain is None else domain | part
    rest = {other: known for other, known in group[0].known.items() if other != value}
    return evolve(group[0], known=rest | fact(value, domain))
