"""Addresses that mean something by themselves: loopback, multicast, link-local (RFC 6890, RFC 4291)."""

from __future__ import annotations

from natc.netfilter.node.iproute import Prefix

LOOPBACK4 = Prefix(127 << 24, 8, 32)
MULTICAST4 = Prefix(224 << 24, 4, 32)
#: Of 0.0.0.0/8 only this one is special since Linux 5.3 (ipv4_is_zeronet).
UNSPECIFIED4 = 0
#: Groups of one link: hosts without an address may speak to them.
LOCAL_MULTICAST4 = Prefix(224 << 24, 24, 32)
LIMITED_BROADCAST = 0xFFFFFFFF
ALL_SYSTEMS = 0xE0000001

LOOPBACK6 = 1
MULTICAST6 = Prefix(0xFF << 120, 8, 128)
LINK_LOCAL6 = Prefix(0xFE80 << 112, 10, 128)
MAPPED6 = Prefix(0xFFFF << 32, 96, 128)

#: Where routing looks at more of a destination than which route is for it.
SPECIAL4 = (LOOPBACK4, MULTICAST4, Prefix(UNSPECIFIED4, 32, 32), Prefix(LIMITED_BROADCAST, 32, 32))
SPECIAL6 = (Prefix(LOOPBACK6, 128, 128), MULTICAST6, LINK_LOCAL6)


def martian_source(source: int, destination: object) -> str | None:
    """Return why any node refuses an IPv4 source from the wire, None if it need not.

    0.0.0.0 is a source only of packets to a broadcast address or to a group of the link
    (ip_route_input_slow, ip_mc_validate_source).
    """
    if source in MULTICAST4 or source == LIMITED_BROADCAST:
        return "martian source: a multicast or broadcast address"
    if source != UNSPECIFIED4 or destination in (UNSPECIFIED4, LIMITED_BROADCAST):
        return None
    if isinstance(destination, int) and destination in LOCAL_MULTICAST4:
        return None
    return "martian source: 0.0.0.0"


def is_unicast6(address: int) -> bool:
    """Tell whether an address is one host's to the kernel (__ipv6_addr_type): IPv4-mapped ones are not."""
    return address != 0 and address not in MULTICAST6 and address not in MAPPED6


def is_interface_local6(address: int) -> bool:
    """Tell whether an address is a group whose packets leave no interface, or of the reserved scope."""
    return address in MULTICAST6 and address >> 112 & 0xF <= 1


def needs_scope6(address: int) -> bool:
    """Tell whether an address means something only together with a device (__ipv6_addr_needs_scope_id)."""
    return address in LINK_LOCAL6 or (address in MULTICAST6 and address >> 112 & 0xF in (1, 2))
