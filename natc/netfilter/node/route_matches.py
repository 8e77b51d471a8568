"""What ``-m addrtype`` and ``-m rpfilter`` ask of routing: the types of addresses, the way back to a source.

Facts: net/netfilter/xt_addrtype.c, net/ipv4/netfilter/ipt_rpfilter.c and its IPv6 twin.
"""

from __future__ import annotations

from natc.netfilter.node.fib import Flow, Found
from natc.netfilter.node.host import Host
from natc.netfilter.node.iproute import TABLES
from natc.netfilter.node.own_addresses import addresses_of
from natc.netfilter.node.special_addresses import (
    LIMITED_BROADCAST,
    LINK_LOCAL6,
    LOCAL_MULTICAST4,
    MULTICAST4,
    MULTICAST6,
    UNSPECIFIED4,
    is_unicast6,
)


def address_type(host: Host, address: int, interface: str | None = None) -> str:
    """IPv4: return the type of an address: UNICAST, LOCAL, BROADCAST, MULTICAST.

    Only the table ``local`` counts. With ``interface``, only that interface's entries do.
    """
    if address in (UNSPECIFIED4, LIMITED_BROADCAST):
        return "BROADCAST"
    if address in MULTICAST4:
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
    if "MULTICAST" in types and address not in MULTICAST6:
        return False
    if "UNICAST" in types and not is_unicast6(address):
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
    if interface is not None and any(a.address == address for a in addresses_of(host.interface(interface))):
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
    if flow.source == UNSPECIFIED4 and (to == LIMITED_BROADCAST or to in LOCAL_MULTICAST4):
        return True
    source = 0 if to in MULTICAST4 or to == LIMITED_BROADCAST else to
    found = host.fib.lookup(Flow(flow.source, source, mark=flow.mark if valid_mark else 0, tos=flow.tos))
    if isinstance(found, str):
        return False
    if found.route.type != "unicast" and not (found.route.type == "local" and accept_local):
        return False
    return loose or any(hop.device == flow.in_interface for hop in found.route.hops)


def _reverse6(host: Host, flow: Flow, loose: bool, valid_mark: bool, accept_local: bool) -> bool:
    if flow.source == 0:
        return True
    source = 0 if flow.destination in MULTICAST6 else flow.destination
    bound = flow.in_interface if flow.source in LINK_LOCAL6 else None
    mark = flow.mark if valid_mark else 0
    found = host.fib.lookup(Flow(flow.source, source, out_interface=bound, mark=mark, tos=flow.tos))
    if isinstance(found, str) or found.route.type == "anycast":
        return False
    if found.route.type == "local":
        return accept_local
    return loose or any(hop.device == flow.in_interface for hop in found.route.hops)
