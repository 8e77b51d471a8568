"""What a capture shows of packets after the node changed them: nat's choices as they were made.

A flip of a coin chooses a service's endpoint and the kernel a port to masquerade with; neither is in the
rules. A capture taken on the node often tells, a few packets later: the packet leaves translated, or its
reply comes. What nat leaves as it is links the two: a packet that leaves has the IP identification, the
payload and, in TCP, the sequence number with which it came; a TCP reply acknowledges what was sent; another
reply goes to the client's address and port. It decides only if it is what one branch of the trace foretold.

A tuple that is the inverse of one of a translated connection's, and none of its own, belongs to a packet
that nat has rewritten on the way. If the packet was captured as it came, too, this is its second sighting.
If not (a capture of eth0 shows replies of pods only as they leave), it is put back to what it must have been.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from itertools import islice

from natc.netfilter.conntrack.connection import ICMP, ICMPV6, TCP, UDP, Connection, Tuple
from natc.netfilter.conntrack.datagrams import TABLE, datagram_of
from natc.netfilter.conntrack.tracker import Connections
from natc.netfilter.conntrack.zone import NO_ZONE
from natc.netfilter.packet import Packet
from natc.trace.injection import Sent
from natc.trace.replay import Replay
from natc.trace.results import Result, headers, result_of
from natc.trace.state import State
from natc.values import changed, define, evolve, field, value

#: How many connections wait to be decided: behind a capture that shows one side only, none ever is.
_WAITING = 4096
#: How many branches of a packet are looked at for the one that was taken.
_MOST_TRIED = 1024
_ARRIVED = ("FORWARD", "OUTPUT", "INPUT")
_ECHOES = ((ICMP, 0), (ICMP, 8), (ICMPV6, 128), (ICMPV6, 129))


@value
class Decision:
    """A choice of the kernel's that a later packet of the capture shows."""

    number: int
    """Of the connection's first packet."""
    before: Result
    """What its result was."""
    after: Result
    """What it is."""


@value
class Judgement:
    """What a packet is, that is of no connection as it stands."""

    packet: Packet
    """As it arrived at the node."""
    result: Result | None = None
    """Set where it is not to be sent: it is a second sighting, or nobody knows what it was."""
    decision: Decision | None = None
    of: Connection | None = None
    """The connection, if it is known, that the packet is of."""


@define(eq=False)
class _Waiting:
    """The first packet of a connection of which the kernel chose something."""

    key: Tuple
    number: int
    sent: Sent
    result: Result
    is_open: bool
    time: float
    links: list[Hashable] = field(factory=list)


@define(eq=False)
class Departures:
    """What was chosen for the connections of a capture, as far as it shows."""

    run: Replay
    _waiting: OrderedDict[Tuple, _Waiting] = field(factory=OrderedDict)
    _links: dict[Hashable, _Waiting] = field(factory=dict)
    changes: int = 0
    """Counts how often what is waited for has changed."""
    _came: set[tuple[int, int]] = field(factory=set)
    """The connections and directions of which a packet was captured as it came."""

    # ---- before a packet is sent

    def came(self, connection: Connection, direction: int) -> None:
        """Note that a packet was captured as it came."""
        self._came.add((connection.serial, direction))

    def judge(self, packet: Packet) -> Judgement:
        """Return what a packet is, none of whose connections has its tuple."""
        key = datagram_of(packet).key()
        decision = self._decided(packet, key) if self._waiting else None
        back = key.inverted()
        found = self._table.find(back, NO_ZONE) if back else None
        waiting = self._waiting.get(back) if back else None
        if waiting is not None and found is None:
            return Judgement(packet, _undecided(packet, waiting))
        if found is None or self._table.find(key, NO_ZONE):
            return Judgement(packet, decision=decision)
        connection, direction = found[0], 1 - found[1]
        if (connection.serial, direction) in self._came:
            number = decision.number if decision else None
            return Judgement(packet, seen(packet, number), decision, connection)
        return Judgement(_put_back(packet, connection.tuple_of(direction)), None, decision, connection)

    @property
    def _table(self) -> Connections:
        table = self.run.memory.get(TABLE)
        assert isinstance(table, Connections)
        return table

    # ---- behind it

    def note(self, number: int, sent: Sent, result: Result, *, is_open: bool) -> None:
        """Wait for what shows the choice behind the result of a connection's first packet, if any."""
        before, after = result["orig"], result.get("final") or {}
        if not is_open and before.get("sport") == after.get("sport", before.get("sport")):
            return
        key = datagram_of(sent.packet).key()
        if key in self._waiting:  # the kernel chose when the first one came
            return
        self.changes += 1
        waiting = self._waiting[key] = _Waiting(key, number, sent, result, is_open, self.run.memory.now)
        for link in (_as_it_leaves(sent.packet), *_of_answers(sent.packet)):
            self._links[link] = waiting
            waiting.links.append(link)
        if len(self._waiting) > _WAITING:
            self._forget(next(iter(self._waiting.values())))

    def _forget(self, waiting: _Waiting) -> None:
        self.changes += 1
        del self._waiting[waiting.key]
        for link in waiting.links:
            if self._links.get(link) is waiting:
                del self._links[link]

    # ---- decisions

    def _decided(self, packet: Packet, key: Tuple) -> Decision | None:
        """Take the choice that a packet shows for what the kernel chose; None where it shows none."""
        back = key.inverted()
        links = [(_as_it_leaves(packet), key), *((link, back) for link in _in_an_answer(packet))]
        for link, left in links:
            waiting = self._links.get(link)
            if waiting is None or left is None or key == waiting.key:
                continue
            after = self._chosen(waiting, left)
            if after is not None:
                self._forget(waiting)
                return Decision(waiting.number, waiting.result, after)
        return None

    def _chosen(self, waiting: _Waiting, left: Tuple) -> Result | None:
        """Enter a connection whose packets left as ``left``; None if that was not foretold."""
        result = self._sent_again(waiting, left) if waiting.is_open else waiting.result
        found = self._table.find(waiting.key, NO_ZONE)
        if result is None or found is None or not _foretold(found[0].reply.inverted(), left, waiting.key):
            return None
        connection, reply = found[0], left.inverted()
        connection = evolve(connection, seen_at=waiting.time)
        if reply is None or connection.reply == reply:
            self._table.put(connection)
            return result
        self._table.remove(connection)
        entered = self._table.add(evolve(connection, reply=reply))
        self.came(entered, 0)
        return _with_port(result, left.sport)

    def _sent_again(self, waiting: _Waiting, left: Tuple) -> Result | None:
        """Send an open packet the way by which it left so; None where that is none, or several."""
        finals = list(islice(self.run.ways(waiting.sent), _MOST_TRIED + 1))
        arrived = [final for final in finals if final.verdict in _ARRIVED]
        found = [final for final in arrived if _leaves_as(final, left, waiting.key)]
        results = [result_of(waiting.sent.packet, final, None) | {"path": None} for final in found]
        if len(finals) > _MOST_TRIED or not found or any(one != results[0] for one in results):
            return None
        if left == waiting.key and len(found) < len(arrived):  # or nat has put an answer back to what it was
            return None
        result = self.run.keep(waiting.sent, found[0], self.run.memory.now).result
        again = self._table.find(waiting.key, NO_ZONE)
        if again:
            self.came(again[0], 0)
        return result


def _leaves_as(final: State, left: Tuple, key: Tuple) -> bool:
    return _foretold(datagram_of(final.packet).key(), left, key)


def _foretold(told: Tuple | None, left: Tuple, key: Tuple) -> bool:
    """Tell whether a packet left as it was foretold: a port that is not its own any more may be another."""
    if told is None:
        return False
    return told == left or (told.sport != key.sport and evolve(told, sport=left.sport) == left)


# ---- what nat leaves as it is


def is_judged(packet: Packet) -> bool:
    """Tell whether a packet can be recognised once nat has rewritten it: TCP, UDP, echoes."""
    if packet.inner is not None or packet.fragment & 0x3FFF:
        return False
    return packet.proto in (TCP, UDP) or (packet.proto, packet.icmp_type) in _ECHOES


def _as_it_leaves(packet: Packet) -> Hashable:
    return "left", packet.proto, packet.ident, packet.sequence, packet.payload, packet.icmp_type


def _of_answers(packet: Packet) -> Iterator[Hashable]:
    """Yield what answers to a packet are known by."""
    if packet.proto == TCP and isinstance(packet.sequence, int) and isinstance(packet.payload, bytes):
        assert isinstance(packet.flags, frozenset)
        yield "acknowledged", (packet.sequence + len(packet.payload) + ("SYN" in packet.flags)) & 0xFFFFFFFF
        return
    yield "to", packet.proto, packet.src, packet.icmp_id if packet.proto in (ICMP, ICMPV6) else packet.sport


def _in_an_answer(packet: Packet) -> Iterator[Hashable]:
    """Yield what a packet may be known by as an answer."""
    if packet.proto == TCP:
        if isinstance(packet.flags, frozenset) and "ACK" in packet.flags:
            yield "acknowledged", packet.acknowledgement
        return
    yield "to", packet.proto, packet.dst, packet.icmp_id if packet.proto in (ICMP, ICMPV6) else packet.dport


# ---- results


def _put_back(packet: Packet, came: Tuple) -> Packet:
    """Return a packet that left with the addresses, ports and time to live with which it came."""
    assert isinstance(packet.ttl, int)
    fields: dict[str, int] = {"src": came.src, "dst": came.dst, "ttl": min(packet.ttl + 1, 255)}
    if came.proto in (ICMP, ICMPV6):
        fields["icmp_id"] = came.sport
    elif packet.sport is not None:
        fields |= {"sport": came.sport, "dport": came.dport}
    return changed(packet, **fields)


def seen(packet: Packet, number: int | None) -> Result:
    """Return the result of a packet that was captured before: as the ``number``-th, if that is known."""
    return {"verdict": "SEEN", "orig": headers(packet, with_ttl=False), "first": number}


def _undecided(packet: Packet, waiting: _Waiting) -> Result:
    reason = f"it answers packet {waiting.number}, and whom that went to is open"
    return {"verdict": "OPEN", "orig": headers(packet, with_ttl=False), "open": [reason]}


def _with_port(result: Result, port: int) -> Result:
    """Return a result with the source port that was chosen."""
    name = "sport" if "sport" in result["final"] else "icmp_id"
    shown = result | {"final": result["final"] | {name: port}}
    return shown | {"snat": result["snat"] | {"port": port}} if "port" in result.get("snat", {}) else shown
