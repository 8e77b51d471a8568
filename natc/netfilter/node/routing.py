"""What routing decides about a packet that arrives: deliver, forward, drop.

Every function takes the :class:`~natc.netfilter.node.host.Host` and what the kernel looks at, and changes
nothing. Addresses are integers.

* :func:`arrival_refusal`: dropped before PREROUTING?
* :func:`route_input`: the decision between PREROUTING and INPUT or FORWARD.

Packets that the node sends are in :mod:`natc.netfilter.node.sending`.

Facts: net/ipv4/route.c, net/ipv4/fib_frontend.c (fib_validate_source), net/ipv6/route.c,
net/ipv6/ip6_input.c.
"""

from __future__ import annotations

from natc.netfilter.node.fib import NO_ROUTE, Flow, Found
from natc.netfilter.node.host import Host
from natc.netfilter.node.own_addresses import joined_groups6
from natc.netfilter.node.realms import realms_of_source, realms_of_way, way_back
from natc.netfilter.node.special_addresses import (
    ALL_SYSTEMS,
    LIMITED_BROADCAST,
    LINK_LOCAL6,
    LOOPBACK4,
    LOOPBACK6,
    MULTICAST4,
    MULTICAST6,
    UNSPECIFIED4,
    is_interface_local6,
    martian_source,
)
from natc.values import evolve, frozen

#: The ICMP type and code with which a router answers, by the error of the lookup.
_ANSWERS = {
    4: {"ENETUNREACH": (3, 0), "EHOSTUNREACH": (3, 1), "EACCES": (3, 13)},
    6: {"ENETUNREACH": (1, 0), "EHOSTUNREACH": (1, 0), "EACCES": (1, 1)},
}


@frozen
class InputRoute:
    """What becomes of a packet that arrived."""

    kind: str
    """``local`` (to INPUT), ``forward`` (to FORWARD) or ``drop``."""
    out: str | None = None
    """For ``forward``: the device it leaves by."""
    gateway: int | None = None
    """The next router; None when the destination itself is the next hop."""
    reason: str = ""
    """For ``drop``: why, as a phrase for a person."""
    answer: tuple[int, int] | None = None
    """For ``drop``: type and code of the ICMP error sent to the source, None when it is silent."""
    uncertain: bool = False
    """The route has several hops and which of them is taken depends on a hash."""
    realms: int | None = 0
    """The realms of the route; None where the source is open, which has a part in them."""


def arrival_refusal(family: int, source: int, destination: int, interface: str) -> str | None:
    """Return why a packet from the wire vanishes before PREROUTING, or None when it does not (IPv6)."""
    if family == 4 or interface == "lo":
        return None
    if source in MULTICAST6:
        return "its source is a multicast address"
    if LOOPBACK6 in (source, destination):
        return "a loopback address arrives from the wire"
    if is_interface_local6(destination):
        return "a group of one interface alone arrives from the wire"
    return None


def route_input(host: Host, flow: Flow) -> InputRoute:
    """Decide about a packet that arrived on ``flow.in_interface``.

    Not for packets over ``lo``: those carry the route of their sending (deliver them).
    """
    if host.family == 4:
        return _input4(host, flow)
    return _input6(host, flow)


def _input4(host: Host, flow: Flow) -> InputRoute:
    martian = _martian_address(flow) or _loopback_martian(host, flow)
    if martian:
        return InputRoute("drop", reason=martian)
    if flow.destination in MULTICAST4:
        return _multicast4(host, flow)
    if flow.destination in (LIMITED_BROADCAST, UNSPECIFIED4):
        return _delivered4(host, flow)
    found = host.fib.lookup(flow)
    if isinstance(found, str):
        return _refused(host, flow, found)
    if found.route.type in ("local", "broadcast"):
        return _delivered4(host, flow)
    return _forwarded4(host, flow, found)


def _refused(host: Host, flow: Flow, error: str) -> InputRoute:
    """No route, or one that refuses. An IPv4 node answers only when it forwards (ip_error)."""
    answers = host.family == 6 or host.forwards(flow.in_interface)
    answer = _ANSWERS[host.family].get(error) if answers else None
    return InputRoute("drop", reason=_REFUSALS.get(error, _REFUSALS[NO_ROUTE]), answer=answer)


def _martian_address(flow: Flow) -> str | None:
    """Return what is wrong with the addresses by themselves, before any lookup."""
    source, destination = flow.source, flow.destination
    reason = None if flow.source_open else martian_source(source, destination)
    if reason:
        return reason
    if destination == UNSPECIFIED4 and (flow.source_open or source != UNSPECIFIED4):
        return "martian destination: 0.0.0.0"
    return None


def _loopback_martian(host: Host, flow: Flow) -> str | None:
    parts = [("destination", flow.destination), *([] if flow.source_open else [("source", flow.source)])]
    for part, address in parts:
        if address in LOOPBACK4 and not host.sysctl("route_localnet", flow.in_interface):
            return f"martian {part}: 127.0.0.0/8 from the wire, and route_localnet is 0"
    return None


def _multicast4(host: Host, flow: Flow) -> InputRoute:
    if flow.destination == ALL_SYSTEMS:
        return _delivered4(host, flow)
    return InputRoute("drop", reason="a multicast group the node has not joined")


def _delivered4(host: Host, flow: Flow) -> InputRoute:
    refused = None
    if flow.source != UNSPECIFIED4:
        refused = source_refusal(host, flow, None)
    if refused:
        return InputRoute("drop", reason=refused)
    return InputRoute("local", realms=_realms_back(host, flow, None))


def _forwarded4(host: Host, flow: Flow, found: Found) -> InputRoute:
    if not host.forwards(flow.in_interface):
        return InputRoute("drop", reason=f"{flow.in_interface} does not forward")
    if found.route.type != "unicast":
        return InputRoute("drop", reason="martian destination")
    refused = source_refusal(host, flow, found.hop.device)
    if refused:
        return InputRoute("drop", reason=refused)
    device, back = found.hop.device, _realms_back(host, flow, found.hop.device)
    realms = None if back is None else realms_of_way(found, back)
    return InputRoute("forward", device, found.hop.gateway, uncertain=found.uncertain, realms=realms)


def _realms_back(host: Host, flow: Flow, out: str | None) -> int | None:
    """Return what the way back gives of realms, None where the source is open."""
    if not host.realms:
        return 0
    return None if flow.source_open else realms_of_source(host, flow, out)


_REFUSALS = {
    NO_ROUTE: "no route to the destination",
    "EHOSTUNREACH": "the route is unreachable",
    "EACCES": "the route is prohibited",
    "EINVAL": "the route is a blackhole",
}


def source_refusal(host: Host, flow: Flow, out: str | None) -> str | None:
    """IPv4: return why the source address may not arrive on ``flow.in_interface``, or None.

    ``out`` is the device the packet would leave by, None when it is for the node (fib_validate_source).
    """
    if flow.source_open:
        return None
    rp_filter = host.sysctl("rp_filter", flow.in_interface)
    back_out = out == flow.in_interface and host.sysctl("send_redirects", flow.in_interface)
    if not rp_filter and not back_out and not host.realms:
        if host.sysctl("accept_local", flow.in_interface):
            return None
        custom = host.fib.has_custom_rules or host.has_custom_local_routes
        if not custom:
            return "martian source: an address of the node itself" if host.owns(flow.source) else None
    return _reverse_refusal(host, flow, out, rp_filter)


def _reverse_refusal(host: Host, flow: Flow, out: str | None, rp_filter: int) -> str | None:
    """Look up the way back to the source, as strictly as ``rp_filter`` says."""
    device = flow.in_interface
    found = host.fib.lookup(way_back(host, flow, out))
    filtered = "rp_filter: the way back to the source is not through " + device
    if isinstance(found, str):
        return filtered if rp_filter else None
    accepted = found.route.type == "local" and host.sysctl("accept_local", device)
    if found.route.type != "unicast" and not accepted:
        return "martian source: an address of the node itself"
    if any(hop.device == device for hop in found.route.hops):
        return None
    known = host.interface(device)
    if known is None or not known.addresses:
        return filtered if rp_filter else None
    return filtered if rp_filter == 1 else None


def _input6(host: Host, flow: Flow) -> InputRoute:
    if flow.destination in MULTICAST6:
        return _multicast6(host, flow)
    # Link-local and loopback destinations are looked up on the arriving device alone (rt6_need_strict): a
    # packet from the wire that DNAT sends to ::1 is not delivered, but takes the default route.
    strict = flow.destination == LOOPBACK6 or flow.destination in LINK_LOCAL6
    found = host.fib.lookup(evolve(flow, out_interface=flow.in_interface) if strict else flow)
    if isinstance(found, str):
        return _refused(host, flow, found)
    if found.route.type in ("local", "anycast"):
        return InputRoute("local")
    return _forwarded6(host, flow, found)


def _forwarded6(host: Host, flow: Flow, found: Found) -> InputRoute:
    if not host.forwards(flow.in_interface):
        return InputRoute("drop", reason="the node does not forward")
    if (
        found.hop.device != flow.in_interface and not flow.source_open
    ):  # else it is answered with a redirect, and not checked
        if flow.source == 0:
            return InputRoute("drop", reason="its source is the unspecified address")
        if flow.source in LINK_LOCAL6:
            return InputRoute("drop", reason="a link-local source is not forwarded", answer=(1, 2))
    return InputRoute("forward", found.hop.device, found.hop.gateway, uncertain=found.uncertain)


def _multicast6(host: Host, flow: Flow) -> InputRoute:
    if flow.destination in joined_groups6(host, flow.in_interface):
        return InputRoute("local")
    return InputRoute("drop", reason="a multicast group the node has not joined")
