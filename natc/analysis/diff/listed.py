"""Lists of ``-m recent`` that rules ask in a row, in values that hold for both sides.

A trace asks which of some lists is the first to say yes (:mod:`natc.trace.chain.lists`), and the two sides
of a comparison may ask other lists in that row: an endpoint is gone. So each row falls into groups: the lists
that both ask in the same order are one open value for both sides, those that nobody asks on the other side
are one of their own, and each that the other side asks in another place is a question by itself. That the
first of a row to say yes is a certain one then says of its own group which is the first, and of the others
that it is none of those asked before.

Measured with two services of 80 endpoints that differ in one: 3 % of the CPU of asking each list by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from natc.analysis.diff.fates import Known, Term
from natc.netfilter.intervals import Intervals, numbers
from natc.netfilter.packet import NO, YES, YES_OR_NO, Domain, Open
from natc.trace.answer.cells import fact
from natc.trace.chain.lists import FIRST_LIST, LIST, FirstList
from natc.values import define, evolve, field, frozen


@frozen(eq=False)
class _Group:
    """Some lists of a row, in its order: the value that says which of them is the first to say yes."""

    value: Open
    places: tuple[int, ...]
    """Where they are asked in the row."""

    @classmethod
    def of(cls, row: FirstList, places: Sequence[int], subject: str) -> _Group:
        texts = tuple(row.questions[place] for place in places)
        if len(texts) == 1:
            return cls(Open(LIST, texts[0], YES_OR_NO), tuple(places))
        return cls(FirstList(FIRST_LIST, subject, numbers(0, len(texts)), texts), tuple(places))

    def among(self, low: int, high: int) -> Known:
        """Return that the first to say yes is from one number to another, both included; the last is none."""
        if isinstance(self.value, FirstList):
            return fact(self.value, numbers(low, high))
        return {} if (low, high) == (0, 1) else {self.value: NO if low else YES}

    def asked_before(self, place: int) -> int:
        """Return how many of them are asked before a place of the row."""
        return bisect_left(self.places, place)


@define(eq=False)
class CommonLists:
    """The rows of lists that two sides ask, and the values that hold for both."""

    _groups: tuple[dict[Open, list[_Group]], dict[Open, list[_Group]]] = field(factory=lambda: ({}, {}))
    """By the row, of either side: rows of both may be equal but for the lists that they ask."""

    @classmethod
    def of(cls, a: Iterable[Open], b: Iterable[Open]) -> CommonLists:
        """Return what stands for what the two sides ask."""
        found, mine, theirs = cls(), set(a), set(b)
        left = _rows(theirs)
        for row in _rows(mine):
            other = max(left, key=lambda one: len(set(row.questions) & set(one.questions)), default=None)
            both, name = _in_both(row, other) if other else [], f"{row.subject}, of both"
            if other and both:
                left.remove(other)
                found._groups[1][other] = _parted(other, both, _texts(mine), name, "b")
            found._groups[0][row] = _parted(row, both, _texts(theirs), name, "a")
        for other in left:
            found._groups[1][other] = _parted(other, [], _texts(mine), "", "b")
        return found

    def values(self, side: int, value: Open) -> list[Open]:
        """Return the values that stand for one that a side asks about, 0 for the first."""
        groups = self._groups[side].get(value)
        return [value] if groups is None else [group.value for group in groups]

    def terms(self, side: int, term: Term) -> Iterator[Term]:
        """Yield a term of one side in values that hold for both; several that exclude each other."""
        row = next((value for value in term.facts if value in self._groups[side]), None)
        if row is None:
            yield term
            return
        domain = term.facts[row]
        assert isinstance(row, FirstList) and isinstance(domain, Intervals)
        rest = {value: known for value, known in term.facts.items() if value != row}
        for known in _said(self._groups[side][row], len(row.questions), domain):
            yield from self.terms(side, evolve(term, facts=rest | dict(known)))


def asks_each_once(values: Iterable[Open]) -> bool:
    """Tell whether no list is asked in two rows, or in one and by itself."""
    asked = set(values)
    texts = [text for row in _rows(asked) for text in row.questions]
    texts += [value.subject for value in asked if value.kind == LIST]
    return len(set(texts)) == len(texts)


def _rows(values: Iterable[Open]) -> list[FirstList]:
    return sorted((one for one in values if isinstance(one, FirstList)), key=lambda one: one.subject)


def _texts(values: Iterable[Open]) -> set[str]:
    """Return what is asked of single lists."""
    texts = set[str]()
    for value in values:
        if isinstance(value, FirstList):
            texts.update(value.questions)
        elif value.kind == LIST:
            texts.add(value.subject)
    return texts


def _in_both(row: FirstList, other: FirstList) -> list[str]:
    """Return the most lists that two rows ask in the same order (the longest increasing subsequence)."""
    place_of = {text: place for place, text in enumerate(other.questions)}
    ends = list[int]()
    before: dict[int, int | None] = {}
    for place in (place_of[text] for text in row.questions if text in place_of):
        length = bisect_left(ends, place)
        before[place] = ends[length - 1] if length else None
        ends[length : length + 1] = [place]
    found, last = list[str](), ends[-1] if ends else None
    while last is not None:
        found.append(other.questions[last])
        last = before[last]
    return found[::-1]


def _parted(row: FirstList, both: Sequence[str], others: set[str], name: str, side: str) -> list[_Group]:
    """Return the groups of a row of which the lists ``both`` are asked in a row that the other side asks.

    ``others`` are all lists that the other side asks, ``name`` the subject of what is asked of both.
    """
    common, own, alone = list[int](), list[int](), list[int]()
    wanted = set(both)
    for place, text in enumerate(row.questions):
        (common if text in wanted else alone if text in others else own).append(place)
    groups = [_Group.of(row, [place], "") for place in alone]
    groups += [_Group.of(row, common, name)] if common else []
    return groups + ([_Group.of(row, own, f"{row.subject}, of {side}")] if own else [])


def _said(groups: Sequence[_Group], count: int, domain: Intervals) -> Iterator[Known]:
    """Yield what is known of each group where the first of ``count`` lists to say yes is in ``domain``."""
    if len(groups) == 1:
        yield {groups[0].value: _only(groups[0], domain)}
        return
    group_of = {place: group for group in groups for place in group.places}
    start: int | None = None
    for low, high in domain:
        start = low
        for place in range(low, min(high, count)):
            if place + 1 == min(high, count) or group_of[place + 1] is not group_of[start]:
                yield _first_among(groups, group_of[start], start, place)
                start = place + 1
        if high > count:
            yield {value: known for group in groups for value, known in _none_of(group).items()}


def _only(group: _Group, domain: Intervals) -> Domain:
    """Return what a row that is one group says: the same."""
    if isinstance(group.value, FirstList):
        return domain
    return YES if 0 in domain else NO


def _first_among(groups: Sequence[_Group], of: _Group, start: int, last: int) -> Known:
    """Return what is known of all groups where the first to say yes is of some of one that stand together."""
    known: dict[Open, Domain] = {}
    for group in groups:
        size = len(group.places)
        low, high = (group.asked_before(start), size)
        if group is of:
            high = group.asked_before(last + 1) - 1
        known |= group.among(low, high)
    return known


def _none_of(group: _Group) -> Known:
    return group.among(len(group.places), len(group.places))
