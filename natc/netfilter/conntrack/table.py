"""The table of tracked connections: its entries, found by their tuples as the kernel's hash finds them.

Forking it costs nothing until one of the two is changed. There is no clock: entries do not expire. What
packets make of it is :mod:`natc.netfilter.conntrack.tracker`.

Facts: net/netfilter/nf_conntrack_core.c of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.conntrack.connection import Connection, Status, Tuple
from natc.netfilter.conntrack.zone import NO_ZONE, Zone
from natc.netfilter.layered import Layered
from natc.values import evolve

_Key = tuple[Tuple, int, int]
_Source = tuple[int, int, int, int]


class ConnectionTable:
    """The entries, by their serial numbers, by their tuples and by where they come from."""

    def __init__(self) -> None:
        self._entries: Layered[int, Connection] = Layered()
        self._keys: Layered[_Key, int] = Layered()
        self._sources: Layered[_Source, tuple[int, ...]] = Layered()
        self._next = 1
        self.version = 0
        """Grows whenever an entry comes, goes, or changes in more than its windows."""

    def fork_into(self, other: ConnectionTable) -> None:
        """Give another table these entries; what either changes from now on the other does not see."""
        other._entries, other._keys = self._entries.fork(), self._keys.fork()
        other._sources, other._next = self._sources.fork(), self._next
        other.version = self.version

    def separate(self, other: ConnectionTable) -> None:
        """Give a fork of this table entries that share nothing with these."""
        other._entries, other._keys = self._entries.apart(), self._keys.apart()
        other._sources = self._sources.apart()

    def settle(self) -> None:
        """Take this table's changes for what happened: its other copies must not be used any more."""
        for part in (self._entries, self._keys, self._sources):
            part.settle()

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over the entries, the oldest first."""
        return (self._entries[serial] for serial in sorted(self._entries.keys()))

    def __len__(self) -> int:
        return len(self._entries.keys())

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


def _key(connection: Connection, direction: int) -> _Key:
    return connection.tuple_of(direction), direction, connection.zone.of(direction)


def _source(tuple_: Tuple, zone: Zone) -> _Source:
    return tuple_.proto, tuple_.src, tuple_.sport, zone.of(0)
