"""Packets of a capture that go the way an earlier packet of their flow went.

A capture consists of flows, and a flow of packets that differ in little: sequence numbers, payloads,
lengths. When no rule on the way of a packet looked at such a thing, and nothing on its way changed what
later packets meet, the next packet of its kind has the same result. Only its connection is carried on.

Of which kind a packet is, is in the bytes of its headers: addresses, ports, protocol, time to live, type
of service, TCP flags. What may differ between packets of a kind: :data:`natc.trace.capture.plain_rules.FREE`.
A result is kept if

* no rule that was evaluated looks at a free field, at the time, or at memory other than empty lists;
* the node gave no answer of its own;
* no rule of the dump asks what connections carry: every packet changes that;
* the packet's connection stayed as it was but for TCP's windows, or it has none and got none.

It is used as long as these still hold. TCP's windows decide what is INVALID: ordinary segments are taken
by :class:`~natc.netfilter.conntrack.quick.Stream`, all others go the careful way. A property test holds
replays with and without this against each other.
"""

from __future__ import annotations

from typing import Any

from natc.netfilter.conntrack.connection import Connection, Status
from natc.netfilter.conntrack.datagrams import TABLE, datagram_of
from natc.netfilter.conntrack.tracker import UDP_STREAM_SECONDS, Connections
from natc.netfilter.conntrack.zone import NO_ZONE
from natc.netfilter.packet import Packet
from natc.trace.capture.departures import Decision, Departures, Judgement, is_judged
from natc.trace.capture.frame_kinds import Kind
from natc.trace.capture.plain_rules import PlainRules, empty_lists
from natc.trace.capture.streams import Live, Streams
from natc.trace.replay import Delivery, Replay
from natc.trace.results import Result
from natc.values import define, field, value

#: The protocols whose packets are kept: what else is tracked has states of its own.
_TCP, _UDP = 6, 17
#: More kinds of packets than this are not kept at one time.
_MOST_KINDS = 1_000_000


@define(eq=False)
class Repeated:
    """A result that packets to come have too."""

    result: Result
    live: Live | None
    """The connection it belongs to."""
    phase: int
    """In which phase that was."""
    direction: int
    lists: tuple[tuple[Any, Any], ...]
    """The lists that rules looked at, with what was in them: nothing."""
    young_since: float | None
    """When the first packet of a UDP flow came that is not a stream yet, but may become one."""
    version: int
    """Of the connection table, for a packet without a connection."""
    turn: int
    carries: bool
    """Whether the packets carry a TCP stream on."""
    shown: dict[str, Any] = field(factory=dict)
    """What reports have made of the result, so that they need not make it again."""


@value
class Careful:
    """What became of a packet that went the whole way."""

    result: Result
    repeated: Repeated | None = None
    """Set if packets to come have the same."""
    decision: Decision | None = None


@define(eq=False)
class Repeats:
    """What is known of the kinds of packets met so far."""

    run: Replay
    kinds: dict[Kind, Repeated] = field(factory=dict)
    departures: Departures = field(init=False)
    _streams: Streams = field(factory=Streams)
    _latest: float = 0.0
    _turn: int = 0
    """Counts the packets that went the careful way: what is known before one must be looked at again."""
    _plain: PlainRules = field(factory=PlainRules)

    def __attrs_post_init__(self) -> None:
        self.departures = Departures(self.run)

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
        if not known.carries:
            return known
        live = known.live
        return known if live and self._streams.take(live, known.direction, data, place, end) else None

    def _still_holds(self, known: Repeated) -> bool:
        """Tell whether what a result hangs on is as it was."""
        memory, table = self.run.memory, self.table
        if any(memory.get(key) is not value for key, value in known.lists):
            return False
        live = known.live
        if live is None:
            if self._version != known.version:
                return False
        elif live.phase != known.phase or not live.still_is(table.get(live.connection.serial)):
            return False
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
        self._streams.settle(self.table)

    # ---- sending with care

    def send(self, kind: Kind | None, packet: Packet, now: float, number: int) -> Careful:
        """Send the ``number``-th packet, and keep its result if packets of its kind will have the same."""
        now = self._latest = max(now, self._latest)
        self.settle()
        self._turn += 1
        judged = self._judged(packet)
        if judged.result is not None:
            return Careful(judged.result, self._second_sighting(kind, judged), judged.decision)
        known = self._sent(judged.packet, now, number)
        if judged.packet is not packet:
            known.result["seen"] = "as it left"
        if kind is None or packet.malformed is not None or not isinstance(known, Repeated):
            return Careful(known.result, None, judged.decision)
        self._keep(kind, known)
        return Careful(known.result, known, judged.decision)

    def _sent(self, packet: Packet, now: float, number: int) -> Repeated | Delivery:
        """Send a packet; return what packets of its kind will have too, or what became of this one."""
        from natc.trace.capture.replaying import sent_from

        sent = sent_from(self.run.host, packet)
        if not is_judged(packet):
            return self.run.delivered(sent, now)
        before, version = self._connection(packet), self._version
        delivery, rules = self.run.rules_met(sent, now)
        if before is None:
            self.departures.note(number, sent, delivery.result, is_open=delivery.is_open)
        if found := before or self._connection(packet):
            self.departures.came(*found)
        lists = empty_lists(rules, self.run.memory)
        if self.run.counts or delivery.is_answered or lists is None or not self._plain.all(rules):
            return delivery
        return self._kept(packet, before, version, delivery, lists) or delivery

    def _keep(self, kind: Kind, known: Repeated) -> None:
        if len(self.kinds) >= _MOST_KINDS:
            self.kinds.clear()
        self.kinds[kind] = known

    def _judged(self, packet: Packet) -> Judgement:
        """Return what a packet is: what it looks like, or one that nat has rewritten already."""
        if is_judged(packet) and self._connection(packet) is None:
            return self.departures.judge(packet)
        return Judgement(packet)

    def _second_sighting(self, kind: Kind | None, judged: Judgement) -> Repeated | None:
        """Keep that packets of a kind are second sightings, as long as their connection stays as it is."""
        if kind is None or judged.of is None or judged.decision or judged.result is None:
            return None
        live = self._streams.of(judged.of)
        known = Repeated(
            judged.result, live, live.phase, 0, (), None, self._version, self._turn, carries=False
        )
        self._keep(kind, known)
        return known

    @property
    def _version(self) -> int:
        """Grows whenever the connection table changes, or what is waited for."""
        return self.table.version + self.departures.changes

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
            if self._version != version:
                return None
            return Repeated(delivery.result, None, 0, 0, lists, None, version, self._turn, carries=False)
        old, direction = before
        now = table.get(old.serial)
        if now is None or not now.alike(old) or not _goes_on(now, direction, delivery):
            return None
        live = self._streams.of(now)
        if packet.proto == _TCP and (delivery.is_open or not _is_ordinary(packet) or live.stream is None):
            return None
        young = now.original.proto == _UDP and Status.SEEN_REPLY in now.status
        since = now.seen_at if young and Status.ASSURED not in now.status else None
        return Repeated(
            delivery.result, live, live.phase, direction, lists, since, version, self._turn,
            carries=packet.proto == _TCP,
        )  # fmt: skip


def _is_ordinary(packet: Packet) -> bool:
    flags = packet.flags
    assert isinstance(flags, frozenset)
    return "ACK" in flags and flags.isdisjoint({"FIN", "SYN", "RST", "URG"})


def _goes_on(connection: Connection, direction: int, delivery: Delivery) -> bool:
    """Tell whether a packet was an ordinary one of its connection, and leaves its status as it is."""
    answered = Status.SEEN_REPLY in connection.status
    state = "ESTABLISHED" if direction or answered else "NEW"
    return (answered or not direction) and delivery.result["ctstate"] == state
