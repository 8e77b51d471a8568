"""What the trace asks of the node: the kinds of addresses, and where packets are routed.

Without a node there is still an answer: an address is the node's own or it is not, and both are
looked at wherever a rule asks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, ClassVar, Protocol

from natc.netfilter.condition import DeviceGroup, ReversePath, RouteRealm
from natc.netfilter.effect import Copy
from natc.netfilter.kinds.addresses import text_of
from natc.netfilter.packet import FIRST_OUTGOING, OUTGOING, YES_OR_NO, Open, Packet
from natc.netfilter.values import changed
from natc.trace.crowd import values_known
from natc.trace.split import Answer, question, split
from natc.trace.state import Route, State
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.host import Host

#: What an address can be as far as a rule may ask; without a node nothing else is told apart.
_TYPES = frozenset({"LOCAL", "UNICAST", "BROADCAST"})
_ADDRESS_TYPE = "address type"


class NodeView(Protocol):
    """The node as the walk needs it."""

    @property
    def host(self) -> Host | None:
        """The node's interfaces and routes, if they are known."""
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

    def address_type(
        self, state: State, address: int | Open, types: frozenset[str], device: str | Open
    ) -> Answer:
        found = self.kind(state, address)
        return split(state, found, types) if isinstance(found, Open) else found in types

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

    def arrive(self, state: State) -> list[State]:
        """Deliver what is known to be the node's own, forward the rest.

        A destination that no rule asked about is taken for an address elsewhere.
        """
        if not isinstance(state.packet.src, int):
            return self._arrived(state)
        from natc.trace.martians import let_in

        states = let_in(state, self.addresses or ())
        return [after for one in states for after in ([one] if one.verdict else self._arrived(one))]

    def _arrived(self, state: State) -> list[State]:
        local, elsewhere = self._sides(state)
        out = []
        if local is not None:
            out.append(changed(local, hook="INPUT"))
        if elsewhere is not None:
            out.append(changed(elsewhere, hook="FORWARD", route=Route(OUTGOING)))
        return out

    def set_out(self, state: State) -> list[State]:
        address = state.packet.dst
        local = isinstance(address, int) and self.kind(state, address) == "LOCAL"
        return [changed(state, route=Route("lo" if local else FIRST_OUTGOING))]

    def reroute(self, state: State) -> list[State]:
        local, elsewhere = self._sides(state)
        out = []
        if local is not None:
            out.append(changed(local, route=Route("lo")))
        if elsewhere is not None:
            out.append(changed(elsewhere, route=Route(OUTGOING)))
        return out

    def settle(self, state: State) -> list[State]:
        if state.route.device != FIRST_OUTGOING:
            return [state]
        local, elsewhere = self._sides(state)
        own = [] if local is None else [changed(local, route=Route("lo"))]
        return own if elsewhere is None else [*own, elsewhere]

    def copy_route(self, state: State, copy: Copy) -> Route:
        """A gateway that nobody called the node's own is another host."""
        if copy.gateway in (self.addresses or ()):
            return Route("lo")
        device = Open(OUTGOING.kind, f"of the copy to {copy.shown}", OUTGOING.domain)
        return Route(copy.device or device, copy.gateway)

    def alike(self, state: State) -> Callable[[int], Hashable]:
        """A destination is the node's own as far as it is known; one of which rules asked goes by itself."""
        packet, own = state.packet, self.addresses or frozenset()
        asked = {value for value in values_known(state) if value.kind == _ADDRESS_TYPE}

        def kind(address: int) -> Hashable:
            if asked and local_question(packet, address) in asked:
                return address
            return plain_type(packet, address) or address in own

        return kind

    def _sides(self, state: State) -> tuple[State | None, State | None]:
        """Return the state where the destination is the node's own, and where it is not."""
        address = state.packet.dst
        kind = self.kind(state, address) if isinstance(address, int) else _kind_of_translated(address)
        if not isinstance(kind, Open):
            return (state, None) if kind == "LOCAL" else (None, state)
        domain = state.facts.narrowed(kind)
        if domain is None or "LOCAL" not in domain:
            return None, state
        others = _TYPES & domain - {"LOCAL"}  # type: ignore[operator]  # words, never intervals
        own = state.narrowed(kind, frozenset({"LOCAL"}))
        return own, state.narrowed(kind, others) if others else None


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
