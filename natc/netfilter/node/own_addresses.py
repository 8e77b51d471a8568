"""The addresses of the node that packets are given: as a source, by MASQUERADE, by REDIRECT.

Facts: net/ipv4/devinet.c, net/netfilter/nf_nat_masquerade.c, nf_nat_redirect.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.node.host import GLOBAL, HOST, LINK, Host, Interface, InterfaceAddress
from natc.netfilter.node.source6 import scope_of, select_source6
from natc.netfilter.node.special_addresses import LOOPBACK4, LOOPBACK6

#: Scopes of IPv6 addresses that lead no farther than an interface, a link or a site.
_NARROW_SCOPES = (1, 2, 5)


def addresses_of(interface: Interface | None) -> tuple[InterfaceAddress, ...]:
    """Return an interface's addresses; none of an interface that is not there."""
    return interface.addresses if interface else ()


def select_source(host: Host, interface: str, destination: int, scope: int = GLOBAL) -> int | None:
    """IPv4: return the address the node uses on ``interface`` towards ``destination`` (0: any).

    Primary addresses at least as wide as ``scope``: the one whose network holds the destination, else the
    first; if the interface has none, the first of any interface (inet_select_addr).
    """
    found = host.interface(interface)
    narrowest = LINK if host.sysctl("route_localnet", interface) else HOST
    usable = [a for a in addresses_of(found) if not a.secondary and min(a.scope, narrowest) <= scope]
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
        return LOOPBACK6 if host.family == 6 else LOOPBACK4.address + 1
    addresses = [each.address for each in addresses_of(host.interface(in_interface))]
    if host.family == 6:
        return _redirect_address6(addresses, destination)
    return addresses[0] if addresses else None


def _redirect_address6(addresses: Sequence[int], destination: int) -> int | None:
    """Return the widest address; of the same scope where the destination is for a link or a site only."""
    scope = scope_of(destination)
    usable = [each for each in addresses if scope not in _NARROW_SCOPES or scope_of(each) == scope]
    return max(usable, key=scope_of, default=None)


def joined_groups6(host: Host, device: str) -> frozenset[int]:
    """Return the IPv6 groups that every node joins on a device (net/ipv6/addrconf.c).

    All nodes, all routers where it forwards, and the solicited-node groups of its addresses. A device without
    neighbour discovery (``ip link set DEVICE arp off``) has none of the latter; no node file tells that.
    """
    own = addresses_of(host.interface(device))
    solicited = {(0xFF02 << 112) | (0x1FF << 24) | each.address & 0xFFFFFF for each in own}
    routers = {(scope << 112) | 2 for scope in (0xFF01, 0xFF02, 0xFF05)} if host.forwards(device) else set()
    return frozenset({(scope << 112) | 1 for scope in (0xFF01, 0xFF02)} | routers | solicited)
