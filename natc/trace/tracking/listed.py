"""Connection tracking for a trace that is given the node's connections.

A packet of a connection in the list follows its binding: nat's rules are not asked again. Where the
packet leaves its source port open, each connection it can belong to is a case of its own; where the
source itself is open it is taken for the first packet of a connection that is not in the list.
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.conntrack.connection import ICMP, ICMPV6, Connection, Status, Tuple
from natc.netfilter.conntrack.tracker import Connections
from natc.netfilter.conntrack.zone import NO_ZONE, Zone
from natc.netfilter.hooks import NAT_SIDE
from natc.netfilter.intervals import number
from natc.netfilter.nat import choice
from natc.netfilter.packet import Open, Packet
from natc.trace.split import Answer, split
from natc.trace.state import State
from natc.trace.tracking.table import bound, rewritten
from natc.trace.tracking.tracker import FirstPacket
from natc.values import field, frozen

_ICMP = (ICMP, ICMPV6)
#: How many lines of the list are named.
_FEW = 3
_OPENING = frozenset({"SYN"})


@frozen
class ListedConnections(FirstPacket):
    """Tracks one packet that may belong to a connection of the list."""

    table: Connections = field(kw_only=True)
    has_nat: bool = field(default=True, kw_only=True)
    """Whether the ruleset has a nat table: without one nothing is ever translated."""

    def track(self, state: State) -> list[State]:
        if state.again or state.packet.ctstate is not None or state.binding.tracked:
            return [state]
        out: list[State] = []
        rest: State | None = state
        for connection, direction in self.members(state.packet, state.binding.zone):
            if rest is None:
                break
            inside, rest = _parted(rest, connection.tuple_of(direction))
            out += [self._found(inside, connection, direction)] if inside is not None else []
        return out if rest is None else [*out, *super().track(rest)]

    def members(self, packet: Packet, zone: Zone = NO_ZONE) -> Iterator[tuple[Connection, int]]:
        """Yield the connections that the packet can be of, with its direction in each.

        None when more than its source port is open: then it could be of very many.
        """
        if isinstance(packet.src, Open) or isinstance(packet.dport, Open) or packet.proto in _ICMP:
            return
        for connection in self.table:
            for direction in (1, 0):
                same_zone = zone.of(direction) == connection.zone.of(direction)
                if same_zone and _fits(connection.tuple_of(direction), packet):
                    yield connection, direction
                    break

    def assumptions(self, packet: Packet) -> tuple[str, ...]:
        """Return what is taken for granted of a packet that could be of very many connections."""
        if packet.proto in _ICMP:
            return ("the packet is of no connection of the list: of ICMP none is looked up",)
        if not isinstance(packet.src, Open) and not isinstance(packet.dport, Open):
            return ()
        to = [one for one in self.table if _leads_to(one, packet)]
        if not to:
            return ()
        listed = ", ".join(str(one.read_at.line) for one in to[:_FEW] if one.read_at)
        more = f" and {len(to) - _FEW} more" if len(to) > _FEW else ""
        return (f"the packet is of no connection of the list, such as those of lines {listed}{more}",)

    @staticmethod
    def _found(state: State, connection: Connection, direction: int) -> State:
        answered = direction or Status.SEEN_REPLY in connection.status
        fields: dict[str, object] = {"ctstate": "ESTABLISHED" if answered else "NEW"}
        if answered and state.packet.flags == _OPENING:
            fields["flags"] = frozenset({"ACK"})
        length = state.packet.length
        counted = connection.counting(direction, length if isinstance(length, int) else None)
        return bound(state.with_packet(**fields), counted, direction)

    def consults_nat(self, state: State) -> Answer:
        connection = state.binding.connection
        if connection is None:
            return super().consults_nat(state)
        return state.packet.ctstate == "NEW" and not choice.settled(connection, NAT_SIDE[state.hook])

    def nat_passed(self, state: State) -> State:
        connection = state.binding.connection
        if connection is None:
            return super().nat_passed(state)
        side = NAT_SIDE[state.hook]
        return rewritten(state, connection, side) if self.has_nat else state


def _fits(one: Tuple, packet: Packet) -> bool:
    """Whether a packet can be of a tuple; only its source port may be open."""
    if (one.family, one.proto, one.src, one.dst) != (packet.family, packet.proto, packet.src, packet.dst):
        return False
    source = isinstance(packet.sport, Open) or one.sport == (packet.sport or 0)
    return source and one.dport == (packet.dport or 0)


def _leads_to(connection: Connection, packet: Packet) -> bool:
    one = connection.original
    if (one.family, one.proto, one.dst) != (packet.family, packet.proto, packet.dst):
        return False
    return isinstance(packet.dport, Open) or one.dport == (packet.dport or 0)


def _parted(state: State, one: Tuple) -> tuple[State | None, State | None]:
    """Part a state by whether its source port is that of a tuple: the state where it is, the rest."""
    if not isinstance(state.packet.sport, Open):
        return state, None
    answer = split(state, state.packet.sport, number(one.sport))
    if isinstance(answer, bool):
        return (state, None) if answer else (None, state)
    return answer[0].state, answer[1].state
