"""Connections that a capture's packets carry on, without a look at the connection table for each.

The ordinary segments of a TCP stream only move its windows (:mod:`natc.netfilter.conntrack.quick`): the table
hears of that when somebody is about to look (:meth:`Streams.settle`).
"""

from __future__ import annotations

from struct import Struct

from natc.netfilter.conntrack.connection import Connection, Status
from natc.netfilter.conntrack.quick import Stream
from natc.netfilter.conntrack.tcp_segment import TcpState
from natc.netfilter.conntrack.tracker import Connections
from natc.values import define, evolve, field

_OPEN_BOTH_WAYS = Status.SEEN_REPLY | Status.ASSURED
_SEGMENT = Struct("!IIBxH")
#: The options of most segments: two fillers and a timestamp.
_TIMESTAMP = b"\x01\x01\x08\x0a"


@define(eq=False)
class Live:
    """A connection that packets are carrying on."""

    connection: Connection
    stream: Stream | None
    """For TCP."""
    phase: int = 0
    """Grows when the connection becomes another in more than its windows: answered, say."""

    def still_is(self, now: Connection | None) -> bool:
        """Tell whether the table's entry is this connection yet, and take its windows over."""
        if now is not self.connection:
            if now is None or not now.alike(self.connection):
                return False
            self.connection, self.stream = now, _stream(now)
        return True


@define(eq=False)
class Streams:
    """The connections that are carried on, one place for all kinds of packets of each."""

    _live: dict[int, Live] = field(factory=dict)
    _moved: set[Live] = field(factory=set)
    """Those that have gone further than the connection table says."""

    def of(self, connection: Connection) -> Live:
        """Return the place where a connection is carried on."""
        live = self._live.get(connection.serial)
        if live is None:
            live = self._live[connection.serial] = Live(connection, _stream(connection))
        elif live.connection is not connection:
            live.phase += not live.connection.alike(connection)
            live.connection, live.stream = connection, _stream(connection)
        return live

    def take(self, live: Live, direction: int, data: bytes, place: int, end: int) -> bool:
        """Carry a TCP stream on by the segment from ``place`` to ``end``; False if it is no ordinary one."""
        stream = live.stream
        if stream is None:
            return False
        seq, ack, offset, window = _SEGMENT.unpack_from(data, place + 4)
        size = offset >> 4
        behind = place + size * 4
        if offset & 0x0F or size < 5 or behind > end:
            return False
        if size > 5 and (size != 8 or data[place + 20 : place + 24] != _TIMESTAMP):
            return False  # perhaps SACK
        if not stream.take(direction, seq, (seq + end - behind) & 0xFFFFFFFF, ack, window):
            return False
        self._moved.add(live)
        return True

    def settle(self, table: Connections) -> None:
        """Tell the connection table where the streams are."""
        for live in self._moved:
            assert live.stream is not None and isinstance(live.connection.protocol, TcpState)
            state = live.stream.state(live.connection.protocol)
            live.connection = evolve(live.connection, protocol=state)
            table.put(live.connection)
        if self._moved:
            table.settle()
            self._moved.clear()


def _stream(connection: Connection) -> Stream | None:
    state = connection.protocol
    if not isinstance(state, TcpState) or _OPEN_BOTH_WAYS not in connection.status:
        return None
    return Stream.of(state)
