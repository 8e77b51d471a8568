"""Packets of a capture that go the way an earlier packet of their flow went.

A capture consists of flows, and a flow of packets that differ in little: sequence numbers, payloads,
lengths. When no rule on the way of a packet looked at such a thing, and nothing on its way changed what
later packets meet, the next packet of its kind has the same result. Only its connection is carried on.

Of which kind a packet is, is in the bytes of its headers: addresses, ports, protocol, time to live, type
of service, TCP flags. What may differ between packets of a kind is :data:`FREE`. A result is kept if

* no rule that was evaluated looks at a free field, at the time, or at memory other than empty lists;
* the node gave no answer of its own;
* the packet's connection stayed as it was but for TCP's windows, or it has none and got none.

It is used as long as these still hold. TCP's windows decide what is INVALID: ordinary segments are taken
by :class:`~natc.netfilter.conntrack_quick.Stream`, all others go the careful way. A property test holds
replays with and without this against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any

from natc.netfilter.condition import All, Bits, Computed, Condition, In, Not, Remembered, Some
from natc.netfilter.connection import NO_ZONE, Connection, Status
from natc.netfilter.conntrack import UDP_STREAM_SECONDS, Connections
from natc.netfilter.conntrack_quick import Stream
from natc.netfilter.datagrams import TABLE, datagram_of
from natc.netfilter.effect import Answer, Change, Effect, Remember
from natc.netfilter.matches.recent import Recent
from natc.netfilter.packet import Packet
from natc.netfilter.rule import Jump
from natc.netfilter.tcp_segment import TcpState
from natc.trace.capture_file import Frame
from natc.trace.frames import network_layer
from natc.trace.program import ReadyRule
from natc.trace.replay import Delivery, Replay
from natc.trace.results import Result
from natc.values import define, evolve, field

#: The fields in which packets of a kind may differ.
FREE = frozenset(
    {
        "sequence", "acknowledgement", "window", "tcp_options", "payload", "length", "ident", "fragment",
        "link_source", "link_destination", "link_type", "bad_checksum", "inner",
    }
)  # fmt: skip
#: The protocols whose packets are kept: what else is tracked has states of its own.
_TCP, _UDP, _ECHOES = 6, 17, (1, 58)
_OPEN_BOTH_WAYS = Status.SEEN_REPLY | Status.ASSURED
#: More kinds of packets than this are not kept at one time.
_MOST_KINDS = 1_000_000

#: Addresses and ports (of an echo: type, code and identifier), protocol, time to live, TOS, TCP flags.
Kind = tuple[bytes, int, int, int, int]
_SEGMENT = Struct("!IIBxH")
#: The options of most segments: two fillers and a timestamp.
_TIMESTAMP = b"\x01\x01\x08\x0a"


def kind_of(frame: Frame) -> tuple[Kind | None, int, int]:
    """Return the kind of the packet in a frame, if any, and where its transport begins and ends."""
    data = frame.data
    family, start = network_layer(frame.link, data)
    size = len(data)
    if family == 4 and size >= start + 28 and data[start] == 0x45:
        if data[start + 6] & 0x3F or data[start + 7]:
            return None, 0, 0
        proto, ttl, tos, place = data[start + 9], data[start + 8], data[start + 1], start + 20
        end = start + (data[start + 2] << 8 | data[start + 3])
        addresses = data[start + 12 : start + 24]
    elif family == 6 and size >= start + 48:
        proto, ttl, place = data[start + 6], data[start + 7], start + 40
        tos = (data[start] << 4 | data[start + 1] >> 4) & 0xFF
        end = place + (data[start + 4] << 8 | data[start + 5])
        addresses = data[start + 8 : start + 44]
    else:
        return None, 0, 0
    if proto == _TCP and size >= place + 20 and end >= place + 20:
        return (addresses, proto, ttl, tos, data[place + 13]), place, end
    if proto == _UDP and end >= place + 8:
        return (addresses, proto, ttl, tos, 0), place, end
    if proto in _ECHOES and data[place] in (0, 8, 128, 129) and end >= place + 8:
        return (addresses[:-2] + data[place + 4 : place + 6], proto, ttl, tos, 0), place, end
    return None, 0, 0


@define(eq=False)
class Live:
    """A connection that packets are carrying on."""

    connection: Connection
    stream: Stream | None
    """For TCP."""


@define(eq=False)
class Repeated:
    """A result that packets to come have too."""

    result: Result
    live: Live | None
    """The connection it belongs to."""
    direction: int
    lists: tuple[tuple[Any, Any], ...]
    """The lists that rules looked at, with what was in them: nothing."""
    young_since: float | None
    """When the first packet of a UDP flow came that is not a stream yet, but may become one."""
    version: int
    """Of the connection table, for a packet without a connection."""
    turn: int
    shown: dict[str, Any] = field(factory=dict)
    """What reports have made of the result, so that they need not make it again."""


@define(eq=False)
class Repeats:
    """What is known of the kinds of packets met so far."""

    run: Replay
    kinds: dict[Kind, Repeated] = field(factory=dict)
    _live: dict[int, Live] = field(factory=dict)
    _moved: set[Live] = field(factory=set)
    """The streams that have gone further than the connection table says."""
    _latest: float = 0.0
    _turn: int = 0
    """Counts the packets that went the careful way: what is known before one must be looked at again."""
    _plain: dict[ReadyRule, bool] = field(factory=dict)

    def find(self, kind: Kind, data: bytes, place: int, end: int, now: float) -> Repeated | None:
        """Return what is known of a packet, and carry its connection on; None: it must be sent."""
        now = self._latest = max(now, self._latest)
        known = self.kinds.get(kind)
        if known is None:
            return None
        if known.turn != self._turn and not self._still_holds(known):
            del self.kinds[kind]
            return None
        if known.young_since is not None and now - known.young_since > UDP_STREAM_SECONDS:
            return None
        live = known.live
        if live is None or kind[1] != _TCP:
            return known
        stream = live.stream
        if stream is None or not self._taken(live, stream, known.direction, data, place, end):
            return None
        return known

    def _taken(self, live: Live, stream: Stream, direction: int, data: bytes, place: int, end: int) -> bool:
        """Carry a TCP stream on by an ordinary segment."""
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

    def _still_holds(self, known: Repeated) -> bool:
        """Tell whether what a result hangs on is as it was."""
        memory, table = self.run.memory, self.table
        if any(memory.get(key) is not value for key, value in known.lists):
            return False
        live = known.live
        if live is None:
            if table.version != known.version:
                return False
        else:
            now = table.get(live.connection.serial)
            if now is not live.connection:
                if now is None or not now.alike(live.connection):
                    return False
                live.connection = now
                live.stream = _stream(now)
        known.turn = self._turn
        return True

    @property
    def table(self) -> Connections:
        """The connection table; :meth:`settle` brings it up to date."""
        table = self.run.memory.get(TABLE)
        assert isinstance(table, Connections)
        return table

    def settle(self) -> None:
        """Bring the replay's memory to the time of the last packet, and its streams to where they are."""
        self.run.memory = self.run.memory.settled(max(self._latest, self.run.memory.now))
        table = self.table
        for live in self._moved:
            assert live.stream is not None and isinstance(live.connection.protocol, TcpState)
            state = live.stream.state(live.connection.protocol)
            live.connection = evolve(live.connection, protocol=state)
            table.put(live.connection)
        if self._moved:
            table.settle()
            self._moved.clear()

    # ---- sending with care

    def send(self, kind: Kind | None, packet: Packet, now: float) -> Repeated | Result:
        """Send a packet, and keep its result if packets of its kind will have the same."""
        from natc.trace.capture import sent_from

        self.settle()
        self._turn += 1
        now = max(now, self._latest)
        sent = sent_from(self.run.host, packet)
        if kind is None:
            return self.run.deliver(sent, now)
        before, version = self._connection(packet), self.table.version
        delivery, rules = self.run.rules_met(sent, now)
        lists = self._lists(rules)
        if delivery.is_answered or lists is None or not all(map(self._is_plain, rules)):
            return delivery.result
        known = self._kept(packet, before, version, delivery, lists)
        if known is None:
            return delivery.result
        if len(self.kinds) >= _MOST_KINDS:
            self.kinds.clear()
        self.kinds[kind] = known
        return known

    def _connection(self, packet: Packet) -> tuple[Connection, int] | None:
        return self.table.find(datagram_of(packet).key(), NO_ZONE)

    def _kept(
        self,
        packet: Packet,
        before: tuple[Connection, int] | None,
        version: int,
        delivery: Delivery,
        lists: tuple[tuple[Any, Any], ...],
    ) -> Repeated | None:
        """Return the result for packets to come, None if they may fare differently."""
        table = self.table
        if before is None:
            unchanged = table.version == version
            return Repeated(delivery.result, None, 0, lists, None, version, self._turn) if unchanged else None
        old, direction = before
        now = table.get(old.serial)
        if now is None or not now.alike(old) or not _goes_on(now, direction, delivery):
            return None
        live = self._live_one(now)
        if packet.proto == _TCP and (delivery.is_open or not _is_ordinary(packet) or live.stream is None):
            return None
        young = now.original.proto == _UDP and Status.SEEN_REPLY in now.status
        since = now.seen_at if young and Status.ASSURED not in now.status else None
        return Repeated(delivery.result, live, direction, lists, since, version, self._turn)

    def _live_one(self, connection: Connection) -> Live:
        """Return the one place where a connection is carried on, for all kinds of its packets."""
        live = self._live.get(connection.serial)
        if live is None:
            live = self._live[connection.serial] = Live(connection, _stream(connection))
        elif live.connection is not connection:
            live.connection, live.stream = connection, _stream(connection)
        return live

    # ---- what rules look at

    def _is_plain(self, ready: ReadyRule) -> bool:
        """Tell whether a rule does the same with all packets of a kind, whenever they come."""
        found = self._plain.get(ready)
        if found is None:
            found = self._plain[ready] = _asks_plainly(ready.condition) and _does_the_same(ready.action)
        return found

    def _lists(self, rules: list[ReadyRule]) -> tuple[tuple[Any, Any], ...] | None:
        """Return the recent lists that the rules look at; None when there is something in one."""
        found: dict[Any, Any] = {}
        for ready in rules:
            for part in _parts(ready.condition):
                if isinstance(part, Remembered) and isinstance(part.probe, Recent):
                    key = ("recent", part.probe.list_name)
                    found[key] = self.run.memory.get(key)
                    if found[key] is not None and found[key].entries:
                        return None
        return tuple(found.items())


def _stream(connection: Connection) -> Stream | None:
    state = connection.protocol
    if not isinstance(state, TcpState) or _OPEN_BOTH_WAYS not in connection.status:
        return None
    return Stream.of(state)


def _is_ordinary(packet: Packet) -> bool:
    flags = packet.flags
    assert isinstance(flags, frozenset)
    return "ACK" in flags and flags.isdisjoint({"FIN", "SYN", "RST", "URG"})


def _goes_on(connection: Connection, direction: int, delivery: Delivery) -> bool:
    """Tell whether a packet was an ordinary one of its connection, and leaves its status as it is."""
    answered = Status.SEEN_REPLY in connection.status
    state = "ESTABLISHED" if direction or answered else "NEW"
    return (answered or not direction) and delivery.result["ctstate"] == state


def _parts(condition: Condition) -> Iterator[Condition]:
    """Yield the forms that a condition consists of."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from _parts(part)
    elif isinstance(condition, Not):
        yield from _parts(condition.body)
    else:
        yield condition


def _asks_plainly(condition: Condition) -> bool:
    for part in _parts(condition):
        if isinstance(part, In | Bits) and part.field in FREE:
            return False
        if isinstance(part, Computed) and not FREE.isdisjoint(part.needs):
            return False
        if isinstance(part, Remembered) and not isinstance(part.probe, Recent):
            return False
    return True


def _does_the_same(action: Jump | Effect | None) -> bool:
    if isinstance(action, Change):
        return FREE.isdisjoint(action.needs)
    return not isinstance(action, Remember | Answer)
