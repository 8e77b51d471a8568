"""What the trace asks of the node: the kinds of addresses, and where packets are routed.

Without a node there is still an answer: an address is the node's own or it is not, and both are
looked at as soon as a rule asks on any way. One that no rule asks about is taken for an address elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar, Protocol

from natc.netfilter.condition import DeviceGroup, ReversePath, RouteRealm
from natc.netfilter.effect import Copy
from natc.netfilter.kinds.addresses import text_of
from natc.netfilter.packet import FIRST_OUTGOING, OUTGOING, YES_OR_NO, Open, Packet
from natc.trace.crowd import goes_to
from natc.trace.split import Answer, question, split
from natc.trace.state import Route, State
from natc.values import changed, evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.node.host import Host

#: What an address can be as far as a rule may ask; without a node nothing else is told apart.
_TYPES = frozenset({"LOCAL", "UNICAST", "BROADCAST"})
_LOCAL = frozenset({"LOCAL"})
#: Types of destinations that a packet from the wire is delivered for (ip_route_input_slow).
_DELIVERED = frozenset({"LOCAL", "BROADCAST"})
_ADDRESS_TYPE = "address type"


class NodeView(Protocol):
    """The node as the walk needs it."""

    @property
    def host(self) -> Host | None:
        """The node's interfaces and routes, if they are known."""
        ...

    def for_one_trace(self) -> NodeView:
        """Return the node as one trace begins to ask it."""
        ...

    def corrected(self) -> NodeView | None:
        """Return the node to begin the trace again with, None where what was taken for granted holds."""
        ...

    def address_type(
        self, state: State, address: int | Open, types: frozenset[str], device: str | Open
    ) -> Answer:
        """Whether the routing table takes ``address`` for one of ``types``, perhaps as seen by one device."""
        ...

    def reverse_path(self, state: State, asked: ReversePath) -> Answer:
        """Whether the way back to the source is the way the packet came."""
        ...

    def device_group(self, state: State, asked: DeviceGroup) -> Answer:
        """Whether an interface is in a group."""
        ...

    def route_realm(self, state: State, asked: RouteRealm) -> Answer:
        """Whether the packet's route has a realm."""
        ...

    def arrive(self, state: State) -> list[State]:
        """Decide between PREROUTING and INPUT or FORWARD: states with ``hook`` set to one of them."""
        ...

    def set_out(self, state: State) -> list[State]:
        """Find the first outgoing interface of a packet sent by a process here."""
        ...

    def reroute(self, state: State) -> list[State]:
        """Route again a packet whose destination, source, mark or TOS a table of OUTPUT changed."""
        ...

    def settle(self, state: State) -> list[State]:
        """Settle, at the end of OUTPUT, what the route depends on and the tables have asked."""
        ...

    def copy_route(self, state: State, copy: Copy) -> Route | None:
        """Route a copy that TEE sends by its gateway; None when there is no way there."""
        ...

    def alike(self, state: State) -> Callable[[int], Hashable]:
        """Return what routing asks of a destination: a state is routed alike to those that give the same."""
        ...


@frozen
class OpenNode:
    """A node of which at most the addresses are known."""

    host: ClassVar[None] = None
    addresses: frozenset[int] | None = None
    asked: dict[int, bool] = field(factory=dict, eq=False, repr=False)
    """The addresses whose type rules ask for on some way of the trace; True where one tells broadcasts."""
    routed: dict[int, bool | None] = field(factory=dict, eq=False, repr=False)
    """What had been asked about destinations when they were routed."""

    def for_one_trace(self) -> OpenNode:
        return evolve(self, asked={}, routed={})

    def corrected(self) -> OpenNode | None:
        if all(self.asked.get(address) == known for address, known in self.routed.items()):
            return None
        return evolve(self, routed={})

    def address_type(
        self, state: State, address: int | Open, types: frozenset[str], device: str | Open
    ) -> Answer:
        found = self.kind(state, address)
        if not isinstance(found, Open):
            return found in types
        assert isinstance(address, int)
        if _sent_on(state) and goes_to(state, address):
            others = _TYPES - _LOCAL if state.local else _TYPES - _DELIVERED
            return split(state.narrowed(found, _domain(state, found) & others), found, types)
        told = ("BROADCAST" in types) != ("UNICAST" in types)
        self.asked[address] = self.asked.get(address, False) or told
        return split(state, found, types)

    def reverse_path(self, state: State, asked: ReversePath) -> Answer:
        text = "the way back to the source is the way it came"
        return question(state, Open("question", text, YES_OR_NO))

    def device_group(self, state: State, asked: DeviceGroup) -> Answer:
        text = f"the {asked.field.replace('_', ' ')}'s group is {asked.value:#x}/{asked.mask:#x}"
        return question(state, Open("question", text, YES_OR_NO))

    def route_realm(self, state: State, asked: RouteRealm) -> Answer:
        text = f"the route's realm is {asked.value:#x}/{asked.mask:#x}"
        return question(state, Open("question", text, YES_OR_NO))

    def kind(self, state: State, address: int | Open) -> str | Open:
        """Return the type of an address, or the open value that stands for it."""
        if isinstance(address, Open):
            return open_kind(state, address)
        known = plain_type(state.packet, address)
        if known or self.addresses is None:
            return known or self._guess(state, address)
        return "LOCAL" if address in self.addresses else "UNICAST"

    @staticmethod
    def _guess(state: State, address: int) -> str | Open:
        """Ask about an address; that of a packet that arrives from it is not the node's (no martian)."""
        packet = state.packet
        if not state.local and address == packet.src and address != packet.dst:
            return "UNICAST"
        return local_question(packet, address)

    def left_open(self, packet: Packet, address: int) -> bool:
        """Tell whether nothing given says of what type an address is."""
        return self.addresses is None and plain_type(packet, address) is None

    def arrive(self, state: State) -> list[State]:
        """Deliver what is known to be the node's own, forward the rest.

        A destination that no rule asked about is taken for an address elsewhere.
        """
        if not isinstance(state.packet.src, int):
            return self._arrived(state)
        from natc.trace.node.martians import let_in

        states = let_in(state, self.addresses or ())
        return [after for one in states for after in ([one] if one.verdict else self._arrived(one))]

    def _arrived(self, state: State) -> list[State]:
        own, elsewhere = self._sides(state, _DELIVERED)
        delivered = [] if own is None else [changed(own, hook="INPUT")]
        if elsewhere is None:
            return delivered
        return [*delivered, changed(elsewhere, hook="FORWARD", route=Route(OUTGOING))]

    def set_out(self, state: State) -> list[State]:
        address = state.packet.dst
        local = isinstance(address, int) and self.kind(state, address) == "LOCAL"
        return [changed(state, route=Route("lo" if local else FIRST_OUTGOING))]

    def reroute(self, state: State) -> list[State]:
        own, elsewhere = self._sides(state, _LOCAL)
        looped = [] if own is None else [changed(own, route=Route("lo"))]
        return looped if elsewhere is None else [*looped, changed(elsewhere, route=Route(OUTGOING))]

    def settle(self, state: State) -> list[State]:
        if state.route.device != FIRST_OUTGOING:
            return [state]
        own, elsewhere = self._sides(state, _LOCAL)
        looped = [] if own is None else [changed(own, route=Route("lo"))]
        return looped if elsewhere is None else [*looped, elsewhere]

    def copy_route(self, state: State, copy: Copy) -> Route:
        """A gateway that nobody called the node's own is another host."""
        if copy.gateway in (self.addresses or ()):
            return Route("lo")
        device = Open(OUTGOING.kind, f"of the copy to {copy.shown}", OUTGOING.domain)
        return Route(copy.device or device, copy.gateway)

    def alike(self, state: State) -> Callable[[int], Hashable]:
        """A destination is the node's own as far as it is known; one of which rules asked goes by itself."""
        packet, own, asked = state.packet, self.addresses or frozenset(), self.asked

        def kind(address: int) -> Hashable:
            return address if address in asked else plain_type(packet, address) or address in own

        return kind

    def _sides(self, state: State, types: frozenset[str]) -> tuple[State | None, State | None]:
        """Return the state where the destination is of one of some types, and where it is not.

        Broadcasts are told from other addresses only where a rule does so.
        """
        address = state.packet.dst
        if isinstance(address, Open):
            kind: str | Open = _kind_of_translated(address)
        else:
            kind = self.kind(state, address)
            if isinstance(kind, Open):
                told = self._told(address)
                if told is None:
                    return None, state
                return _parted(state, kind, types if told else _LOCAL)
        own = kind in types and address != 0  # 0.0.0.0 is a broadcast address that nothing is delivered for
        return (state, None) if own else (None, state)

    def _told(self, address: int) -> bool | None:
        """Return whether rules tell a broadcast from others at a destination, None where none asks."""
        told = self.routed[address] = self.asked.get(address)
        return told


def _parted(state: State, kind: Open, types: frozenset[str]) -> tuple[State | None, State | None]:
    domain = _domain(state, kind)
    own, others = domain & types, domain - types
    return (
        state.narrowed(kind, own) if own else None,
        state.narrowed(kind, others) if others else None,
    )


def _domain(state: State, kind: Open) -> frozenset[str]:
    domain = state.facts.domain(kind)
    assert isinstance(domain, frozenset)
    return domain


def _sent_on(state: State) -> bool:
    """Tell whether routing has found that the destination is not the node's: copies take their own ways."""
    device = state.route.device
    if state.copied is not None or not isinstance(device, Open):
        return False
    return device != FIRST_OUTGOING or state.hook == "POSTROUTING"


def open_kind(state: State, address: Open) -> str:
    """Return the type of an open source: the node's own when it sends, from elsewhere else (no martian)."""
    return "LOCAL" if state.local or address.subject == "own" else "UNICAST"


def _kind_of_translated(destination: Open) -> str:
    """Return the type of a destination that nat left open: the node's own behind REDIRECT."""
    return "LOCAL" if destination.subject == "own" else "UNICAST"


def local_question(packet: Packet, address: int) -> Open:
    """Return the open value: of what type is this address for the node."""
    return Open(_ADDRESS_TYPE, text_of(address, packet.bits), _TYPES)


def plain_type(packet: Packet, address: int) -> str | None:
    """Return the type of an address that has the same one on every node: it stands in its first bits.

    Asked of each of 5,000 endpoints, where the standard library's addresses took ten times as long.
    """
    if packet.family == 6:
        return "LOCAL" if address == _LOOPBACK6 else "MULTICAST" if address >> 120 == 0xFF else None
    if address >> 24 == LOOPBACK4:
        return "LOCAL"
    if address >> 28 == 0xE:
        return "MULTICAST"
    return "BROADCAST" if address in (0, 0xFFFFFFFF) else None


LOOPBACK4, _LOOPBACK6 = 127, 1
