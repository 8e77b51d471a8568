"""What a node refuses from the wire by its addresses alone, where little or nothing is known of the node.

With a node :mod:`natc.netfilter.node.routing` decides. Without one, what every node refuses is refused; a
source that hangs on a sysctl which nobody gave (``route_localnet``, ``accept_local``) is an open question. An
open source is taken for none of these and a loopback destination for let in, and the answer says so.

Facts: net/ipv4/route.c (ip_route_input_slow), net/ipv4/fib_frontend.c, net/ipv6/ip6_input.c of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Collection

from natc.netfilter.packet import YES_OR_NO, Open, Packet
from natc.trace.split import Split, question
from natc.trace.state import State
from natc.values import changed


def vanishes(packet: Packet) -> str | None:
    """Return why an IPv6 packet from the wire is gone before any hook sees it; None when it is not."""
    if not isinstance(packet.src, int):
        return None
    from natc.netfilter.node.routing import arrival_refusal

    destination = packet.dst if isinstance(packet.dst, int) else 0
    came = packet.in_interface if isinstance(packet.in_interface, str) else ""
    return arrival_refusal(6, packet.src, destination, came)


def let_in(state: State, own: Collection[int]) -> list[State]:
    """Return an IPv4 state as it goes on behind PREROUTING; where it is refused it has its verdict.

    ``own`` are the node's addresses as far as they are known.
    """
    packet = state.packet
    if state.local or packet.family == 6 or packet.in_interface == "lo":
        return [state]
    source = packet.src
    if not isinstance(source, int):
        return [state]
    from natc.netfilter.node.special_addresses import LOOPBACK4, martian_source

    reason = martian_source(source, packet.dst)
    if reason is not None:
        return [changed(state, verdict="NO_ROUTE", reason=reason)]
    if source in LOOPBACK4:
        return _asked(state, "route_localnet", "martian source: 127.0.0.0/8 from the wire")
    if source in own:
        return _asked(state, "accept_local", "martian source: an address of the node itself")
    return [state]


def _asked(state: State, sysctl: str, reason: str) -> list[State]:
    """Return the states in which a sysctl lets a packet in, and in which it does not."""
    answer = question(state, Open("question", f"{sysctl} is 1", YES_OR_NO))
    sides = [Split(answer, state)] if isinstance(answer, bool) else answer
    return [
        one.state if one.truth else changed(one.state, verdict="NO_ROUTE", reason=reason) for one in sides
    ]
