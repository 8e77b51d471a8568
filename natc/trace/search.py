"""Two ways to explore the choices: merged, for exact odds, and branch by branch, likeliest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from natc.netfilter.packet import Facts, Open, Packet
from natc.probability import Odds, total
from natc.trace.crowd import each, met, told_apart
from natc.trace.state import State, Trail
from natc.values import changed, frozen

Stepper = Callable[[State], list[State]]


class CrowdedError(Exception):
    """So many states of one packet meet at a point that what they were split by doubles them on and on."""


def merged(step: Stepper, starts: Iterable[State], most: int | None = None) -> list[State]:
    """Return the final states, each with the summed odds of all ways that lead to it.

    States are taken in the order of their points, so that all states that ever reach a point are
    there when it is its turn, and those that are equal go on as one. Raises :class:`CrowdedError` where
    more than ``most`` of one packet differ in what is known of open values.
    """
    waiting: dict[tuple[int, ...], list[State]] = {}
    points: list[tuple[int, ...]] = []
    final: list[State] = []

    def put(states: Iterable[State]) -> None:
        for state in states:
            if state.verdict:
                final.append(state)
                continue
            point = state.point
            if point not in waiting:
                waiting[point] = []
                heappush(points, point)
            waiting[point].append(state)

    step = told_apart(step)
    put(starts)
    while points:
        together = met(waiting.pop(heappop(points)), merge)
        if most is not None and _sharing(together, most) > most:
            raise CrowdedError
        for state in together:
            put(step(state))
    return _fully_merged([one for state in met(final, merge) for one in each(state)])


def _fully_merged(states: list[State]) -> list[State]:
    """Merge until nothing more can be: what is joined in its source may then be joined in a question."""
    while len(joined := merge(states)) < len(states):
        states = joined
    return joined


def _sharing(states: list[State], most: int) -> int:
    """Return how many states the packet has that most have, counted only where there are many."""
    if sum(len(state.crowd.members) if state.crowd else 1 for state in states) <= most:
        return 0
    times: Counter[Packet] = Counter()
    for state in states:
        times[state.packet] += state.crowd.most if state.crowd else 1
    return max(times.values())


@frozen
class _Likelier:
    """Orders a heap by falling hope, ties by youth: of equal ways one is gone to its end first."""

    hope: Odds
    age: int

    def __lt__(self, other: _Likelier) -> bool:
        return self.age > other.age if self.hope == other.hope else other.hope < self.hope


def branches(
    step: Stepper, starts: Iterable[State], bound: Callable[[State], Odds] | None = None
) -> Iterator[State]:
    """Yield every branch by itself, the most likely first, working no further ahead than asked.

    ``bound`` says how likely the rest of a state's way can be at most: the closer, the less is looked
    at before the first branch comes.
    """
    ages = count()
    heap: list[tuple[_Likelier, State]] = []

    def put(states: Iterable[State]) -> None:
        for state in reversed([*states]):
            hope = state.odds if bound is None or state.verdict else state.odds * bound(state)
            heappush(heap, (_Likelier(hope, next(ages)), state))

    put(starts)
    while heap:
        _, state = heappop(heap)
        if state.verdict:
            yield state
            continue
        after = step(state)
        while not heap and len(after) == 1 and not after[0].verdict:  # there is nothing it could come behind
            after = step(after[0])
        put(after)


def merge(states: list[State]) -> list[State]:
    """Merge states that differ in nothing, and those of equal odds that differ in one open value."""
    if len(states) == 1 or (states[0].crowd is None and _all_apart(states)):
        return states
    summed = _equal_summed(states)
    knowing = _by_value(summed)
    for value in sorted(knowing, key=lambda value: (value.kind, value.subject)):
        if not _may_be_united(knowing.get(value, ()), value):
            continue
        united = _united(summed, value)
        if united is not summed:
            summed = _equal_summed(united)
            knowing = _by_value(summed)
    return summed


def _by_value(states: list[State]) -> dict[Open, list[State]]:
    """Return the states that know something of each open value: only these can be joined in it.

    Of the addresses of 160 endpoints each is known to a few: looking at all states for each took a third
    of comparing two such services.
    """
    knowing: dict[Open, list[State]] = {}
    for state in states:
        for value in state.facts.known:
            knowing.setdefault(value, []).append(state)
    return knowing


def _may_be_united(states: Sequence[State], value: Open) -> bool:
    """Tell whether there may be two that know the same of all else, by marks."""
    return len({_mark(state, value) for state in states}) < len(states)


def _mark(state: State, value: Open) -> Hashable:
    """Return what is equal for like packets that know the same but for a value, and are as likely."""
    return state.facts.mark_without(value), hash(state.packet), state.odds.exp


def _all_apart(states: list[State]) -> bool:
    """Tell whether no two states can be equal or differ only in facts, by what mostly differs: quickly."""
    packets = [state.packet for state in states]
    return len({(packet.mark, packet.dst, packet.dport, packet.src) for packet in packets}) == len(states)


def _equal_summed(states: list[State]) -> list[State]:
    alike: dict[State, list[State]] = {}
    for state in states:
        alike.setdefault(state, []).append(state)
    if len(alike) == len(states):
        return states
    return [
        group[0] if len(group) == 1 else _one(group, group[0].facts, total(state.odds for state in group))
        for group in alike.values()
    ]


def _united(states: list[State], value: Open) -> list[State]:
    """Join states under ``source in A`` and ``source in B`` into one under ``source in A or B``.

    A state's odds count for every value its facts allow, so only disjoint domains are joined.
    """
    marks = [_mark(state, value) if value in state.facts.known else id(state) for state in states]
    times = Counter(marks)
    groups: dict[Any, list[State]] = {}
    for mark, state in zip(marks, states, strict=True):
        alone = times[mark] == 1
        rest = id(state) if alone else changed(state, facts=state.facts.without(value))
        groups.setdefault(rest, []).append(state)
    if len(groups) == len(states):
        return states
    return [joined for group in groups.values() for joined in _joined_by_odds(group, value)]


def _joined_by_odds(group: list[State], value: Open) -> list[State]:
    if len(group) == 1:
        return group
    alike: dict[tuple[int, int], list[State]] = {}
    for state in group:
        alike.setdefault((state.odds.num, state.odds.exp), []).append(state)
    return [joined for members in alike.values() for joined in _disjoint_joined(members, value)]


def _disjoint_joined(group: list[State], value: Open) -> list[State]:
    heaps: list[tuple[Any, list[State]]] = []
    for state in group:
        domain = state.facts.domain(value)
        for place, (taken, members) in enumerate(heaps):
            if not taken & domain:
                heaps[place] = (taken | domain, [*members, state])
                break
        else:
            heaps.append((domain, [state]))
    return [
        members[0]
        if len(members) == 1
        else _one(members, members[0].facts.with_domain(value, taken), members[0].odds)
        for taken, members in heaps
    ]


def _one(group: list[State], facts: Facts, odds: Odds) -> State:
    """Return the state that stands for ``group``; its trail forks where the facts of its states differ."""
    best = max(group, key=lambda state: state.likeliest)
    trail = best.trail
    if any(state.facts != best.facts for state in group):
        trail = Trail(ways=tuple((state.facts, state.likeliest, state.trail) for state in group))
    return changed(best, facts=facts, odds=odds, ways=sum(state.ways for state in group), trail=trail)
