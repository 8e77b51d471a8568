"""Connection tracking as the walk needs it: the packet's state, and the translations of nat.

:class:`FirstPacket` is the tracker of a question: the packet's state is what the question says, and
no other connection is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from natc.netfilter.effect import Masquerade, Redirect, Translate
from natc.netfilter.hooks import NAT_SIDE
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds.addresses import Network
from natc.netfilter.kinds.nat import NatRange
from natc.netfilter.kinds.ports import PortRange
from natc.netfilter.packet import Open, Packet
from natc.trace.split import Answer, Split, split
from natc.trace.state import State
from natc.values import changed, frozen

if TYPE_CHECKING:
    from natc.netfilter.node.host import Host
    from natc.trace.tracking.redirected import Redirected


class Tracker(Protocol):
    """What the walk asks of connection tracking."""

    def track(self, state: State) -> list[State]:
        """Look the packet's connection up, behind raw."""
        ...

    def consults_nat(self, state: State) -> Answer:
        """Whether the rules of the nat table are asked at this hook."""
        ...

    def nat_passed(self, state: State) -> State:
        """Settle this hook's side of the translation, and rewrite packets of known connections."""
        ...

    def translate(self, state: State, effect: Translate) -> list[State]:
        """Bind the connection to what DNAT, SNAT or NETMAP say."""
        ...

    def masquerade(self, state: State, effect: Masquerade) -> list[State]:
        """Bind the connection's source to the outgoing interface's address."""
        ...

    def redirect(self, state: State, effect: Redirect) -> list[State]:
        """Bind the connection's destination to this node."""
        ...

    def set_mark(self, state: State, mark: int) -> State:
        """Give the connection a mark."""
        ...

    def confirm(self, state: State) -> list[State]:
        """Remember the connection, when the packet leaves or is delivered."""
        ...


@frozen
class FirstPacket:
    """Tracks one packet in the state that the question gives it, by default NEW."""

    ctstate: str | Open = "NEW"
    host: Host | None = None
    """The node, if it is known: which address a masqueraded packet gets."""

    def assumptions(self, packet: Packet) -> tuple[str, ...]:
        """Return what is taken for granted of a packet's connection."""
        return ()

    def track(self, state: State) -> list[State]:
        again = state.again and not state.binding.template
        if again or state.packet.ctstate is not None:  # over lo, or NOTRACK
            return [state]
        found = state.with_packet(ctstate=self.ctstate)
        if isinstance(self.ctstate, Open):  # what is INVALID has no connection, whatever the rules ask of it
            answer = split(found, self.ctstate, _INVALID)
            splits = [Split(answer, found)] if isinstance(answer, bool) else answer
            return [_bound_to(one.state, fresh=not one.truth, tracked=not one.truth) for one in splits]
        return [_bound_to(found, fresh=self.ctstate == "NEW", tracked=self.ctstate != "INVALID")]

    def consults_nat(self, state: State) -> Answer:
        if not state.binding.fresh or NAT_SIDE[state.hook] in state.binding.decided:
            return False
        if isinstance(state.packet.ctstate, Open):
            return split(state, state.packet.ctstate, frozenset({"NEW"}))
        return state.packet.ctstate == "NEW"

    def nat_passed(self, state: State) -> State:
        binding = state.binding
        return changed(state, binding=changed(binding, decided=binding.decided | {NAT_SIDE[state.hook]}))

    def translate(self, state: State, effect: Translate) -> list[State]:
        packet = state.packet
        address = getattr(packet, effect.side)
        if effect.network is not None:
            return [self._bound(state, effect.side, {effect.side: _in_network(effect.network, address)})]
        to = _address(effect.to, f"address chosen from {effect.to.first}-{effect.to.last}", address)
        if effect.side == "src":
            fields = {"src": to, "sport": _source_port(effect.to.ports, packet.sport, effect.random)}
        else:
            fields = {"dst": to, "dport": _port(effect.to.ports, packet.dport, effect.random)}
        return [self._bound(state, effect.side, fields)]

    def masquerade(self, state: State, effect: Masquerade) -> list[State]:
        packet = state.packet
        source: int | Open | None = MASQUERADED
        if self.host is not None and isinstance(packet.dst, int) and isinstance(packet.out_interface, str):
            from natc.netfilter.node import own_addresses

            gateway = state.route.gateway
            source = own_addresses.masquerade_address(self.host, packet.out_interface, packet.dst, gateway)
        if source is None:
            return [changed(state, verdict="DROP", frames=())]
        fields = {"src": source, "sport": _source_port(effect.ports, packet.sport, effect.random)}
        return [changed(self._bound(state, "src", fields), masqueraded=True)]

    def redirect(self, state: State, effect: Redirect) -> list[State]:
        return [self._redirected(one, to, effect) for one, to in self._own_addresses(state)]

    def _redirected(self, state: State, to: int | Open | None, effect: Redirect) -> State:
        if to is None:
            return changed(state, verdict="DROP", frames=())
        fields = {"dst": to, "dport": _port(effect.ports, state.packet.dport, effect.random)}
        return self._bound(state, "dst", fields)

    def _own_addresses(self, state: State) -> list[Redirected]:
        """Return the addresses REDIRECT sends packets to, None where the interface has none, and which."""
        packet = state.packet
        if state.local:
            return [(state, 0x7F000001 if packet.family == 4 else 1)]
        if self.host is None or not isinstance(packet.dst, int):
            return [(state, REDIRECTED)]
        if isinstance(packet.in_interface, Open):
            from natc.trace.tracking.redirected import by_interface

            return by_interface(self.host, state, REDIRECTED)
        from natc.netfilter.node import own_addresses

        return [(state, own_addresses.redirect_address(self.host, packet.in_interface, packet.dst))]

    @staticmethod
    def _bound(state: State, side: str, fields: Mapping[str, object]) -> State:
        packet = changed(state.packet, **fields)
        word = "SNAT" if side == "src" else "DNAT"
        translated = state.binding.translated
        if packet != state.packet:  # a mapping onto itself is no translation for the kernel
            translated |= {word}
        return changed(state, packet=packet, binding=changed(state.binding, translated=translated))

    def set_mark(self, state: State, mark: int) -> State:
        return changed(state, binding=changed(state.binding, mark=mark))

    def confirm(self, state: State) -> list[State]:
        return [state]


def _bound_to(state: State, *, fresh: bool, tracked: bool) -> State:
    return changed(state, binding=changed(state.binding, fresh=fresh, tracked=tracked, template=False))


_INVALID = frozenset({"INVALID"})
#: The source of a masqueraded packet, when the outgoing interface's address is not known.
MASQUERADED = Open("address of the outgoing interface", "own")
#: The destination of a redirected packet, when the incoming interface's address is not known.
REDIRECTED = Open("address of the incoming interface", "own")
CHOSEN_PORT = Open("translated port")


def _in_network(network: Network, address: int | Open) -> int | Open:
    """Return the address that NETMAP makes of another: the network's part replaced, the rest kept."""
    if isinstance(address, Open):
        first = network.address & network.mask
        last = first | ~network.mask & (1 << network.bits) - 1
        return Open(f"address in {network}, the host's part kept", "", numbers(first, last))
    return network.address & network.mask | address & ~network.mask


def _address(to: NatRange, kind: str, old: int | Open) -> int | Open:
    if to.first is None or to.last is None:
        return old
    if to.first == to.last:
        return int(to.first)
    return Open(kind, "", numbers(int(to.first), int(to.last)))


def _source_port(ports: PortRange | None, old: int | Open | None, random: bool) -> int | Open | None:
    """Return the source port after translation: kept if it may be, else any of the range (nf_nat_core.c).

    A port that clashes with another connection's is not kept either: a first packet is asked about alone.
    """
    if ports is None:
        return CHOSEN_PORT if random and old is not None else old
    kept = _port(ports, old, random)
    return kept if kept == old or isinstance(kept, Open) or ports.low == ports.high else _any_of(ports)


def _port(ports: PortRange | None, old: int | Open | None, random: bool) -> int | Open | None:
    """Return the port after translation: kept when it is in the range, else the lowest (nf_nat_core.c)."""
    if ports is None or old is None:
        return old
    if ports.low == ports.high:
        return ports.low
    if random or isinstance(old, Open):
        return _any_of(ports)
    return old if old in ports else ports.low


def _any_of(ports: PortRange) -> Open:
    return Open("translated port", f"{ports.low}-{ports.high}", numbers(ports.low, ports.high))
