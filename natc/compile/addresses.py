"""Canonical IP addresses as rules hold them: text, with a colon exactly where they are IPv6.

How Kubernetes reads addresses and CIDRs is in :mod:`natc.kube.addresses`.
"""

from __future__ import annotations

import ipaddress

from natc.kube.addresses import Network


def is_ipv6(address: str) -> bool:
    """Tell the family of a canonical address."""
    return ":" in address


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
