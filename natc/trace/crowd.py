"""Crowds: states that differ in their destination only go on as one.

Behind the translation a service with 5,000 endpoints has 5,000 packets for which every further rule comes
out alike, unless it asks for the destination. So states that are equal in all else become one state, a
crowd, whose packet and facts do not know what tells its members apart: the destination and whatever not all
of them know of open values. Whoever asks for that meets :class:`TellApartError`, and the crowd's members go
on one by one until they have passed the table. An answer is therefore the one that they would come to alone.
Routing is shown one of those members that it does not tell apart (:func:`routed`).

Measured with 5,000 endpoints: of 90,000 rules that were evaluated 40,000 are left, of 4.7 s of CPU 3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NoReturn

from natc.netfilter.kinds.addresses import text_of
from natc.netfilter.packet import Domain, Facts, Open, Packet
from natc.probability import CERTAIN, Odds
from natc.trace.state import Crowd, Member, State, Trail
from natc.values import changed

#: Fewer states than this go on by themselves.
WORTH_IT = 16


class TellApartError(Exception):
    """Somebody asked for what tells the members of a crowd apart."""


class CrowdPacket(Packet):
    """A packet of which everything but the destination is known."""

    @property
    def dst(self) -> NoReturn:
        raise TellApartError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CrowdPacket) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.src, self.dport, self.mark, self.out_interface))


class CrowdFacts(Facts):
    """What all members know alike of open values; ``differing`` are the values of which they do not."""

    __slots__ = ("differing",)
    differing: frozenset[Open]

    @classmethod
    def of(cls, known: dict[Open, Domain], differing: frozenset[Open]) -> CrowdFacts:
        facts = cls(known)
        facts.differing = differing
        return facts

    def _checked(self, value: Open) -> Open:
        if value in self.differing:
            raise TellApartError
        return value

    def narrowed(self, value: Open) -> Domain | None:
        return super().narrowed(self._checked(value))

    def domain(self, value: Open) -> Domain | None:
        return super().domain(self._checked(value))

    def with_domain(self, value: Open, domain: Domain) -> Facts:
        return self.of(dict(super().with_domain(self._checked(value), domain).known), self.differing)

    def without(self, value: Open) -> Facts:
        return self.of(dict(super().without(value).known), self.differing)


def told_apart(step: Callable[[State], list[State]]) -> Callable[[State], list[State]]:
    """Return a step that also takes crowds: as one where it can, else member by member."""

    def stepped(state: State) -> list[State]:
        if state.crowd is None:
            return step(state)
        try:
            return step(state)
        except TellApartError:
            return [after for one in each(state) for after in step(one)]

    return stepped


def goes_to(state: State, address: int | Open) -> bool:
    """Tell whether an address is the destination; of a crowd that can be said where it is nobody's."""
    if state.crowd is None:
        return state.packet.dst == address
    if isinstance(address, Open) or _named(address, state.packet.family) in state.crowd.addresses:
        raise TellApartError
    return False


def routed(
    route: Callable[[State], list[State]],
    alike: Callable[[State], Callable[[int], Hashable]],
    state: State,
) -> list[State]:
    """Route a state; those of a crowd together whose destinations are routed alike.

    ``alike`` says for a state what of destinations is so: where that is equal, so are their routes.
    """
    if state.crowd is None:
        return route(state)
    groups: dict[Hashable, list[Member]] = {}
    of = alike(state)
    for member in state.crowd.members:
        groups.setdefault(of(member.dst), []).append(member)
    return [after for group in groups.values() for after in _routed(route, state, group)]


def _routed(route: Callable[[State], list[State]], state: State, members: Sequence[Member]) -> list[State]:
    """Route a part of a crowd: one of its members is shown to routing, and nothing of them that differs."""
    if len(members) < WORTH_IT:
        return [after for member in members for after in route(_left(state, member))]
    shown = object.__new__(Packet)
    shown.__dict__.update(state.packet.__dict__, dst=members[0].dst)
    crowd = _crowd(members, state.packet.family)
    return [
        changed(_without_destination(after), facts=after.facts)
        for after in route(changed(state, packet=shown, crowd=crowd))
    ]


def gathered(states: list[State]) -> list[State]:
    """Put states between two tables that differ in their destination only into crowds."""
    if len(states) < WORTH_IT or states[0].frames:
        return states
    groups: dict[Any, list[State]] = {}
    for state in states:
        single = state.crowd is None and isinstance(state.packet.dst, int)
        groups.setdefault(_without_destination(state) if single else id(state), []).append(state)
    return [one for group in groups.values() for one in _one_or_all(group)]


def _one_or_all(group: list[State]) -> list[State]:
    if len(group) < WORTH_IT:
        return group
    members = [
        Member(one.packet.dst, one.facts, one.odds, one.likeliest, one.ways, one.trail)
        for one in group
        if isinstance(one.packet.dst, int)
    ]
    return [crowd_of(group[0], members)]


def crowd_of(like: State, members: Sequence[Member]) -> State:
    """Return the crowd of ``members``, in all else like a state whose destination is known."""
    known, differing = _common([member.facts for member in members])
    return changed(
        _without_destination(like),
        facts=CrowdFacts.of(known, differing),
        odds=CERTAIN,
        likeliest=CERTAIN,
        ways=1,
        trail=Trail(),
        crowd=_crowd(members, like.packet.family),
    )


def _crowd(members: Sequence[Member], family: int) -> Crowd:
    times = Counter(_named(member.dst, family) for member in members)
    return Crowd(members, frozenset(times), max(times.values()))


def of_members(like: State, members: Sequence[Member]) -> list[State]:
    """Return a crowd, or if they are few the states that ``members`` are by themselves."""
    if len(members) >= WORTH_IT:
        return [crowd_of(like, members)]
    return [
        changed(
            like,
            packet=changed(like.packet, dst=member.dst),
            facts=member.facts,
            odds=member.odds,
            likeliest=member.likeliest,
            ways=member.ways,
            trail=member.trail,
        )
        for member in members
    ]


def _named(address: int, family: int) -> str | int:
    return address if family == 6 else text_of(address, 32)


def _common(facts: Sequence[Facts]) -> tuple[dict[Open, Domain], frozenset[Open]]:
    """Return what all know alike, and the values of which they know different things."""
    common = dict(facts[0].known)
    values = set(common)
    for one in facts:
        values.update(one.known)
        for value in [value for value, domain in common.items() if one.known.get(value) != domain]:
            del common[value]
    return common, frozenset(values - common.keys())


def _without_destination(state: State) -> State:
    """Return what the members of a crowd have in common."""
    packet = object.__new__(CrowdPacket)
    packet.__dict__.update(state.packet.__dict__)
    del packet.__dict__["dst"]
    return changed(state, packet=packet, facts=_ANY)


_ANY = Facts()


def each(state: State) -> list[State]:
    """Return the states that a crowd stands for, each with what happened to the crowd since it is one."""
    crowd = state.crowd
    return [state] if crowd is None else [_left(state, member) for member in crowd.members]


def _left(state: State, member: Member) -> State:
    packet = object.__new__(Packet)
    packet.__dict__.update(state.packet.__dict__, dst=member.dst)
    facts = state.facts
    assert isinstance(facts, CrowdFacts)
    own = {value: domain for value, domain in member.facts.known.items() if value in facts.differing}
    return changed(
        state,
        packet=packet,
        facts=Facts(own | dict(facts.known)) if facts.known else member.facts,
        odds=_times(member.odds, state.odds),
        likeliest=_times(member.likeliest, state.likeliest),
        ways=member.ways * state.ways,
        trail=Trail(joined=(member.trail, state.trail)),
        crowd=None,
    )


def _times(odds: Odds, behind: Odds) -> Odds:
    return odds if behind is CERTAIN else odds * behind


def met(states: list[State], merge: Callable[[list[State]], list[State]]) -> list[State]:
    """Merge the states that meet at a point: crowds that are equal, and the others into crowds.

    A state may be equal to a crowd's member, or a member to another crowd's: they go on side by side, and are
    merged when they have left their crowds. That makes no more crowds than tables are passed.
    """
    crowds = [state for state in states if state.crowd is not None]
    if not crowds:
        return gathered(merge(states))
    single = [state for state in states if state.crowd is None]
    return [*merge(crowds), *(gathered(merge(single)) if single else ())]
