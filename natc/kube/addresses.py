"""IP addresses as Kubernetes reads them: leniently, so that clusters of any age stay readable.

Kubernetes keeps Go's old address parser (k8s.io/utils/net, ParseIPSloppy), which allows leading
zeros in IPv4 and reads them as decimal. An IPv4-mapped IPv6 address counts as IPv4, as in Go.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from socket import AF_INET, inet_pton

#: What the plain spelling of special IPv4 addresses begins with.
_SPECIAL_V4 = ("0.0.0.0", "127.", "169.254.", "224.0.0.")  # noqa: S104 - compared with, not bound to
#: Longest text that is remembered, address or not.
_LONGEST_KEPT = 50
_LENIENT_V4 = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII).fullmatch

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def is_plain_v4(text: str) -> bool:
    """Tell whether ``text`` is an IPv4 address as it is printed, without leading zeros.

    A cluster has ten thousands of them: the C library takes a third of a regular expression's time.
    """
    try:
        inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def is_ordinary_v4(text: str) -> bool:
    """Tell whether ``text`` is a plain IPv4 address and not :func:`special <is_special>`; the common case."""
    return is_plain_v4(text) and not text.startswith(_SPECIAL_V4)


def parse_address(text: str) -> Address | None:
    """Return the address ``text`` means to Kubernetes, or None when it is none."""
    return _known_address(text) if len(text) <= _LONGEST_KEPT else _known_address.__wrapped__(text)


@lru_cache(maxsize=65536)
def _known_address(text: str) -> Address | None:
    if _LENIENT_V4(text):
        return _parse_lenient_v4(text)
    if "%" in text:  # Go's parser knows no zones
        return None
    head, colon, tail = text.rpartition(":")
    if _LENIENT_V4(tail):  # the end of an IPv6 address may be written as an IPv4 one, as leniently
        text = f"{head}{colon}{_parse_lenient_v4(tail) or tail}"
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def _parse_lenient_v4(text: str) -> IPv4Address | None:
    parts = [int(part) if len(part) < 100 else 256 for part in text.split(".")]
    if max(parts) > 255:
        return None
    return IPv4Address(bytes(parts))


def family_of(text: str) -> int:
    """Return 4 or 6, or 0 when ``text`` is no address."""
    if is_plain_v4(text):
        return 4
    address = parse_address(text)
    return address.version if address else 0


def canonical_ip(text: str) -> str | None:
    """Return the address in the form Go prints (RFC 5952), or None when ``text`` is no address.

    The result holds a colon exactly when it is IPv6.
    """
    try:
        inet_pton(AF_INET, text)  # is_plain_v4 without the call: it is asked of every endpoint
    except (OSError, ValueError):
        address = parse_address(text)
        return str(address) if address else None
    return text


def canonical(text: str) -> str:
    """Return the address in the form Go prints; ``text`` itself when it is no address."""
    return canonical_ip(text) or text


def parse_network(text: str) -> Network | None:
    """Return the network a CIDR lies in, host bits masked away; None when ``text`` is no CIDR."""
    host, slash, length = text.partition("/")
    address = parse_address(host)
    if address is None or not slash or not (length.isascii() and length.isdigit()):
        return None
    width = int(length) if len(length) < 4 else 999
    if ":" in host and address.version == 4:  # a mapped address counts its bits as IPv6
        width -= 96
    if not 0 <= width <= address.max_prefixlen:
        return None
    return ip_network((address, width), strict=False)


def is_special(text: str) -> bool:
    """Tell whether an address is one no endpoint or external IP may have.

    Unspecified, loopback and link-local addresses, as the API server's ValidateNonSpecialIP has it.
    """
    address = parse_address(text)
    if address is None:
        return False
    link_local = address.is_link_local or address in _LINK_LOCAL_MULTICAST[address.version]
    return address.is_unspecified or address.is_loopback or link_local


_LINK_LOCAL_MULTICAST = {4: ip_network("224.0.0.0/24"), 6: ip_network("ff02::/16")}
