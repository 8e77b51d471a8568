"""Connection tracking: which connection a packet belongs to, and in what state that makes it.

The machine that walks packets does, for each of them:

1. ``connections.track(datagram, ...)`` at PREROUTING or OUTPUT, after raw. The answer (:class:`Tracked`)
   is what ``-m conntrack`` sees: the state, the :class:`Connection`, the direction.
2. A first packet's connection is not in the table yet. NAT replaces it (:mod:`natc.netfilter.nat.choice`),
   and targets may change its mark or labels: ``attrs.evolve`` of a frozen value.
3. ``connections.confirm(connection)`` when the packet leaves POSTROUTING or INPUT puts it into the table.
   Changes of a connection that is there already go in with ``connections.put(connection)``.

The table itself is :mod:`natc.netfilter.conntrack.table`; ``copy()`` forks it. Addresses are integers.
There is no clock: entries do not expire, and only UDP asks for the time.

Facts: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_icmp.c and its fellows, of Linux 6.18.
"""

from __future__ import annotations

from natc.netfilter.conntrack.connection import (
    GRE,
    ICMP,
    ICMPV6,
    NOTHING_CARRIED,
    PORTED,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    Connection,
    Status,
    Tuple,
)
from natc.netfilter.conntrack.sctp import SctpPacket, SctpState, counts, first_packet, next_packet
from natc.netfilter.conntrack.table import ConnectionTable
from natc.netfilter.conntrack.tcp import first_segment, next_segment
from natc.netfilter.conntrack.tcp_segment import Segment, TcpState
from natc.netfilter.conntrack.zone import NO_ZONE, Zone
from natc.netfilter.ipv6_headers import NOTHING
from natc.values import evolve, frozen

_ASKING = {ICMP: frozenset({8, 13, 15, 17}), ICMPV6: frozenset({128, 139})}
#: ICMP types that report about another packet, which they quote.
_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
#: The largest ICMP type that connection tracking takes for one.
_LAST_ICMP_TYPE = 18
#: ICMPv6 types of neighbour discovery and multicast listeners, which are never tracked.
_UNTRACKED_ICMPV6 = frozenset({130, 131, 132, 133, 134, 135, 136, 143})

#: After how many seconds an answered UDP flow counts as a stream.
UDP_STREAM_SECONDS = 2


@frozen
class Datagram:
    """What connection tracking looks at in a packet; every field has a value."""

    family: int
    proto: int
    src: int
    dst: int
    sport: int = 0
    dport: int = 0
    """Of GRE the call."""
    icmp_type: int = 0
    icmp_code: int = 0
    icmp_id: int = 0
    segment: Segment | None = None
    """For TCP; None in a quoted packet."""
    sctp: SctpPacket | None = None
    bad_checksum: bool = False
    inner: Datagram | None = None
    """The packet that an ICMP error quotes."""
    length: int = 0
    """Of the whole packet, in bytes."""
    is_malformed: bool = False
    """One of its headers is such that it belongs to no connection."""

    def key(self) -> Tuple:
        """Return the tuple by which its connection is looked up."""
        if self.proto in (ICMP, ICMPV6):
            kind = self.icmp_type << 8 | self.icmp_code
            return Tuple(self.family, self.proto, self.src, self.icmp_id, self.dst, kind)
        if self.proto in PORTED:
            return Tuple(self.family, self.proto, self.src, self.sport, self.dst, self.dport)
        return Tuple(self.family, self.proto, self.src, 0, self.dst, self.dport if self.proto == GRE else 0)


@frozen
class Tracked:
    """What connection tracking says of a packet."""

    state: str
    """NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED."""
    connection: Connection | None = None
    """None for INVALID and UNTRACKED."""
    direction: int = 0
    """0 for the original direction, 1 for the reply."""


INVALID = Tracked("INVALID")
UNTRACKED = Tracked("UNTRACKED")


@frozen
class Settings:
    """The sysctls that connection tracking heeds (see :class:`natc.netfilter.node.host.Host`)."""

    tcp_loose: bool = True
    tcp_be_liberal: bool = False
    checks_checksums: bool = True
    counts: bool = False
    """New connections count what they carry (nf_conntrack_acct)."""


_DEFAULT_SETTINGS = Settings()


class Connections(ConnectionTable):
    """The table of tracked connections, and what becomes of it with each packet."""

    def __init__(self, settings: Settings = _DEFAULT_SETTINGS) -> None:
        super().__init__()
        self.settings = settings

    def copy(self, settings: Settings | None = None) -> Connections:
        """Return a table that can be changed without changing this one, perhaps under other settings."""
        other = Connections(settings or self.settings)
        self.fork_into(other)
        return other

    def apart(self) -> Connections:
        """Return a copy that shares nothing with this table, so that either may be settled."""
        other = self.copy()
        self.separate(other)
        return other

    def track(
        self, datagram: Datagram, *, arriving: bool = True, zone: Zone = NO_ZONE, now: float = 0.0
    ) -> Tracked:
        """Classify a packet and carry its connection on.

        ``arriving``: at PREROUTING, where checksums are looked at; False at OUTPUT. ``now`` in seconds.
        """
        if arriving and self.settings.checks_checksums and _is_taken_for_bad(datagram):
            return INVALID
        if datagram.is_malformed or (datagram.family == 6 and datagram.proto == NOTHING):
            return INVALID
        special = self._icmp(datagram, zone)
        if special is not None:
            return special
        key = datagram.key()
        found = self.find(key, zone)
        if found is None:
            return self._begin(datagram, key, zone, now)
        return self._go_on(datagram, *found, zone, now)

    def _icmp(self, datagram: Datagram, zone: Zone) -> Tracked | None:
        """Classify what only ICMP has: errors, which belong to the packet they quote, and discovery."""
        kind = datagram.icmp_type
        if datagram.proto == ICMPV6 and datagram.family == 6:
            if kind in _UNTRACKED_ICMPV6:
                return UNTRACKED
            return self._related(datagram, zone) if kind < 128 else None
        if datagram.proto == ICMP and datagram.family == 4:
            if kind > _LAST_ICMP_TYPE:
                return INVALID
            return self._related(datagram, zone) if kind in _ICMP_ERRORS else None
        return INVALID if datagram.proto in (ICMP, ICMPV6) else None

    def _related(self, datagram: Datagram, zone: Zone) -> Tracked:
        """Find the connection of the quoted packet; the error must go to that packet's sender."""
        quoted = datagram.inner.key().inverted() if datagram.inner else None
        found = self.find(quoted, zone) if quoted else None
        if found is None:
            return INVALID
        connection, direction = found
        if connection.tuple_of(direction).dst != datagram.dst:
            return INVALID
        return Tracked("RELATED", connection, direction)

    def _begin(self, datagram: Datagram, key: Tuple, zone: Zone, now: float) -> Tracked:
        reply = key.inverted()
        if reply is None:
            return INVALID
        carried = NOTHING_CARRIED if self.settings.counts else None
        new = Connection(key, reply, zone=zone, seen_at=now, carried=carried)
        started = self._started(new, datagram)
        if started is None:
            return INVALID
        return Tracked("NEW", started.counting(0, datagram.length), 0)

    def _started(self, new: Connection, datagram: Datagram) -> Connection | None:
        """Return the connection after its first packet, None when that packet is invalid."""
        if datagram.proto in _ASKING:
            asks = datagram.icmp_type in _ASKING[datagram.proto]
            return new if asks else None
        if datagram.proto == TCP:
            return self._started_tcp(new, datagram)
        if datagram.proto == SCTP and datagram.sctp:
            state = first_packet(datagram.sctp)
            state = next_packet(state, datagram.sctp, 0) if state else None
            return evolve(new, protocol=state) if state else None
        return new

    def _started_tcp(self, new: Connection, datagram: Datagram) -> Connection | None:
        segment = datagram.segment or Segment(frozenset({"SYN"}))
        if not segment.sensible:
            return None
        state = first_segment(segment, loose=self.settings.tcp_loose)
        if state is None:
            return None
        step = next_segment(state, segment, 0, liberal=self.settings.tcp_be_liberal)
        return evolve(new, protocol=step.state) if step.verdict == "valid" else None

    def _go_on(
        self, datagram: Datagram, connection: Connection, direction: int, zone: Zone, now: float
    ) -> Tracked:
        state = "ESTABLISHED" if direction or Status.SEEN_REPLY in connection.status else "NEW"
        carried: Connection | None = connection
        if datagram.proto == TCP and isinstance(connection.protocol, TcpState) and datagram.segment:
            step = self._tcp_step(connection, connection.protocol, datagram, direction)
            if step == "again":
                self.remove(connection)
                return self.track(datagram, arriving=False, zone=zone, now=now)
            carried = step if isinstance(step, Connection) else None
        elif datagram.proto == SCTP and isinstance(connection.protocol, SctpState) and datagram.sctp:
            carried = _sctp_step(connection, connection.protocol, datagram, direction)
        else:
            carried = _answered(connection.counting(direction, datagram.length), now)
        if carried is None:
            return INVALID
        if direction:
            carried = carried.with_status(Status.SEEN_REPLY)
        self.put(carried)
        return Tracked(state, carried, direction)

    def _tcp_step(
        self, connection: Connection, state: TcpState, datagram: Datagram, direction: int
    ) -> Connection | str:
        """Return the connection after a segment, or ``invalid`` or ``again``.

        Segments that are let through and change nothing are not counted, nor is a SYN sent again.
        """
        segment = datagram.segment
        assert segment is not None
        seen, assured = Status.SEEN_REPLY in connection.status, Status.ASSURED in connection.status
        liberal = self.settings.tcp_be_liberal
        step = next_segment(state, segment, direction, seen_reply=seen, assured=assured, liberal=liberal)
        carried = evolve(connection, protocol=step.state)
        again = segment.kind == "syn" and state.state == "SYN_SENT" and not seen
        if step.changes and not again:
            carried = carried.counting(direction, datagram.length)
        if step.verdict == "invalid":
            self.put(carried)
        if step.verdict != "valid":
            return step.verdict
        if step.changes and not seen and "RST" in segment.flags:
            self.remove(connection)
            return carried.with_status(Status.DYING)
        open_before = state.state in ("SYN_RECV", "ESTABLISHED")
        if step.changes and seen and open_before and step.state.state == "ESTABLISHED":
            carried = carried.with_status(Status.ASSURED)
        return carried


def _is_taken_for_bad(datagram: Datagram) -> bool:
    """Whether the checksum of an arriving packet looks wrong.

    That of UDP-Lite is looked at as if it were UDP's, so none is ever right (nf_conntrack_proto_udp.c; seen).
    """
    return datagram.bad_checksum or datagram.proto == UDPLITE


def _sctp_step(
    connection: Connection, state: SctpState, datagram: Datagram, direction: int
) -> Connection | None:
    assert datagram.sctp is not None
    new = next_packet(state, datagram.sctp, direction)
    if new is None:
        return None
    carried = evolve(connection, protocol=new)
    if counts(state, new, datagram.sctp, direction):
        carried = carried.counting(direction, datagram.length)
    opened = new.state == "ESTABLISHED" != state.state
    return carried.with_status(Status.ASSURED) if opened else carried


def _answered(connection: Connection, now: float) -> Connection:
    """UDP and GRE count as assured once they were answered; UDP only after two seconds."""
    if Status.SEEN_REPLY not in connection.status:
        return connection
    proto = connection.original.proto
    if proto in (UDP, UDPLITE) and now - connection.seen_at > UDP_STREAM_SECONDS:
        return connection.with_status(Status.ASSURED)
    return connection.with_status(Status.ASSURED) if proto == GRE else connection
