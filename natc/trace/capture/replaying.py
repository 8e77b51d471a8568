"""Replaying a capture: every packet in order, with what the ones before it left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natc.netfilter.node import sending
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.packet import Packet
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.copies import Copies, tells_places
from natc.trace.capture.departures import Decision, seen
from natc.trace.capture.frame_kinds import kind_of
from natc.trace.capture.frames import packet_of_frame
from natc.trace.capture.repeats import Repeated, Repeats
from natc.trace.injection import Sent
from natc.trace.replay import Replay
from natc.trace.results import Result
from natc.values import changed, value


@value
class Row:
    """One packet of a capture and what became of it."""

    number: int
    """From 1, packets without an IP header not counted."""
    time: float
    """Seconds since 1970, as captured."""
    result: Result
    repeated: Repeated | None = None
    """Set when many packets have this result."""
    decision: Decision | None = None
    """What the packet shows of an earlier one, whose way was open until then."""


def replay_capture(run: Replay, frames: Iterable[Frame], *, repeats: bool = True) -> Iterator[Row]:
    """Yield a row for each captured packet, reading no further than asked.

    A capture does not say where a packet came from: one with an address of the node as its source is
    taken as sent here, any other as arriving by the interface that leads back to its source. Without
    ``repeats`` every packet goes the whole way, which takes longer and comes to the same.
    """
    first: float | None = None
    number, known, copies = 0, Repeats(run), Copies()
    for frame in frames:
        time = frame.time
        if tells_places(frame):
            row = copied(frame, copies.first_of(frame, number + 1), number + 1)
            if row is not None:
                number += 1
                yield row
                continue
        kind, place, end = kind_of(frame) if repeats else (None, 0, 0)
        since = 0.0 if first is None else time - first
        found = kind and known.find(kind, frame.data, place, end, since)
        if found is None:
            packet = packet_of_frame(frame)
            if packet is None:
                continue
            first = time if first is None else first
            number += 1
            sent = known.send(kind, packet, since, number)
            yield Row(number, time, sent.result, sent.repeated, sent.decision)
            continue
        number += 1
        yield Row(number, time, found.result, found)
    known.settle()


def copied(frame: Frame, first: int | None, number: int) -> Row | None:
    """Return the row of a frame that shows an earlier packet once more, None for any other frame."""
    packet = None if first is None else packet_of_frame(frame)
    return None if packet is None else Row(number, frame.time, seen(packet, first))


def sent_from(host: Host, packet: Packet) -> Sent:
    """Return the packet with its origin, as far as the node's addresses and routes tell."""
    assert isinstance(packet.src, int)
    if host.owns(packet.src):
        return Sent(changed(packet, uid=0, gid=0, link_source=None), local=True)
    back = sending.route_output(host, Flow(packet.src))
    return Sent(changed(packet, in_interface=back.out or ""), local=False)
