"""What one element of a set stands for: addresses, networks, ports and the rest, ranges of them spelled out.

Facts: the parsers of ipset 7.17 and what Linux 6.18 makes of what they send, tried set type by set type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network, summarize_address_range
from itertools import product
from math import prod

from natc.netfilter.header import Protocol
from natc.netfilter.ipset.members import Device, Part, PortPart
from natc.netfilter.ipset.one_set import IpSet
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.kinds.numbers import C_NUMBER, number
from natc.netfilter.node.iproute import Prefix
from natc.netfilter.services import SERVICES

_MAC = re.compile(r"(?:[0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}")

#: How many members one line may stand for: a short text must not fill the memory.
_MOST_AT_ONCE = 1 << 16
#: Protocols with ports; for others only the port 0 makes sense.
_PORTED = frozenset({6, 17, 132, 136})
#: Protocols for which the services of this table have names.
_NAMED = frozenset({6, 17})
#: Sets whose addresses are given one by one: the type, and which of the parts.
_ONE_BY_ONE = frozenset({("bitmap:ip,mac", 0), ("hash:ip,mac", 0), ("hash:ip,port,ip", 2)})
#: Sets that take no network of every address.
_NOT_EVERYTHING = frozenset({"hash:net", "hash:net,port", "hash:ip,port,net"})

#: Names of ICMP type and code, by protocol; where two names mean the same the first is printed.
ICMP_NAMES = {
    1: {
        "echo-reply": (0, 0), "pong": (0, 0), "network-unreachable": (3, 0), "host-unreachable": (3, 1),
        "protocol-unreachable": (3, 2), "port-unreachable": (3, 3), "fragmentation-needed": (3, 4),
        "source-route-failed": (3, 5), "network-unknown": (3, 6), "host-unknown": (3, 7),
        "network-prohibited": (3, 9), "host-prohibited": (3, 10), "TOS-network-unreachable": (3, 11),
        "TOS-host-unreachable": (3, 12), "communication-prohibited": (3, 13),
        "host-precedence-violation": (3, 14), "precedence-cutoff": (3, 15), "source-quench": (4, 0),
        "network-redirect": (5, 0), "host-redirect": (5, 1), "TOS-network-redirect": (5, 2),
        "TOS-host-redirect": (5, 3), "echo-request": (8, 0), "ping": (8, 0),
        "router-advertisement": (9, 0), "router-solicitation": (10, 0),
        "ttl-zero-during-transit": (11, 0), "ttl-zero-during-reassembly": (11, 1),
        "ip-header-bad": (12, 0), "required-option-missing": (12, 1), "timestamp-request": (13, 0),
        "timestamp-reply": (14, 0), "address-mask-request": (17, 0), "address-mask-reply": (18, 0),
    },
    58: {
        "no-route": (1, 0), "communication-prohibited": (1, 1), "address-unreachable": (1, 3),
        "port-unreachable": (1, 4), "packet-too-big": (2, 0), "ttl-zero-during-transit": (3, 0),
        "ttl-zero-during-reassembly": (3, 1), "bad-header": (4, 0), "unknown-header-type": (4, 1),
        "unknown-option": (4, 2), "echo-request": (128, 0), "ping": (128, 0), "echo-reply": (129, 0),
        "pong": (129, 0), "router-solicitation": (133, 0), "router-advertisement": (134, 0),
        "neighbour-solicitation": (135, 0), "neigbour-advertisement": (136, 0), "redirect": (137, 0),
    },
}  # fmt: skip


def elements(found: IpSet, text: str, wildcard: bool) -> Iterator[tuple[Part, ...]]:
    """Yield the members that one element stands for: ranges of a set of single values are spelled out.

    Raises :class:`ValueError` for what ipset or the kernel would refuse.
    """
    words = text.split(",") if found.type != "list:set" else [text[1:-1] if text.startswith('"') else text]
    optional = 1 if found.type == "bitmap:ip,mac" else 0
    if not len(found.dimensions) - optional <= len(words) <= len(found.dimensions):
        raise ValueError(f"{text} has not the {len(found.dimensions)} parts of {found.type}")
    choices = [_choices(found, place, word, wildcard) for place, word in enumerate(words)]
    if prod(map(len, choices)) > _MOST_AT_ONCE:
        raise ValueError(f"{text} stands for more than {_MOST_AT_ONCE} members")
    for parts in product(*choices):
        yield parts if len(parts) == len(found.dimensions) else (*parts, None)


def _choices(found: IpSet, place: int, word: str, wildcard: bool) -> list[Part]:
    """Read one part of an element: the values it stands for."""
    kind = found.dimensions[place]
    if kind == "iface":
        name = word.removeprefix("physdev:")
        return [Device(name, name != word, wildcard)]
    only_one = (found.type, place) in _ONE_BY_ONE and ("/" in word or "-" in word)
    if kind == "ip" and (only_one or (found.options.family == 6 and not _is_one(word))):
        raise ValueError(f"{word} is not one address, which {found.type} takes here")
    return _PART_READERS[kind](found, word)


def _is_one(word: str) -> bool:
    return "-" not in word and word.partition("/")[2] in ("", "128")


def addresses(text: str) -> tuple[int, int]:
    """Read ``A``, ``A/LENGTH`` or ``A-B``, in either order, as the first and last address."""
    low, dash, high = text.partition("-")
    if dash:
        first, last = sorted((int(ip_address(low)), int(ip_address(high))))
        return first, last
    if "/" not in text:
        address = int(ip_address(text))
        return address, address
    network = ip_network(text, strict=False)
    return int(network.network_address), int(network.broadcast_address)


def _networks(found: IpSet, word: str) -> list[Part]:
    """Read a network, or the networks that a range of IPv4 addresses is made of."""
    bits = found.options.bits
    if "-" in word and bits == 32:
        first, last = (address_of(end, bits) for end in addresses(word))
        networks = [*summarize_address_range(first, last)]
    else:
        networks = [ip_network(word, strict=False)]
    if networks[0].max_prefixlen != bits:
        raise ValueError(f"{word} is of the other family")
    if networks[0].prefixlen == 0 and found.type in _NOT_EVERYTHING:
        raise ValueError(f"{found.type} takes no network of every address")
    return [Prefix(int(network.network_address), network.prefixlen, bits) for network in networks]


def _single_addresses(found: IpSet, word: str) -> list[Part]:
    first, last = addresses(word)
    bits = found.options.bits
    ones = (1 << bits) - 1
    mask = ones if found.options.netmask is None else found.options.netmask
    if (":" in word) != (bits == 128):
        raise ValueError(f"{word} is of the other family")
    _check_range(found, word, first, last)
    if first == last and not first & mask and found.type.startswith("hash:"):
        raise ValueError(f"{word} stands for no address in {found.type}")
    if first == last and found.options.netmask is None:
        return [Prefix(first, bits, bits)]
    hosts = mask ^ ones
    step = hosts + 1 if not hosts & (hosts + 1) else 1
    if (last - first) // step >= min(found.options.maximum, _MOST_AT_ONCE):
        raise ValueError(f"{word} stands for more members than the set may have")
    values = dict.fromkeys(address & mask for address in (*range(first, last + 1, step), last))
    return [Prefix(value, bits, bits) for value in values]


def _check_range(found: IpSet, word: str, first: int, last: int) -> None:
    """Refuse what is outside the range of a bitmap."""
    low, high = found.options.first, found.options.last
    if low is not None and high is not None and (first < low or last > high):
        raise ValueError(f"{word} is out of the range of the set")


def _ports(found: IpSet, word: str) -> Iterator[PortPart]:
    if found.type == "bitmap:port":
        low, high = port_range(word.rpartition(":")[2])
        _check_range(found, word, low, high)
        yield from (PortPart(0, port) for port in range(low, high + 1))
        return
    name, colon, rest = word.partition(":")
    proto = Protocol().parse([name]) if colon else 6
    if proto in ICMP_NAMES:
        kind, code = _icmp(proto, rest)
        yield PortPart(proto, kind << 8 | code)
        return
    if proto not in _PORTED and rest != "0":
        raise ValueError(f"{name} has no ports: only {name}:0 can be a member")
    low, high = port_range(rest if colon else word, named=proto in _NAMED)
    yield from (PortPart(proto, port) for port in range(low, high + 1))


def port_range(text: str, *, named: bool = True) -> tuple[int, int]:
    """Read ``PORT`` or ``PORT-PORT``, in either order; a port may be ``named`` by its service."""
    low, dash, high = text.partition("-")
    if named and text in SERVICES:
        low, dash = text, ""
    ends = sorted(_port(end, text, named) for end in ([low, high] if dash else [low]))
    return ends[0], ends[-1]


def _port(word: str, text: str, named: bool) -> int:
    if named and word in SERVICES:
        return SERVICES[word]
    if not C_NUMBER.match(word) or number(word) > 65535:
        raise ValueError(f"{text} is not a port")
    return number(word)


def _icmp(proto: int, text: str) -> tuple[int, int]:
    if text in ICMP_NAMES[proto]:
        return ICMP_NAMES[proto][text]
    pair = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text, re.ASCII)
    if pair is None or max(map(int, pair.groups())) > 255:
        raise ValueError(f"{text} is no type of ICMP")
    return int(pair[1]), int(pair[2])


def _hardware(word: str) -> bytes:
    if not _MAC.fullmatch(word):
        raise ValueError(f"{word} is no hardware address")
    return bytes(int(part, 16) for part in word.split(":"))


_PART_READERS: dict[str, Callable[[IpSet, str], list[Part]]] = {
    "net": _networks,
    "ip": _single_addresses,
    "port": lambda found, word: [*_ports(found, word)],
    "mac": lambda found, word: [_hardware(word)],
    "mark": lambda found, word: [int(word, 0) & found.options.mark_mask],
    "set": lambda found, word: [word],
}
