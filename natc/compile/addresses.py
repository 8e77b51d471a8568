"""IP addresses and CIDRs as kube-proxy reads them.

Go's lenient parser allows leading zeros in IPv4 and takes an IPv4-mapped IPv6 address for IPv4;
kube-proxy prints addresses canonically, RFC 5952 for IPv6 (layout section 1). Addresses stay text:
a canonical one holds a colon exactly when it is IPv6.
"""

from __future__ import annotations

import ipaddress
import re
import socket

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LENIENT_IPV4 = re.compile(r"[0-9]{1,32}(?:\.[0-9]{1,32}){3}", re.ASCII)
_PREFIX_LENGTH = re.compile(r"[0-9]{1,3}", re.ASCII)


def canonical_ip(text: str) -> str | None:
    """Return the canonical spelling of an IP address, or None if it is none."""
    if ":" in text:
        return _canonical_ipv6(text)
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return _without_leading_zeros(text)
    return text


def _canonical_ipv6(text: str) -> str | None:
    try:
        address = ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        return None
    mapped = address.ipv4_mapped
    return str(mapped or address)


def _without_leading_zeros(text: str) -> str | None:
    if not _LENIENT_IPV4.fullmatch(text):
        return None
    octets = [int(octet) for octet in text.split(".")]
    return ".".join(map(str, octets)) if max(octets) <= 255 else None


def is_ipv6(address: str) -> bool:
    """Tell the family of a canonical address."""
    return ":" in address


def parse_cidr(text: str) -> Network | None:
    """Return the network of ``address/length``, host bits dropped, or None if it is no CIDR."""
    address, slash, length = text.partition("/")
    canonical = canonical_ip(address)
    if not slash or canonical is None or not _PREFIX_LENGTH.fullmatch(length):
        return None
    bits = int(length)
    if is_ipv6(canonical) != (":" in address):  # IPv4-mapped: the length counts from the IPv6 start
        bits -= 96
    try:
        return ipaddress.ip_network(f"{canonical}/{bits}", strict=False)
    except ValueError:
        return None


def contains(network: Network, address: str) -> bool:
    """Tell whether a canonical address lies inside ``network``; never across families."""
    ip = ipaddress.ip_address(address)
    return ip.version == network.version and ip in network


def host_cidr(address: str) -> str:
    """Return the network of one host: /32 for IPv4, /128 for IPv6."""
    return f"{address}/128" if is_ipv6(address) else f"{address}/32"


def join_host_port(ip: str, port: int) -> str:
    """Return ``ip:port``, with brackets around an IPv6 address."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
