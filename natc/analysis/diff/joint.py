"""Two answers to one open packet, compared as functions of what the packet leaves open.

What both say in the same words cancels out. Of the rest, fate by fate, the open values are split until
every term holds throughout a cell or not at all; where the odds of a cell then do not come out alike,
the packets of the cell tell the two rulesets apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from natc.analysis.diff.fates import Fate, Known, Term, is_question
from natc.netfilter.packet import Domain, Facts, Open
from natc.probability import NEVER, Odds, total
from natc.trace.answer.cells import Part, cells, fact, order
from natc.values import field, frozen

#: A choice for every open value that matters.
Point = Mapping[Open, Any]
#: Fates with their odds.
Shares = Mapping[Fate, Odds]


@frozen(eq=False)
class Cell:
    """What is known of packets of which the two rulesets make a certain fate with different odds."""

    known: Known
    fate: Fate


@frozen(eq=False)
class Pair:
    """The terms of two answers to the same packet."""

    a: Sequence[Term]
    b: Sequence[Term]
    values: tuple[Open, ...] = field(init=False)
    """The open values that either asks about."""
    unshared: frozenset[Open] = field(init=False)
    """The questions natc cannot decide that only one of the two asks."""

    @values.default
    def _values(self) -> tuple[Open, ...]:
        return tuple(dict.fromkeys(value for term in (*self.a, *self.b) for value in term.facts))

    @unshared.default
    def _unshared(self) -> frozenset[Open]:
        asked = [{value for term in side for value in term.facts} for side in (self.a, self.b)]
        return frozenset(value for value in asked[0] ^ asked[1] if is_question(value))

    @property
    def differs(self) -> bool:
        """Whether the two say different things, which may come to the same."""
        return bool(self._left())

    def cells(self) -> list[Cell]:
        """Return the cells in which the odds of some fate differ; none if the answers are the same."""
        return [cell for fate, terms in self._left().items() for cell in _unequal(fate, terms)]

    def _left(self) -> dict[Fate, list[tuple[int, Term]]]:
        """Return by fate the terms, with 0 for the first answer's, that the other does not have, too."""
        sums = [_summed(self.a), _summed(self.b)]
        left: dict[Fate, list[tuple[int, Term]]] = {}
        for side, own in enumerate(sums):
            for (fate, facts), odds in own.items():
                if sums[1 - side].get((fate, facts)) != odds:
                    left.setdefault(fate, []).append((side, Term(dict(facts), odds, fate)))
        return left

    def shares(self, point: Point) -> tuple[list[Shares], list[Shares]]:
        """Return what each ruleset does with the packet at a point: one way for each way its own
        questions can be answered."""
        return self._ways(self.a, point), self._ways(self.b, point)

    def _ways(self, side: Sequence[Term], point: Point) -> list[Shares]:
        here = [term for term in side if _holds(term.facts, point)]
        parts = [
            Part(Facts({value: of for value, of in term.facts.items() if value not in point}), term)
            for term in here
        ]
        return [_shares(members) for _, members in cells(parts)]


def _shares(members: Iterable[Term]) -> Shares:
    sums: dict[Fate, list[Odds]] = {}
    for term in members:
        sums.setdefault(term.fate, []).append(term.odds)
    return {fate: total(odds) for fate, odds in sums.items()}


def _holds(facts: Known, point: Point) -> bool:
    return all(value not in point or point[value] in domain for value, domain in facts.items())


def _summed(terms: Iterable[Term]) -> dict[tuple[Fate, frozenset[tuple[Open, Domain]]], Odds]:
    sums: dict[tuple[Fate, frozenset[tuple[Open, Domain]]], Odds] = {}
    for term in terms:
        key = term.fate, frozenset(term.facts.items())
        sums[key] = sums.get(key, NEVER) + term.odds
    return sums


def _unequal(fate: Fate, terms: Sequence[tuple[int, Term]]) -> list[Cell]:
    """Return the cells in which the two sides' odds of a fate differ."""
    parts = [Part(Facts(term.facts), (side, term.odds)) for side, term in terms]
    unequal: dict[tuple[Odds, Odds], list[Known]] = {}
    for known, members in cells(parts):
        odds = _sum(members, 0), _sum(members, 1)
        if odds[0] != odds[1]:
            unequal.setdefault(odds, []).append(known)
    return [
        Cell({value: known[value] for value in sorted(known, key=order)}, fate)
        for group in unequal.values()
        for known in _joined(group)
    ]


def _sum(members: Iterable[tuple[int, Odds]], side: int) -> Odds:
    return total(odds for own, odds in members if own == side)


def _joined(group: list[Known]) -> list[Known]:
    """Put cells together that differ in one value only: what then makes no difference is not said."""
    values = sorted({value for known in group for value in known}, key=order)
    before = 0
    while len(group) != before:
        before = len(group)
        for value in values:
            group = _joined_by(group, value)
    return group


def _joined_by(group: list[Known], value: Open) -> list[Known]:
    rests: dict[Any, list[Known]] = {}
    for known in group:
        rest = frozenset((other, domain) for other, domain in known.items() if other != value)
        rests.setdefault(rest, []).append(known)
    return [{**dict(rest), **_united(members, value)} for rest, members in rests.items()]


def _united(members: Iterable[Known], value: Open) -> Known:
    domains: list[Any] = [known.get(value, value.domain) for known in members]
    return fact(value, reduce(or_, domains))
