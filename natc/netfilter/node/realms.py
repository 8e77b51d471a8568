"""The realms of a packet's route, which ``-m realm`` asks for: that of the source above that of the target.

A route, a next hop or a policy rule names one realm or two. What the route to the destination leaves unnamed
is filled in by the rule that led there, and what that leaves by the way back to the source, whose two realms
change places. A packet for the node itself has only the latter.

Facts: net/ipv4/route.c (set_class_tag, rt_set_nexthop), net/ipv4/fib_frontend.c (__fib_validate_source,
fib_combine_itag) of Linux 6.18. IPv6 has no realms.
"""

from __future__ import annotations

from natc.netfilter.node.fib import Flow, Found
from natc.netfilter.node.host import Host

_LOW, _HIGH = 0xFFFF, 0xFFFF0000


def realms_of_way(found: Found, back: int = 0) -> int:
    """Return the realms of a packet that leaves by a route; ``back`` is what the way to its source gives."""
    return _filled(_filled(found.hop.realms, found.rule_realms), back)


def realms_of_source(host: Host, flow: Flow, out: str | None) -> int:
    """Return what the way back to the source gives to a packet that arrives, 0 where there is none."""
    device = flow.in_interface
    if flow.source == 0 and out is None:
        return 0
    found = host.fib.lookup(way_back(host, flow, out))
    if isinstance(found, str):
        return 0
    known = host.interface(device)
    matches = any(hop.device == device for hop in found.route.hops)
    if not matches and (known is None or not known.addresses):
        return 0
    own = (found.route.hops[0].realms << 16) & _HIGH or (found.rule_realms << 16) & _HIGH
    return own | found.rule_realms >> 16


def way_back(host: Host, flow: Flow, out: str | None) -> Flow:
    """Return what is looked up for the way back to the source of a packet that would leave by ``out``."""
    mark = flow.mark if host.sysctl("src_valid_mark", flow.in_interface) else 0
    return Flow(flow.source, flow.destination, out or "lo", mark=mark, tos=flow.tos)


def _filled(realms: int, further: int) -> int:
    """Return realms, those that are 0 taken from others."""
    return (realms & _LOW or further & _LOW) | (realms & _HIGH or further & _HIGH)
