"""Replaying a capture: every packet in order, with what the ones before it left behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from natc.netfilter import routing
from natc.netfilter.fib import Flow
from natc.netfilter.host import Host
from natc.netfilter.packet import Packet
from natc.netfilter.values import changed
from natc.trace.injection import Sent
from natc.trace.replay import Replay
from natc.trace.results import Result


@frozen
class Row:
    """One packet of a capture and what became of it."""

    number: int
    """From 1, packets without an IP header not counted."""
    time: float
    """Seconds since 1970, as captured."""
    packet: Packet
    result: Result


def replay_capture(run: Replay, packets: Iterable[tuple[float, Packet]]) -> Iterator[Row]:
    """Yield a row for each captured packet, reading no further than asked.

    A capture does not say where a packet came from: one with an address of the node as its source is
    taken as sent here, any other as arriving by the interface that leads back to its source.
    """
    first: float | None = None
    for number, (time, packet) in enumerate(packets, 1):
        first = time if first is None else first
        yield Row(number, time, packet, run.deliver(sent_from(run.host, packet), time - first))


def sent_from(host: Host, packet: Packet) -> Sent:
    """Return the packet with its origin, as far as the node's addresses and routes tell."""
    assert isinstance(packet.src, int)
    if host.owns(packet.src):
        return Sent(changed(packet, uid=0, gid=0, link_source=None), local=True)
    back = routing.route_output(host, Flow(packet.src))
    return Sent(changed(packet, in_interface=back.out or ""), local=False)
