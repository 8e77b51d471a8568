"""Which of its addresses a node uses towards an IPv6 destination: RFC 6724 as the kernel follows it.

Facts: net/ipv6/addrconf.c (ipv6_dev_get_saddr, ipv6_get_saddr_eval), net/ipv6/addrlabel.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.node.host import Interface, InterfaceAddress

#: The kernel's address labels: network, prefix length, label; the longest match wins.
_LABELS = (
    (1, 128, 0),
    (0xFFFF << 32, 96, 4),
    (0, 96, 3),
    (0x2001 << 112, 32, 6),
    (0x2001001 << 100, 28, 7),
    (0x2002 << 112, 16, 2),
    (0x3FFE << 112, 16, 12),
    (0xFEC0 << 112, 10, 11),
    (0xFC00 << 112, 7, 5),
    (0, 0, 1),
)
_LINK_SCOPE, _SITE_SCOPE, _GLOBAL_SCOPE = 2, 5, 14


def select_source6(interfaces: Sequence[Interface], destination: int, out: str | None) -> int | None:
    """Return the best source address for ``destination`` when the packet leaves by ``out``, or None."""
    scope = scope_of(destination)
    bound = out is not None and (destination >> 120 == 0xFF or scope <= _LINK_SCOPE)
    best: tuple[tuple[int, ...], int] | None = None
    for interface in interfaces:
        if bound and interface.name != out:
            continue
        for candidate in interface.addresses:
            score = _score(candidate, out in (None, interface.name), destination, scope)
            if best is None or score > best[0]:
                best = score, candidate.address
    return best[1] if best else None


def _score(candidate: InterfaceAddress, on_out: bool, destination: int, scope: int) -> tuple[int, ...]:
    """Rate a candidate by the rules in their order; the larger tuple is the better source."""
    address = candidate.address
    own_scope = scope_of(address)
    return (
        address == destination,
        -own_scope if own_scope >= scope else own_scope - 128,
        on_out,
        _label(address) == _label(destination),
        _is_orchid(address) == _is_orchid(destination),
        min(128 - (address ^ destination).bit_length(), candidate.length),
    )


def scope_of(address: int) -> int:
    """Return how far an IPv6 address is valid, in numbers of RFC 4291: 2 a link, 5 a site, 14 the world."""
    if address >> 120 == 0xFF:
        return address >> 112 & 15
    if address >> 118 == 0xFE80 >> 6 or address == 1:
        return _LINK_SCOPE
    if address >> 118 == 0xFEC0 >> 6:
        return _SITE_SCOPE
    return _GLOBAL_SCOPE


def _label(address: int) -> int:
    for network, length, label in _LABELS:
        if not (address ^ network) >> (128 - length):
            return label
    return 1


def _is_orchid(address: int) -> bool:
    return address >> 100 == 0x2001001
