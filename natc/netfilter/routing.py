"""What routing decides about a packet: deliver, forward, drop; the way out and the address it is given.

Every function takes the :class:`~natc.netfilter.host.Host` and what the kernel looks at, and changes
nothing. Addresses are integers.

* :func:`arrival_refusal`: dropped before PREROUTING?
* :func:`route_input`: the decision between PREROUTING and INPUT or FORWARD.
* :func:`route_output`: the route of a packet the node sends; :func:`reroute` after OUTPUT changed it.
* :func:`address_type_matches`, :func:`reverse_path_matches`: what ``-m addrtype`` and ``-m rpfilter`` ask.
* :func:`masquerade_address`, :func:`redirect_address`, :func:`select_source`: addresses of the node.

Of a host whose routes are not known (``Host.minimal``) these say what follows from its addresses; the
device of a packet that leaves is then None.

Facts: net/ipv4/route.c, net/ipv4/fib_frontend.c (fib_validate_source), net/ipv4/devinet.c,
net/ipv6/route.c, net/ipv6/ip6_input.c, net/ipv6/ip6_output.c, net/netfilter/xt_addrtype.c,
net/ipv4/netfilter/ipt_rpfilter.c and its IPv6 twin, net/netfilter/nf_nat_masquerade.c,
nf_nat_redirect.c.
"""

from __future__ import annotations

from natc.netfilter.fib import NO_ROUTE, Flow, Found
from natc.netfilter.host import GLOBAL, HOST, LINK, Host, Interface, InterfaceAddress
from natc.netfilter.iproute import TABLES, Prefix
from natc.netfilter.source6 import select_source6
from natc.values import evolve, frozen

_LOOPBACK4 = Prefix(127 << 24, 8, 32)
_MULTICAST4 = Prefix(224 << 24, 4, 32)
_ZERO4 = Prefix(0, 8, 32)
_LIMITED_BROADCAST = 0xFFFFFFFF
_ALL_SYSTEMS = 0xE0000001

_LOOPBACK6 = 1
_MULTICAST6 = Prefix(0xFF << 120, 8, 128)
_LINK_LOCAL6 = Prefix(0xFE80 << 112, 10, 128)
_MAPPED6 = Prefix(0xFFFF << 32, 96, 128)

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
    """For ``forward``: the device it leaves by; None when the host's routes are not known."""
    gateway: int | None = None
    """The next router; None when the destination itself is the next hop."""
    reason: str = ""
    """For ``drop``: why, as a phrase for a person."""
    answer: tuple[int, int] | None = None
    """For ``drop``: type and code of the ICMP error sent to the source, None when it is silent."""
    uncertain: bool = False
    """The route has several hops and which of them is taken depends on a hash."""


@frozen
class OutputRoute:
    """The route of a packet that the node itself sends."""

    out: str | None = None
    """The device it leaves by, ``lo`` for a destination on the node; None when unknown or on error."""
    source: int = 0
    """The source address: the given one, else the one the kernel chooses; 0 when none was found."""
    gateway: int | None = None
    type: str = "unicast"
    """``unicast``, ``local``, ``broadcast``, ``multicast`` or ``anycast``."""
    error: str | None = None
    """The name of the error the sender gets, when there is no way."""
    uncertain: bool = False


# ---- arriving packets


def arrival_refusal(host: Host, source: int, destination: int, interface: str) -> str | None:
    """Return why a packet from the wire vanishes before PREROUTING, or None when it does not (IPv6)."""
    if host.family == 4 or interface == "lo":
        return None
    if source in _MULTICAST6:
        return "its source is a multicast address"
    if _LOOPBACK6 in (source, destination):
        return "a loopback address arrives from the wire"
    if source in _MAPPED6:
        return "its source is an IPv4-mapped address"
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
    if flow.destination in _MULTICAST4:
        return _multicast4(host, flow)
    if flow.destination == _LIMITED_BROADCAST:
        return _delivered4(host, flow)
    found = host.fib.lookup(flow)
    if isinstance(found, str):
        return _refused(host, flow, found)
    if found.route.type in ("local", "broadcast"):
        return _delivered4(host, flow)
    return _forwarded4(host, flow, found)


def _refused(host: Host, flow: Flow, error: str) -> InputRoute:
    """No route, or one that refuses. An IPv4 node answers only when it forwards (ip_error)."""
    if not host.routes_known:
        return InputRoute("forward")
    answers = host.family == 6 or host.forwards(flow.in_interface)
    answer = _ANSWERS[host.family].get(error) if answers else None
    return InputRoute("drop", reason=_REFUSALS.get(error, _REFUSALS[NO_ROUTE]), answer=answer)


def _martian_address(flow: Flow) -> str | None:
    """Return what is wrong with the addresses by themselves, before any lookup."""
    source, destination = flow.source, flow.destination
    if not flow.source_open:
        if source in _MULTICAST4 or source == _LIMITED_BROADCAST:
            return "martian source: a multicast or broadcast address"
        if source in _ZERO4 and not (source == 0 and destination in (0, _LIMITED_BROADCAST)):
            return "martian source: in 0.0.0.0/8"
    if destination in _ZERO4 and (flow.source_open or not source == destination == 0):
        return "martian destination: in 0.0.0.0/8"
    return None


def _loopback_martian(host: Host, flow: Flow) -> str | None:
    parts = [("destination", flow.destination), *([] if flow.source_open else [("source", flow.source)])]
    for part, address in parts:
        if address in _LOOPBACK4 and not host.sysctl("route_localnet", flow.in_interface):
            return f"martian {part}: 127.0.0.0/8 from the wire, and route_localnet is 0"
    return None


def _multicast4(host: Host, flow: Flow) -> InputRoute:
    if flow.destination == _ALL_SYSTEMS:
        return _delivered4(host, flow)
    return InputRoute("drop", reason="a multicast group the node has not joined")


def _delivered4(host: Host, flow: Flow) -> InputRoute:
    refused = None
    if flow.source not in _ZERO4:
        refused = source_refusal(host, flow, None)
    return InputRoute("drop", reason=refused) if refused else InputRoute("local")


def _forwarded4(host: Host, flow: Flow, found: Found) -> InputRoute:
    if not host.forwards(flow.in_interface):
        return InputRoute("drop", reason=f"{flow.in_interface} does not forward")
    if found.route.type != "unicast":
        return InputRoute("drop", reason="martian destination")
    refused = source_refusal(host, flow, found.hop.device)
    if refused:
        return InputRoute("drop", reason=refused)
    return InputRoute("forward", found.hop.device, found.hop.gateway, uncertain=found.uncertain)


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
    if not host.routes_known or flow.source_open:
        return None
    rp_filter = host.sysctl("rp_filter", flow.in_interface)
    back_out = out == flow.in_interface and host.sysctl("send_redirects", flow.in_interface)
    if not rp_filter and not back_out:
        if host.sysctl("accept_local", flow.in_interface):
            return None
        custom = host.fib.has_custom_rules or host.has_custom_local_routes
        if not custom:
            return "martian source: an address of the node itself" if host.owns(flow.source) else None
    return _reverse_refusal(host, flow, out, rp_filter)


def _reverse_refusal(host: Host, flow: Flow, out: str | None, rp_filter: int) -> str | None:
    """Look up the way back to the source, as strictly as ``rp_filter`` says."""
    device = flow.in_interface
    mark = flow.mark if host.sysctl("src_valid_mark", device) else 0
    back = Flow(flow.source, flow.destination, out or "lo", mark=mark, tos=flow.tos)
    found = host.fib.lookup(back)
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


def _is_local4(host: Host, address: int) -> bool:
    found = host.fib.lookup_table(TABLES["local"], Flow(address))
    return isinstance(found, Found) and found.route.type == "local"


def _input6(host: Host, flow: Flow) -> InputRoute:
    if flow.destination in _MULTICAST6:
        return _multicast6(host, flow)
    # Link-local and loopback destinations are looked up on the arriving device alone (rt6_need_strict): a
    # packet from the wire that DNAT sends to ::1 is not delivered, but takes the default route.
    strict = flow.destination == _LOOPBACK6 or flow.destination in _LINK_LOCAL6
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
        if flow.source in _LINK_LOCAL6:
            return InputRoute("drop", reason="a link-local source is not forwarded", answer=(1, 2))
    return InputRoute("forward", found.hop.device, found.hop.gateway, uncertain=found.uncertain)


def _multicast6(host: Host, flow: Flow) -> InputRoute:
    """Groups every node joins: all nodes, all routers when it is one, its solicited-node groups."""
    interface = host.interface(flow.in_interface)
    solicited = {(0xFF02 << 112) | (0x1FF << 24) | a.address & 0xFFFFFF for a in _addresses(interface)}
    joined = {(scope << 112) | 1 for scope in (0xFF01, 0xFF02)} | solicited
    if host.forwards(flow.in_interface):
        joined |= {(scope << 112) | 2 for scope in (0xFF01, 0xFF02, 0xFF05)}
    if flow.destination in joined:
        return InputRoute("local")
    return InputRoute("drop", reason="a multicast group the node has not joined")


def _addresses(interface: Interface | None) -> tuple[InterfaceAddress, ...]:
    return interface.addresses if interface else ()


# ---- packets the node sends


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
        return evolve(found, out=None, error="EACCES")
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
    if source and (source in _MULTICAST4 or source in _ZERO4 or source == _LIMITED_BROADCAST):
        return OutputRoute(source=source, error="EINVAL")
    if source and not any_source and host.routes_known and not _is_local4(host, source):
        return OutputRoute(source=source, error="EINVAL")
    if destination == 0:
        destination = source or _LOOPBACK4.address + 1
        flow = evolve(flow, destination=destination)
    found = host.fib.lookup(flow)
    if isinstance(found, str):
        return _no_way(host, flow, found)
    if found.route.type == "local":
        chosen = source or found.route.source or destination
        return OutputRoute("lo", chosen, type="local")
    chosen = source or found.route.source or _hop_source(host, found)
    return _made4(host, flow, found, chosen)


def _no_way(host: Host, flow: Flow, error: str) -> OutputRoute:
    """No route: unknown on a host without routes; a bound device makes the destination on-link (IPv4)."""
    if not host.routes_known:
        return OutputRoute(source=flow.source)
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
    loopback_leaves = source in _LOOPBACK4 and device != "lo"
    if loopback_leaves and not host.sysctl("route_localnet", device):
        return OutputRoute(source=source, error="EINVAL")
    if flow.destination in _ZERO4:
        return OutputRoute(source=source, error="EINVAL")
    if flow.destination in _MULTICAST4 or flow.destination == _LIMITED_BROADCAST:
        kind = "multicast" if flow.destination in _MULTICAST4 else "broadcast"
        return OutputRoute(device, source, None, kind, uncertain=found.uncertain)
    return OutputRoute(device, source, found.hop.gateway, found.route.type, uncertain=found.uncertain)


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
    return OutputRoute(device, source, found.hop.gateway, found.route.type, uncertain=found.uncertain)


# ---- questions of matches


def address_type(host: Host, address: int, interface: str | None = None) -> str:
    """IPv4: return the type of an address: UNICAST, LOCAL, BROADCAST, MULTICAST.

    Only the table ``local`` counts. With ``interface``, only that interface's entries do.
    """
    if address in _ZERO4 or address == _LIMITED_BROADCAST:
        return "BROADCAST"
    if address in _MULTICAST4:
        return "MULTICAST"
    found = host.fib.lookup_table(TABLES["local"], Flow(address))
    if isinstance(found, Found) and interface in (None, found.hop.device):
        return found.route.type.upper()
    return "UNICAST"


def address_type_matches(
    host: Host, address: int, types: frozenset[str], interface: str | None = None
) -> bool:
    """Return whether ``-m addrtype`` with these types matches, not inverted.

    ``interface`` is the device of ``--limit-iface-in`` or ``--limit-iface-out``. IPv6 asks for
    all of UNICAST, MULTICAST and UNSPEC that are named, and for one of the types that routing knows.
    """
    if host.family == 4:
        return address_type(host, address, interface) in types
    if "MULTICAST" in types and address not in _MULTICAST6:
        return False
    if "UNICAST" in types and (address == 0 or address in _MULTICAST6):
        return False
    if "UNSPEC" in types and address != 0:
        return False
    routed = types & {"LOCAL", "ANYCAST", "UNREACHABLE"}
    return bool(routed & _routed_types6(host, address, interface)) if routed else True


def _routed_types6(host: Host, address: int, interface: str | None) -> set[str]:
    found = host.fib.lookup(Flow(address, out_interface=interface))
    if isinstance(found, str):
        types = {"UNREACHABLE"}
    else:
        local = found.route.type == "local" and interface is None
        types = ({"LOCAL"} if local else set()) | ({"ANYCAST"} if found.route.type == "anycast" else set())
    if interface is not None and any(a.address == address for a in _addresses(host.interface(interface))):
        types.add("LOCAL")
    return types


def reverse_path_matches(
    host: Host, flow: Flow, *, loose: bool = False, valid_mark: bool = False, accept_local: bool = False
) -> bool:
    """Return whether ``-m rpfilter`` matches, not inverted: the way back is the way it came."""
    if flow.in_interface == "lo":
        return True
    if host.family == 4:
        return _reverse4(host, flow, loose, valid_mark, accept_local)
    return _reverse6(host, flow, loose, valid_mark, accept_local)


def _reverse4(host: Host, flow: Flow, loose: bool, valid_mark: bool, accept_local: bool) -> bool:
    to = flow.destination
    if flow.source in _ZERO4 and (to == _LIMITED_BROADCAST or to >> 8 == 224 << 16):
        return True
    source = 0 if to in _MULTICAST4 or to in _ZERO4 or to == _LIMITED_BROADCAST else to
    found = host.fib.lookup(Flow(flow.source, source, mark=flow.mark if valid_mark else 0, tos=flow.tos))
    if isinstance(found, str):
        return False
    if found.route.type != "unicast" and not (found.route.type == "local" and accept_local):
        return False
    return loose or any(hop.device == flow.in_interface for hop in found.route.hops)


def _reverse6(host: Host, flow: Flow, loose: bool, valid_mark: bool, accept_local: bool) -> bool:
    if flow.source == 0:
        return True
    source = 0 if flow.destination in _MULTICAST6 else flow.destination
    bound = flow.in_interface if flow.source in _LINK_LOCAL6 else None
    mark = flow.mark if valid_mark else 0
    found = host.fib.lookup(Flow(flow.source, source, out_interface=bound, mark=mark, tos=flow.tos))
    if isinstance(found, str) or found.route.type == "anycast":
        return False
    if found.route.type == "local":
        return accept_local
    return loose or any(hop.device == flow.in_interface for hop in found.route.hops)


# ---- addresses of the node


def select_source(host: Host, interface: str, destination: int, scope: int = GLOBAL) -> int | None:
    """IPv4: return the address the node uses on ``interface`` towards ``destination`` (0: any).

    Primary addresses at least as wide as ``scope``: the one whose network holds the destination, else the
    first; if the interface has none, the first of any interface (inet_select_addr).
    """
    found = host.interface(interface)
    narrowest = LINK if host.sysctl("route_localnet", interface) else HOST
    usable = [a for a in _addresses(found) if not a.secondary and min(a.scope, narrowest) <= scope]
    for address in usable:
        if not destination or destination in address.network:
            return address.address
    if usable:
        return usable[0].address
    others = (a for i in host.interfaces for a in i.addresses if not a.secondary)
    return next((a.address for a in others if a.scope != LINK and a.scope <= scope), None)


def masquerade_address(host: Host, out: str, destination: int, gateway: int | None) -> int | None:
    """Return the source address MASQUERADE gives a packet that leaves by ``out``; None: it is dropped.

    ``gateway`` is the next router of its route, None when the destination is on the link.
    """
    if host.family == 6:
        return select_source6(host.interfaces, destination, out)
    return select_source(host, out, gateway or destination)


def redirect_address(host: Host, in_interface: str | None, destination: int) -> int | None:
    """Return the address REDIRECT sends a packet to; ``in_interface`` None means OUTPUT.

    None: the interface has no address that would do, and the packet is dropped.
    """
    if in_interface is None:
        return _LOOPBACK6 if host.family == 6 else _LOOPBACK4.address + 1
    addresses = _addresses(host.interface(in_interface))
    if host.family == 6:
        wanted = LINK if destination in _LINK_LOCAL6 else GLOBAL
        addresses = tuple(a for a in addresses if min(a.scope, LINK) == wanted)
    return addresses[0].address if addresses else None
