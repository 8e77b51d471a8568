"""Connection tracking with a table: what the kernel remembers of earlier packets decides."""

from __future__ import annotations

from natc.netfilter.conntrack import gre
from natc.netfilter.conntrack.connection import GRE, MAY_CLASH, Connection, Status
from natc.netfilter.conntrack.datagrams import TABLE, datagram_of
from natc.netfilter.conntrack.tcp_segment import TcpState
from natc.netfilter.conntrack.tracker import Connections
from natc.netfilter.conntrack.zone import NO_ZONE
from natc.netfilter.effect import Masquerade, Redirect, Translate
from natc.netfilter.hooks import NAT_SIDE
from natc.netfilter.nat import choice, rewrite
from natc.netfilter.nat.mapping import Mapping
from natc.netfilter.nat.rewrite import Rewrite
from natc.netfilter.node import own_addresses
from natc.netfilter.node.host import Host
from natc.netfilter.packet import Packet
from natc.trace.split import Answer
from natc.trace.state import State
from natc.values import changed, evolve, frozen

_ICMP = (1, 58)
#: Protocols and types of the ICMP messages that are called Redirect.
_REDIRECTS = ((1, 5), (58, 137))


@frozen(eq=False)
class TableTracker:
    """Tracks packets whose fields are all known against the memory's connection table."""

    host: Host
    has_nat: bool
    """Whether the ruleset has a nat table: without one nothing is ever translated."""

    def track(self, state: State) -> list[State]:
        if state.binding.tracked or state.packet.ctstate == "UNTRACKED":  # over lo, an answer, NOTRACK
            return [state]
        table, state = _forked(state)
        assert state.memory is not None and isinstance(state.packet.mark, int)
        tracked = table.track(
            datagram_of(state.packet),
            arriving=state.hook == "PREROUTING",
            zone=state.binding.zone.named(state.packet.mark),
            now=state.memory.now,
        )
        state = state.with_packet(ctstate=tracked.state)
        return [bound(state, tracked.connection, tracked.direction)]

    def consults_nat(self, state: State) -> Answer:
        connection = state.binding.connection
        if connection is None or not _may_bind(state.packet):
            return False
        return not choice.settled(connection, NAT_SIDE[state.hook])

    def nat_passed(self, state: State) -> State:
        connection, side = state.binding.connection, NAT_SIDE[state.hook]
        if connection is None or not self.has_nat:
            return state
        if _may_bind(state.packet) and not choice.settled(connection, side):
            return self._settled(state, choice.bind_nothing(_table(state), connection, side).connection)
        if state.packet.ctstate == "RELATED" and state.packet.inner is not None:
            return self._error_rewritten(state, connection)
        if side == "src" and state.hook == "POSTROUTING" and self._elsewhere(state, connection):
            table, state = _forked(state)
            table.remove(connection)
            return _dropped(state)
        return rewritten(state, connection, side)

    @staticmethod
    def _elsewhere(state: State, connection: Connection) -> bool:
        out = state.packet.out_interface
        return isinstance(out, str) and rewrite.leaves_elsewhere(connection, state.binding.direction, out)

    def _settled(self, state: State, connection: Connection) -> State:
        """Take over a connection with one side settled, and rewrite the packet by it."""
        side = NAT_SIDE[state.hook]
        state = bound(state, connection, state.binding.direction)
        return rewritten(state, connection, side)

    def _error_rewritten(self, state: State, connection: Connection) -> State:
        if _is_redirect(state.packet) and rewrite.redirect_dropped(connection):
            return _dropped(state)
        found = rewrite.rewrite_error(connection, state.binding.direction, NAT_SIDE[state.hook])
        inner = state.packet.inner
        if found is None or inner is None:
            return state
        outer, quoted = found
        return _applied(state.with_packet(inner=_rewritten(inner, quoted)), outer)

    def translate(self, state: State, effect: Translate) -> list[State]:
        wanted = Mapping.of(effect.to, random=effect.random, persistent=effect.persistent)
        if effect.network is not None:
            old = getattr(state.packet, effect.side)
            wanted = Mapping.netmap(old, effect.network.address, effect.network.mask)
        return [self._mapped(state, effect.side, wanted)]

    def masquerade(self, state: State, effect: Masquerade) -> list[State]:
        packet, out = state.packet, state.packet.out_interface
        assert isinstance(out, str) and isinstance(packet.dst, int)
        address = own_addresses.masquerade_address(self.host, out, packet.dst, state.route.gateway)
        if address is None:
            return [_dropped(state)]
        mapped = self._mapped(state, "src", Mapping.to(address, effect.ports, random=effect.random))
        connection = mapped.binding.connection
        assert connection is not None
        return [bound(mapped, evolve(connection, masquerade_out=out), mapped.binding.direction)]

    def redirect(self, state: State, effect: Redirect) -> list[State]:
        packet = state.packet
        assert isinstance(packet.dst, int) and isinstance(packet.in_interface, str)
        came = packet.in_interface or None
        address = own_addresses.redirect_address(self.host, came, packet.dst)
        if address is None:
            return [_dropped(state)]
        return [self._mapped(state, "dst", Mapping.to(address, effect.ports, random=effect.random))]

    def _mapped(self, state: State, side: str, wanted: Mapping) -> State:
        connection = state.binding.connection
        assert connection is not None, "nat rules are consulted only for connections"
        bound = choice.bind(_table(state), connection, side, wanted).connection
        return self._settled(state, bound)

    def set_mark(self, state: State, mark: int) -> State:
        connection = state.binding.connection
        if connection is None:
            return state
        marked = evolve(connection, mark=mark)
        if marked.confirmed:
            table, state = _forked(state)
            table.put(marked)
        return bound(state, marked, state.binding.direction)

    def confirm(self, state: State) -> list[State]:
        connection = state.binding.connection
        if connection is None or connection.confirmed or state.binding.direction:  # an answer of the node's
            return [state]
        table, state = _forked(state)
        confirmed = table.confirm(connection)
        if confirmed is None:  # another entry has its tuples already
            return [state if _may_clash(table, connection) else _dropped(state)]
        return [bound(state, confirmed, state.binding.direction)]


def _may_clash(table: Connections, connection: Connection) -> bool:
    """Tell whether a packet goes on although another entry has a tuple of its connection.

    The kernel takes it for a packet of that entry, or puts this one beside it (nf_ct_resolve_clash); not
    where answers would be taken for the other's.
    """
    other = table.clashing(connection)
    same = other is not None and (other.original, other.reply) == (connection.original, connection.reply)
    free = same or not table.taken(connection.reply, connection.zone)
    return connection.original.proto in MAY_CLASH and free


def _may_bind(packet: Packet) -> bool:
    """Whether the packet may settle its connection's translation; an ICMP error never does."""
    return packet.ctstate == "NEW" or (packet.ctstate == "RELATED" and packet.inner is None)


def _is_redirect(packet: Packet) -> bool:
    """Whether the packet tells its receiver of another router (RFC 792, RFC 4861)."""
    return (packet.proto, packet.icmp_type) in _REDIRECTS


def _table(state: State) -> Connections:
    assert state.memory is not None
    table = state.memory.get(TABLE)
    assert isinstance(table, Connections)
    return table


def _forked(state: State) -> tuple[Connections, State]:
    """Return a table that may be changed, and the state that remembers it."""
    assert state.memory is not None
    table = _table(state).copy()
    return table, changed(state, memory=state.memory.with_value(TABLE, table))


def bound(state: State, connection: Connection | None, direction: int) -> State:
    """Return the state with its packet known to be of a connection; None: of none."""
    if connection is None:
        # What the tracker of another protocol than ICMP finds invalid counts as not seen (nf_conntrack_in).
        untracked = changed(
            state.binding,
            connection=None,
            tracked=False,
            template=False,
            answers_untracked=state.binding.answers_untracked and state.packet.proto in _ICMP,
            zone=NO_ZONE,
        )
        return changed(state, binding=untracked)
    words = {Status.SNAT: "SNAT", Status.DNAT: "DNAT"}
    translated = frozenset(word for status, word in words.items() if status in connection.status)
    binding = changed(
        state.binding,
        connection=connection,
        direction=direction,
        tracked=True,
        template=False,
        translated=translated,
        mark=connection.mark,
    )
    return changed(state, binding=binding)


def closed(state: State) -> State:
    """Close the connection of a packet that is answered with a reset; one that only begins stays as it is.

    Facts: net/netfilter/nf_conntrack_proto_tcp.c (nf_conntrack_tcp_set_closing).
    """
    connection = state.binding.connection
    if connection is None or not connection.confirmed or not isinstance(connection.protocol, TcpState):
        return state
    table, state = _forked(state)
    ended = evolve(connection, protocol=evolve(connection.protocol, state="CLOSE"))
    table.put(ended)
    return bound(state, ended, state.binding.direction)


def _dropped(state: State) -> State:
    """Drop a packet that no rule dropped: nat or the connection table refused it."""
    return changed(state, verdict="DROP", frames=())


def rewritten(state: State, connection: Connection, side: str) -> State:
    """Return the state with one side of its packet rewritten as the connection's binding says."""
    return _applied(state, rewrite.rewrite(connection, state.binding.direction, side))


def _applied(state: State, rewrite: Rewrite | None) -> State:
    if rewrite is None:
        return state
    if state.packet.proto == GRE and gre.is_refused(state.packet, rewrite.side):
        return _dropped(state)
    return changed(state, packet=_rewritten(state.packet, rewrite))


def _rewritten(packet: Packet, rewrite: Rewrite) -> Packet:
    fields: dict[str, int] = {rewrite.side: rewrite.address}
    if rewrite.port is not None:
        if packet.proto in _ICMP:
            fields["icmp_id"] = rewrite.port
        else:
            fields["sport" if rewrite.side == "src" else "dport"] = rewrite.port
    return changed(packet, **fields)
