"""The route of a packet that the node sends, and again once OUTPUT has changed it.

Facts: net/ipv4/route.c, net/ipv6/route.c, net/ipv6/ip6_output.c.
"""

from __future__ import annotations

from natc.netfilter.node.fib import Flow, Found
from natc.netfilter.node.host import LINK, Host
from natc.netfilter.node.iproute import TABLES
from natc.netfilter.node.own_addresses import joined_groups6, select_source
from natc.netfilter.node.realms import realms_of_way
from natc.netfilter.node.route_matches import address_type
from natc.netfilter.node.source6 import select_source6
from natc.netfilter.node.special_addresses import (
    ALL_SYSTEMS,
    LIMITED_BROADCAST,
    LOOPBACK4,
    MULTICAST4,
    UNSPECIFIED4,
)
from natc.values import evolve, frozen


@frozen
class OutputRoute:
    """The route of a packet that the node itself sends."""

    out: str | None = None
    """The device it leaves by, ``lo`` for a destination on the node; None on error."""
    source: int = 0
    """The source address: the given one, else the one the kernel chooses; 0 when none was found."""
    gateway: int | None = None
    type: str = "unicast"
    """``unicast``, ``local``, ``broadcast``, ``multicast`` or ``anycast``."""
    error: str | None = None
    """The name of the error the sender gets, when there is no way."""
    uncertain: bool = False
    realms: int = 0
    """The realms of the route, for IPv4 (:mod:`natc.netfilter.node.realms`)."""
    to_itself: bool = False
    """The node gets it, too: a broadcast, or a group that every host has joined."""


def route_output(
    host: Host, flow: Flow, *, any_source: bool = False, may_broadcast: bool = False
) -> OutputRoute:
    """Route a packet of the node's own. ``flow.source`` 0 lets the kernel choose the source address.

    ``any_source``: the sender may use an address that is not the node's (raw sockets with their own
    header). ``may_broadcast``: it may send to broadcast addresses (SO_BROADCAST).
    """
    if host.family == 6:
        return _output6(host, flow)
    found = _output4(host, flow, any_source)
    if found.type == "broadcast" and not may_broadcast and not found.error:
        return evolve(found, out=None, error="EACCES", to_itself=False)
    return found


def reroute(host: Host, flow: Flow) -> OutputRoute:
    """Route again a packet of the node's own that OUTPUT changed (ip_route_me_harder).

    IPv4 forgets a source address that is neither the node's nor a plain one for the choice of the way.
    """
    if host.family == 6:
        return _output6(host, flow)
    kind = address_type(host, flow.source)
    source = flow.source if kind in ("LOCAL", "UNICAST") else 0
    return evolve(_output4(host, evolve(flow, source=source), any_source=True), source=flow.source)


def _output4(host: Host, flow: Flow, any_source: bool) -> OutputRoute:
    source, destination = flow.source, flow.destination
    if source and (source in MULTICAST4 or source == LIMITED_BROADCAST):
        return OutputRoute(source=source, error="EINVAL")
    if source and not any_source and not _is_local4(host, source):
        return OutputRoute(source=source, error="EINVAL")
    if destination == UNSPECIFIED4:
        destination = source or LOOPBACK4.address + 1
        flow = evolve(flow, destination=destination)
    found = host.fib.lookup(flow)
    if isinstance(found, str):
        return _no_way(host, flow, found)
    if found.route.type == "local":
        chosen = source or found.route.source or destination
        return OutputRoute("lo", chosen, type="local", realms=realms_of_way(found))
    chosen = source or found.route.source or _hop_source(host, found)
    return _made4(host, flow, found, chosen)


def _no_way(host: Host, flow: Flow, error: str) -> OutputRoute:
    """No route; a bound device makes the destination on-link (IPv4)."""
    if host.family == 4 and flow.out_interface:
        source = flow.source or select_source(host, flow.out_interface, 0, LINK) or 0
        return OutputRoute(flow.out_interface, source)
    return OutputRoute(source=flow.source, error=error)


def _hop_source(host: Host, found: Found) -> int:
    device = found.hop.device
    if device is None:
        return 0
    return select_source(host, device, found.hop.gateway or 0, found.route.scope) or 0


def _made4(host: Host, flow: Flow, found: Found, source: int) -> OutputRoute:
    device = found.hop.device
    loopback_leaves = source in LOOPBACK4 and device != "lo"
    if loopback_leaves and not host.sysctl("route_localnet", device):
        return OutputRoute(source=source, error="EINVAL")
    if flow.destination in MULTICAST4 or flow.destination == LIMITED_BROADCAST:
        kind = "multicast" if flow.destination in MULTICAST4 else "broadcast"
        to_itself = device != "lo" and (kind == "broadcast" or flow.destination == ALL_SYSTEMS)
        return OutputRoute(device, source, None, kind, uncertain=found.uncertain, to_itself=to_itself)
    kind, to_all = found.route.type, found.route.type == "broadcast"
    realms = 0 if to_all else realms_of_way(found)
    return OutputRoute(
        device,
        source,
        found.hop.gateway,
        kind,
        uncertain=found.uncertain,
        realms=realms,
        to_itself=to_all,
    )


def _output6(host: Host, flow: Flow) -> OutputRoute:
    found = host.fib.lookup(flow)
    if isinstance(found, str) and not flow.source:
        # Where no route serves an unset source, one may serve the address chosen without a device
        # (ip6_dst_lookup_tail): a policy rule can ask for it.
        flow = evolve(flow, source=select_source6(host.interfaces, flow.destination, None) or 0)
        found = host.fib.lookup(flow)
    if isinstance(found, str):
        return _no_way(host, flow, found)
    device = found.hop.device
    source = flow.source or found.route.source
    if not source:
        source = select_source6(host.interfaces, flow.destination, device) or 0
    if found.route.type in ("local", "anycast"):
        return OutputRoute("lo", source, type=found.route.type)
    to_itself = device not in (None, "lo") and flow.destination in joined_groups6(host, device)
    kind, gateway = found.route.type, found.hop.gateway
    return OutputRoute(device, source, gateway, kind, uncertain=found.uncertain, to_itself=to_itself)


def _is_local4(host: Host, address: int) -> bool:
    found = host.fib.lookup_table(TABLES["local"], Flow(address))
    return isinstance(found, Found) and found.route.type == "local"
