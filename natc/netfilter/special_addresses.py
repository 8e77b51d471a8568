"""Addresses that mean something by themselves: loopback, multicast, link-local (RFC 6890, RFC 4291)."""

from __future__ import annotations

from natc.netfilter.iproute import Prefix

LOOPBACK4 = Prefix(127 << 24, 8, 32)
MULTICAST4 = Prefix(224 << 24, 4, 32)
ZERO4 = Prefix(0, 8, 32)
LIMITED_BROADCAST = 0xFFFFFFFF
ALL_SYSTEMS = 0xE0000001

LOOPBACK6 = 1
MULTICAST6 = Prefix(0xFF << 120, 8, 128)
LINK_LOCAL6 = Prefix(0xFE80 << 112, 10, 128)
MAPPED6 = Prefix(0xFFFF << 32, 96, 128)

#: Where routing looks at more of a destination than which route is for it.
SPECIAL4 = (LOOPBACK4, MULTICAST4, ZERO4, Prefix(LIMITED_BROADCAST, 32, 32))
SPECIAL6 = (Prefix(LOOPBACK6, 128, 128), MULTICAST6, LINK_LOCAL6, MAPPED6)


def martian_source(source: int, destination: object) -> str | None:
    """Return why any node refuses an IPv4 source from the wire, None if it need not (ip_route_input_slow)."""
    if source in MULTICAST4 or source == LIMITED_BROADCAST:
        return "martian source: a multicast or broadcast address"
    if source in ZERO4 and not (source == 0 and destination in (0, LIMITED_BROADCAST)):
        return "martian source: in 0.0.0.0/8"
    return None
