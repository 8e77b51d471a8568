"""Connection tracking: which connection a packet belongs to, and in what state that makes it.

The machine that walks packets does, for each of them:

1. ``connections.track(datagram, ...)`` at PREROUTING or OUTPUT, after raw. The answer (:class:`Tracked`)
   is what ``-m conntrack`` sees: the state, the :class:`Connection`, the direction.
2. A first packet's connection is not in the table yet. NAT replaces it (:mod:`natc.netfilter.nat`), and
   targets may change its mark or labels: ``attrs.evolve`` of a frozen value.
3. ``connections.confirm(connection)`` when the packet leaves POSTROUTING or INPUT puts it into the table.
   Changes of a connection that is there already go in with ``connections.put(connection)``.

A :class:`Connections` is forked with ``copy()``, which costs nothing until one of the two is changed.
Addresses are integers. There is no clock: entries do not expire, and only UDP asks for the time.

Facts: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_icmp.c and its fellows, of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.connection import (
    GRE,
    ICMP,
    ICMPV6,
    SCTP,
    TCP,
    UDP,
    UDPLITE,
    Connection,
    Status,
    Tuple,
)
from natc.netfilter.conntrack_sctp import SctpPacket, SctpState, first_packet, next_packet
from natc.netfilter.conntrack_tcp import first_segment, next_segment
from natc.netfilter.layered import Layered
from natc.netfilter.tcp_segment import Segment, TcpState
from natc.netfilter.zone import NO_ZONE, Zone
from natc.values import evolve, frozen

#: Protocols whose connections are told apart by ports.
PORTED = frozenset({TCP, UDP, SCTP, UDPLITE})
#: Protocols of which a new connection may clash with an entry of the table (``allow_clash``): what two
#: datagrams of one flow do that are sent at once. Of all others the packet is dropped.
MAY_CLASH = frozenset({UDP, UDPLITE})

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
    icmp_type: int = 0
    icmp_code: int = 0
    icmp_id: int = 0
    segment: Segment | None = None
    """For TCP; None in a quoted packet."""
    sctp: SctpPacket | None = None
    bad_checksum: bool = False
    inner: Datagram | None = None
    """The packet that an ICMP error quotes."""

    def key(self) -> Tuple:
        """Return the tuple by which its connection is looked up."""
        if self.proto in (ICMP, ICMPV6):
            kind = self.icmp_type << 8 | self.icmp_code
            return Tuple(self.family, self.proto, self.src, self.icmp_id, self.dst, kind)
        if self.proto in PORTED:
            return Tuple(self.family, self.proto, self.src, self.sport, self.dst, self.dport)
        return Tuple(self.family, self.proto, self.src, 0, self.dst, 0)


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
    """The sysctls that connection tracking heeds (see :class:`natc.netfilter.host.Host`)."""

    tcp_loose: bool = True
    tcp_be_liberal: bool = False
    checks_checksums: bool = True


_Key = tuple[Tuple, int, int]
_Source = tuple[int, int, int, int]
_DEFAULT_SETTINGS = Settings()


class Connections:
    """The table of tracked connections."""

    def __init__(self, settings: Settings = _DEFAULT_SETTINGS) -> None:
        self.settings = settings
        self._entries: Layered[int, Connection] = Layered()
        self._keys: Layered[_Key, int] = Layered()
        self._sources: Layered[_Source, tuple[int, ...]] = Layered()
        self._next = 1
        self.version = 0
        """Grows whenever an entry comes, goes, or changes in more than its windows."""

    def copy(self, settings: Settings | None = None) -> Connections:
        """Return a table that can be changed without changing this one, perhaps under other settings."""
        other = Connections(settings or self.settings)
        other._entries, other._keys = self._entries.fork(), self._keys.fork()
        other._sources, other._next = self._sources.fork(), self._next
        other.version = self.version
        return other

    def apart(self) -> Connections:
        """Return a copy that shares nothing with this table, so that either may be settled."""
        other = self.copy()
        other._entries, other._keys = self._entries.apart(), self._keys.apart()
        other._sources = self._sources.apart()
        return other

    def settle(self) -> None:
        """Take this table's changes for what happened: its other copies must not be used any more."""
        for part in (self._entries, self._keys, self._sources):
            part.settle()

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over the entries, the oldest first."""
        return (self._entries[serial] for serial in sorted(self._entries.keys()))

    def __len__(self) -> int:
        return len(self._entries.keys())

    # ---- the table

    def get(self, serial: int) -> Connection | None:
        """Return the entry with that serial number as it is now."""
        found: Connection | None = self._entries.get(serial)
        return found

    def find(self, wanted: Tuple, zone: Zone = NO_ZONE) -> tuple[Connection, int] | None:
        """Return the entry one of whose tuples is ``wanted``, and which of them it is.

        The kernel hashes a tuple together with its direction's zone, and looks under the packet's zone of
        the original direction first. Of several entries the newest is found; where both tuples of one are
        the same, as when a host talks to itself without ports, it is the reply's.
        """
        return self._hashed(wanted, zone, zone.of(0)) or self._hashed(wanted, zone, zone.of(1))

    def _hashed(self, wanted: Tuple, zone: Zone, hashed_by: int) -> tuple[Connection, int] | None:
        """Return the entry found among the tuples that were hashed with one zone."""
        directions = [direction for direction in (0, 1) if zone.of(direction) == hashed_by]
        found = [(self._keys.get((wanted, direction, hashed_by), 0), direction) for direction in directions]
        serial, direction = max(found, default=(0, 0))
        return (self._entries[serial], direction) if serial else None

    def taken(self, reply: Tuple, zone: Zone, but: Connection | None = None) -> bool:
        """Return whether another connection already has this tuple where answers are looked for."""
        found = self._hashed(reply, zone, zone.of(1))
        return found is not None and (but is None or found[0].serial != but.serial)

    def of_source(self, wanted: Tuple, zone: Zone) -> Iterator[Connection]:
        """Yield the entries that come from the same address and port by the same protocol, newest first."""
        for serial in reversed(self._sources.get(_source(wanted, zone), ())):
            yield self._entries[serial]

    def put(self, connection: Connection) -> None:
        """Replace the entry with the same serial number; ignored when it is gone."""
        old = self._entries.get(connection.serial, connection)
        if old is not connection:
            self._entries[connection.serial] = connection
            self.version += not old.alike(connection)

    def confirm(self, connection: Connection) -> Connection | None:
        """Put a new connection into the table and return it; one that is in is returned as it is.

        None: another connection took one of its tuples meanwhile, and the packet is dropped.
        """
        if connection.confirmed:
            return self.get(connection.serial) or connection
        return None if self.clashing(connection) else self.add(connection)

    def clashing(self, connection: Connection) -> Connection | None:
        """Return the entry that has one of a new connection's tuples already, None when it can go in."""
        zone = connection.zone
        for direction in (0, 1):
            found = self._hashed(connection.tuple_of(direction), zone, zone.of(direction))
            if found:
                return found[0]
        return None

    def add(self, connection: Connection) -> Connection:
        """Enter a connection as confirmed, whatever is there, and return it with its serial number."""
        entered = evolve(connection, serial=self._next, status=connection.status | Status.CONFIRMED)
        self._next += 1
        self.version += 1
        self._entries[entered.serial] = entered
        for direction in (0, 1):
            self._keys[_key(entered, direction)] = entered.serial
        source = _source(entered.original, entered.zone)
        self._sources[source] = (*self._sources.get(source, ()), entered.serial)
        return entered

    def remove(self, connection: Connection) -> None:
        """Delete an entry, if it is there."""
        found = self._entries.get(connection.serial)
        if found is None:
            return
        del self._entries[connection.serial]
        self.version += 1
        for direction in (0, 1):
            key = _key(found, direction)
            if self._keys.get(key) == found.serial:
                del self._keys[key]
        source = _source(found.original, found.zone)
        self._sources[source] = tuple(s for s in self._sources[source] if s != found.serial)

    def clear(self) -> None:
        """Delete every entry."""
        self._entries, self._keys, self._sources = Layered(), Layered(), Layered()
        self.version += 1

    # ---- packets

    def track(
        self, datagram: Datagram, *, arriving: bool = True, zone: Zone = NO_ZONE, now: float = 0.0
    ) -> Tracked:
        """Classify a packet and carry its connection on.

        ``arriving``: at PREROUTING, where checksums are looked at; False at OUTPUT. ``now`` in seconds.
        """
        if arriving and self.settings.checks_checksums and _is_taken_for_bad(datagram):
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
        new = Connection(key, reply, zone=zone, seen_at=now)
        started = self._started(new, datagram)
        if started is None:
            return INVALID
        return Tracked("NEW", started, 0)

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
            step = self._tcp_step(connection, connection.protocol, datagram.segment, direction)
            if step == "again":
                self.remove(connection)
                return self.track(datagram, arriving=False, zone=zone, now=now)
            carried = step if isinstance(step, Connection) else None
        elif datagram.proto == SCTP and isinstance(connection.protocol, SctpState) and datagram.sctp:
            carried = _sctp_step(connection, connection.protocol, datagram.sctp, direction)
        else:
            carried = _answered(connection, now)
        if carried is None:
            return INVALID
        if direction:
            carried = carried.with_status(Status.SEEN_REPLY)
        self.put(carried)
        return Tracked(state, carried, direction)

    def _tcp_step(
        self, connection: Connection, state: TcpState, segment: Segment, direction: int
    ) -> Connection | str:
        """Return the connection after a segment, or ``invalid`` or ``again``."""
        seen, assured = Status.SEEN_REPLY in connection.status, Status.ASSURED in connection.status
        liberal = self.settings.tcp_be_liberal
        step = next_segment(state, segment, direction, seen_reply=seen, assured=assured, liberal=liberal)
        carried = evolve(connection, protocol=step.state)
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


def _key(connection: Connection, direction: int) -> _Key:
    return connection.tuple_of(direction), direction, connection.zone.of(direction)


def _source(tuple_: Tuple, zone: Zone) -> _Source:
    return tuple_.proto, tuple_.src, tuple_.sport, zone.of(0)


def _sctp_step(
    connection: Connection, state: SctpState, packet: SctpPacket, direction: int
) -> Connection | None:
    new = next_packet(state, packet, direction)
    if new is None:
        return None
    carried = evolve(connection, protocol=new)
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
