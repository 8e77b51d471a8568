"""Where a packet is on its way, and everything that happened to it so far: one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from natc.netfilter.conntrack.zone import NO_ZONE, Zone
from natc.netfilter.packet import NO_FACTS, Domain, Facts, Open, OpenMark, Packet, overlap
from natc.netfilter.rule import Rule
from natc.probability import CERTAIN, Odds
from natc.values import changed, define, field, frozen, value

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection
    from natc.netfilter.memory import Memory
    from natc.trace.tee import Copies


@value
class Step:
    """One rule that matched, or a policy that applied, or a random rule that was passed by."""

    table: str
    chain: str
    number: int | None
    """The rule's number in its chain from 1; None for the policy."""
    rule: Rule | None = None
    odds: Odds | None = None
    """The factor that a random rule contributed."""
    taken: bool = True
    """False for a random rule that did not match: it is no step of the path but has odds."""


@value(eq=False)
class Trail:
    """The steps so far, the last one first; states share what they have in common.

    Where states of different facts were joined, the trail forks: each way has the facts it holds
    under and the odds of its likeliest branch. Where a state has left a crowd, it is joined of its own
    trail up to there and the crowd's from there on.
    """

    step: Step | None = None
    before: Trail | None = None
    ways: tuple[tuple[Facts, Odds, Trail], ...] = ()
    joined: tuple[Trail, Trail] | None = None
    fork: Trail | None = field(init=False, repr=False)
    """The fork or joint nearest behind, this trail itself if it is one."""
    sooner: Trail | None = field(init=False, repr=False)
    """The end of the nearest step behind that was taken, as far as the fork: a path to the last of 5,000
    endpoints has ten steps and passes 5,000 rules by."""
    passed: int = field(init=False, repr=False)
    """How many random rules were passed by since the fork."""

    @fork.default
    def _fork(self) -> Trail | None:
        return self if self.ways or self.joined else self.before.fork if self.before else None

    @sooner.default
    def _sooner(self) -> Trail | None:
        before = self.before
        if before is None or before.parts_end or (before.step is not None and before.step.taken):
            return None if before is None or before.parts_end else before
        return before.sooner

    @passed.default
    def _passed(self) -> int:
        own = self.step is not None and not self.step.taken
        return own + (self.before.passed if self.before is not None and not self.before.parts_end else 0)

    @property
    def parts_end(self) -> bool:
        """Whether the steps in a row end here: at a fork or a joint."""
        return self.fork is self

    def and_then(self, step: Step) -> Trail:
        return Trail(step, self)

    def parts(self, known: Mapping[Open, Domain]) -> list[Trail]:
        """Return the ends of the parts between forks and joints, the last one first, on the likeliest way."""
        out = [self]
        while (fork := out[-1].fork) is not None:
            if fork.joined is None:
                out.append(_likeliest(fork.ways, known))
            else:
                own, crowds = fork.joined
                out += [*crowds.parts(known), own]
        return out

    def path(self, known: Mapping[Open, Domain] | None = None) -> list[Step]:
        """Return the steps that were taken, in their order, on the likeliest way under what is known."""
        out: list[Step] = []
        for part in self.parts(known or {}):
            trail: Trail | None = part
            while trail is not None and not trail.parts_end:
                if trail.step is not None and trail.step.taken:
                    out.append(trail.step)
                trail = trail.sooner
        return out[::-1]

    def steps(self, known: Mapping[Open, Domain] | None = None) -> list[Step]:
        """Return the steps in the order they were taken, on the likeliest way under what is known."""
        out: list[Step] = []
        for part in self.parts(known or {}):
            trail: Trail | None = part
            while trail is not None and not trail.parts_end:
                if trail.step is not None:
                    out.append(trail.step)
                trail = trail.before
        return out[::-1]


def _likeliest(ways: tuple[tuple[Facts, Odds, Trail], ...], known: Mapping[Open, Domain]) -> Trail:
    """Return the likeliest of the ways that can be taken under what is known."""
    open_ways = [way for way in ways if _agree(way[0], known)] or ways
    return max(open_ways, key=lambda way: way[1])[2]


def _agree(facts: Facts, known: Mapping[Open, Domain]) -> bool:
    """Tell whether some value of everything known fits the facts."""
    for opened, domain in facts.known.items():
        other = known.get(opened)
        if other is not None and not overlap(domain, other):
            return False
    return True


@value
class Frame:
    """A place in a chain. Below the innermost frame, ``index`` is the rule that jumped."""

    chain: str
    index: int = 0
    left: bool = False
    """The chain was left with a goto: nothing comes back to it."""


@frozen
class Route:
    """A routing decision: the device, the next hop where it is not the destination itself."""

    device: str | Open = ""
    gateway: int | None = None
    to_itself: bool = False
    """Everybody on the device gets it, the node itself included."""
    realms: int | None = 0
    """The realms of a known node's route; None where an open source has a part in them."""


NOWHERE = Route()


@frozen(slots=False)
class Binding:
    """What the walk knows of the packet's connection beyond the packet's own fields."""

    connection: Connection | None = None
    """The entry of the connection table; None when there is none, or no table to look in."""
    direction: int = 0
    """1 for a packet that goes in the direction of the replies."""
    tracked: bool = False
    """The packet belongs to a connection: it is neither INVALID nor UNTRACKED nor yet to be looked up."""
    fresh: bool = False
    """The packet creates the connection, so the nat tables are consulted."""
    translated: frozenset[str] = frozenset()
    """SNAT and DNAT, as far as they are done."""
    decided: frozenset[str] = frozenset()
    """The sides ("src", "dst") that a nat hook has settled, with or without a translation."""
    mark: int = 0
    """The connection's mark."""
    zone: Zone = NO_ZONE
    """The zone that a CT target put the packet in."""
    template: bool = False
    """A CT target gave the packet a template of a connection; until it is tracked that counts as one."""
    answers_untracked: bool = False
    """The packet answers an untracked one: it counts as seen, and CT leaves it (nf_conntrack_attach)."""
    helper: str | None = None


NO_BINDING = Binding()


@value(eq=False)
class Member:
    """A state of a crowd: what it does not share with the others."""

    dst: int
    facts: Facts
    odds: Odds
    likeliest: Odds
    ways: int
    trail: Trail


@frozen(eq=False)
class Crowd:
    """States that differ in their destination, in what is known of open values and in what leads to them."""

    members: Sequence[Member]
    addresses: frozenset[str | int] = frozenset()
    """Their destinations, as the index of a chain writes them."""
    most: int = 1
    """How many of them have the destination that most have."""


@define(eq=False)
class Draws:
    """Multiplies odds; states that come to a random rule together mostly share theirs, and then the product.

    Behind 5,000 random rules each product has up to 155,000 bits.
    """

    _of: Odds = CERTAIN
    _products: dict[int, Odds] = field(factory=dict)

    def times(self, odds: Odds, part: Odds) -> Odds:
        """Return ``odds * part``, the same number for the same two in a row; ``part`` is a 31-bit draw's."""
        if odds is not self._of:
            self._of, self._products = odds, {}
        found = self._products.get(part.num)
        if found is None:
            found = self._products[part.num] = odds * part
        return found


@frozen(slots=False)
class State:
    """A packet at one point of its way. States at the same point that are otherwise equal merge."""

    packet: Packet
    hook: str = ""
    passed: int = 0
    """How many hooks and routing decisions lie behind: the first part of the order of points."""
    table: int = 0
    """Which element of the hook's sequence."""
    frames: tuple[Frame, ...] = ()
    facts: Facts = NO_FACTS
    binding: Binding = NO_BINDING
    memory: Memory | None = None
    """What the kernel remembers; None when that is not known."""
    route: Route = NOWHERE
    """Where routing sends the packet; its out_interface follows when the hook that saw it is left."""
    routed: Packet | None = None
    """The packet before the table that may have it routed again."""
    local: bool = False
    """A process on the node sent the packet."""
    header_included: bool = False
    """The process wrote the header itself, so its first route was chosen without the source."""
    hook_mark: int | OpenMark = 0
    """The mark with which the packet entered the hook it is in."""
    first_state: str | Open | None = None
    """The connection's state behind the first hook."""
    original: State | None = None
    """Of the copy of a broadcast or multicast that the node itself gets: the packet that is sent after it."""
    copies: Copies | None = None
    """The copies that TEE sent; None before the first (:mod:`natc.trace.tee`)."""
    again: bool = False
    """The second pass of local traffic, over lo."""
    verdict: str = ""
    """Empty while the packet is on its way."""
    drop_at: str | None = None
    """The rule or policy that dropped the packet: "table chain number" or "table chain policy"."""
    rejected: str | None = None
    """How a REJECT answers, in iptables' words."""
    errno: str | None = None
    """What the sending process is told."""
    reason: str | None = None
    """Why routing did not send the packet on, for a person."""
    answer: tuple[int, int] | None = None
    """ICMP type and code with which routing refuses the packet."""
    masqueraded: bool = False
    """The source became the outgoing interface's address, whichever that is."""
    odds: Odds = field(default=CERTAIN, eq=False)
    trail: Trail = field(default=Trail(), eq=False)
    likeliest: Odds = field(default=CERTAIN, eq=False)
    """The odds of the branch whose trail this is; less than ``odds`` after a merge."""
    ways: int = field(default=1, eq=False)
    """How many branches merged into this state."""
    crowd: Crowd | None = None
    """The states that this one stands for (:mod:`natc.trace.crowd`)."""

    def __hash__(self) -> int:
        """Of what differs between states at one point; equal states have equal hashes."""
        return hash((self.packet, self.facts, self.verdict, self.drop_at))

    @property
    def copied(self) -> State | None:
        """What TEE copied, where this packet is a copy: it goes on when this one has come to its end."""
        return None if self.copies is None else self.copies.of

    @property
    def point(self) -> tuple[int, ...]:
        """Where the state is; every step leads to a greater point."""
        return (self.passed, self.table, *(frame.index for frame in self.frames))

    def narrowed(self, value: Open, domain: Any) -> State:
        """Return the state with ``value`` known to lie in ``domain``."""
        return changed(self, facts=self.facts.with_domain(value, domain))

    def with_packet(self, **changes: Any) -> State:
        return changed(self, packet=changed(self.packet, **changes))

    def drawn(self, odds: Odds, draws: Draws) -> State:
        """Return the state after a random rule that had these odds to go this way."""
        drawn = draws.times(self.odds, odds)
        same = self.likeliest is self.odds  # as long as no branches have met, they are one number
        return changed(self, odds=drawn, likeliest=drawn if same else self.likeliest * odds)

    def on_trail(self, step: Step) -> State:
        return changed(self, trail=self.trail.and_then(step))
