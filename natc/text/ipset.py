"""The text of ``ipset save``: read into :class:`~natc.netfilter.ipset.Sets`, and written back.

Every line is words; what a word of a member means depends on the set's type, so there is no grammar here
beyond splitting. A member that nothing changed is written as it was read.

Facts: ipset(8), and what ``ipset save`` of version 7.17 prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network
from itertools import product
from math import prod
from typing import Any

from natc.errors import NodeError, Span
from natc.netfilter.header import Protocol
from natc.netfilter.iproute import Prefix
from natc.netfilter.ipset import TYPES, Device, Entry, IpSet, Part, PortPart, SetOptions, Sets
from natc.netfilter.kinds import address_of

_WORD = re.compile(r'"[^"]*"|\S+')
_COMMANDS = {"create": "create", "-N": "create", "n": "create", "add": "add", "-A": "add", "a": "add"}
_MAC = re.compile(r"(?:[0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}")

#: How many members one line may stand for: a short text must not fill the memory.
_MOST_AT_ONCE = 1 << 16

#: Names of ICMP type and code, by protocol; where two names mean the same the first is printed.
_ICMP_NAMES = {
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


class _LineError(ValueError):
    """What is wrong with a line, and at which of its words."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


def read_sets(text: str, file: str = "<ipset save>") -> Sets:
    """Read the text of ``ipset save``; raise :class:`NodeError` with the place of what is wrong."""
    sets = Sets()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            _read_line(sets, line)
        except _LineError as wrong:
            spans = [match.span() for match in _WORD.finditer(line)]
            start, end = spans[min(wrong.place, len(spans) - 1)]
            raise NodeError(str(wrong), Span(file, number, start + 1, line, end - start)) from None
    return sets


def _read_line(sets: Sets, line: str) -> None:
    words = _WORD.findall(line) if '"' in line else line.split()
    if not words or words[0].startswith("#") or words == ["COMMIT"]:
        return
    command = _COMMANDS.get(words[0])
    if command is None:
        raise _LineError(f"{words[0]} is no line of ipset save", 0)
    if len(words) < 3:
        raise _LineError(f"{command} needs a set and more", len(words) - 1)
    if command == "create":
        _create(sets, words)
    else:
        _add(sets, words, line)


def write_sets(sets: Iterable[IpSet]) -> str:
    """Return sets as ``ipset save`` shows them."""
    out = []
    for found in sets:
        out.append(" ".join(("create", found.name, found.type, *found.options.words)))
        out += [f"add {found.name} {entry_text(found, entry)}" for entry in found]
    return "".join(f"{line}\n" for line in out)


# ---- create


def _create(sets: Sets, words: list[str]) -> None:
    _, name, kind, *rest = words
    if kind not in TYPES:
        raise _LineError(f"{kind} is no type of set", 2)
    if sets.get(_bare(name)) is not None:
        raise _LineError(f"set {_bare(name)} is created twice", 1)
    try:
        options = _options(kind, tuple(rest))
    except ValueError as error:
        raise _LineError(str(error), 2) from None
    sets.put(IpSet(_bare(name), kind, options))


def _bare(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word


#: Words behind the type that take none, of which only ``counters`` changes what natc does.
_FLAGS = frozenset({"counters", "comment", "skbinfo", "forceadd"})
_VALUED = frozenset(
    {"family", "hashsize", "maxelem", "timeout", "netmask", "bitmask", "markmask", "range", "size"}
    | {"bucketsize", "initval"}
)


def _options(kind: str, words: tuple[str, ...]) -> SetOptions:
    given: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        if word in _FLAGS:
            given[word] = ""
        elif word in _VALUED:
            given[word] = next(remaining, "")
        else:
            raise ValueError(f"{word} is no option of a set")
    family = 6 if given.get("family") in ("inet6", "ipv6") else 4
    bits = 32 if family == 4 else 128
    first, last = _range(given.get("range"), kind)
    return SetOptions(
        family,
        _mask(given.get("netmask") or given.get("bitmask"), bits),
        int(given.get("markmask", "0xffffffff"), 0),
        first,
        last,
        _optional_number(given.get("timeout")),
        "counters" in given,
        int(given.get("maxelem", given.get("size", "65536")), 0) if kind.startswith("hash:") else 1 << 32,
        words,
    )


def _optional_number(text: str | None) -> int | None:
    return None if text is None else int(text, 0)


def _mask(text: str | None, bits: int) -> int | None:
    if text is None:
        return None
    if text.isdecimal() and int(text) <= bits:
        return ((1 << int(text)) - 1) << (bits - int(text))
    return int(ip_address(text))


def _range(text: str | None, kind: str) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    if kind == "bitmap:port":
        low, _, high = text.partition("-")
        return int(low), int(high or low)
    addresses = _addresses(text)
    return addresses[0], addresses[1]


def _addresses(text: str) -> tuple[int, int]:
    """Read ``A``, ``A/LENGTH`` or ``A-B`` as the first and last address."""
    low, dash, high = text.partition("-")
    if dash:
        return int(ip_address(low)), int(ip_address(high))
    if "/" not in text:
        address = int(ip_address(text))
        return address, address
    network = ip_network(text, strict=False)
    return int(network.network_address), int(network.broadcast_address)


# ---- add


def _add(sets: Sets, words: list[str], line: str) -> None:
    _, name, element, *rest = words
    found = sets.get(_bare(name))
    if found is None:
        raise _LineError(f"there is no set {_bare(name)}", 1)
    try:
        extra = _extras(rest) if rest else {}
        elements = list(_elements(found, element, "wildcard" in rest))
    except ValueError as error:
        raise _LineError(str(error), 2) from None
    text = None if len(elements) > 1 else line.split(maxsplit=2)[2].rstrip() if rest else element
    for parts in elements:
        if not found.add(Entry(parts, text=text, **extra), exist="-exist" in rest):
            raise _LineError(f"set {found.name} has this member already, or is full", 2)


def _extras(words: list[str]) -> dict[str, Any]:
    """Read what a member carries along."""
    values: dict[str, Any] = {}
    kept: list[tuple[str, str]] = []
    remaining = iter(words)
    for word in remaining:
        if word in ("timeout", "packets", "bytes"):
            values[word] = int(next(remaining, ""), 0)
        elif word == "comment":
            values[word] = _bare(next(remaining, ""))
        elif word in ("skbmark", "skbprio", "skbqueue"):
            kept.append((word, next(remaining, "")))
        elif word == "nomatch":
            values[word] = True
        elif word in ("before", "after"):
            next(remaining, "")
        elif word not in ("wildcard", "-exist"):
            raise ValueError(f"{word} is no option of a member")
    return values | {"extras": tuple(kept)}


def _elements(found: IpSet, text: str, wildcard: bool) -> Iterator[tuple[Part, ...]]:
    """Yield the members that one element stands for: ranges of a set of single values are spelled out."""
    words = text.split(",") if found.type != "list:set" else [_bare(text)]
    optional = 1 if found.type == "bitmap:ip,mac" else 0
    if not len(found.dimensions) - optional <= len(words) <= len(found.dimensions):
        raise ValueError(f"{text} has not the {len(found.dimensions)} parts of {found.type}")
    choices = [
        _choices(found, kind, word, wildcard) for kind, word in zip(found.dimensions, words, strict=False)
    ]
    if prod(map(len, choices)) > _MOST_AT_ONCE:
        raise ValueError(f"{text} stands for more than {_MOST_AT_ONCE} members")
    for parts in product(*choices):
        yield parts if len(parts) == len(found.dimensions) else (*parts, None)


def _choices(found: IpSet, kind: str, word: str, wildcard: bool) -> list[Part]:
    """Read one part of an element: the values it stands for."""
    if kind == "iface":
        name = word.removeprefix("physdev:")
        return [Device(name, name != word, wildcard)]
    return _PART_READERS[kind](found, word)


def _network(found: IpSet, word: str) -> Prefix:
    network = ip_network(word, strict=False)
    if network.max_prefixlen != found.options.bits:
        raise ValueError(f"{word} is of the other family")
    return Prefix(int(network.network_address), network.prefixlen, network.max_prefixlen)


def _single_addresses(found: IpSet, word: str) -> list[Part]:
    first, last = _addresses(word)
    bits = found.options.bits
    if first == last and found.options.netmask is None and (":" in word) == (bits == 128):
        return [Prefix(first, bits, bits)]
    ones = (1 << bits) - 1
    if (":" in word) != (bits == 128):
        raise ValueError(f"{word} is of the other family")
    mask = ones if found.options.netmask is None else found.options.netmask
    hosts = mask ^ ones
    step = hosts + 1 if not hosts & (hosts + 1) else 1
    if (last - first) // step >= min(found.options.maximum, _MOST_AT_ONCE):
        raise ValueError(f"{word} stands for more members than the set may have")
    values = dict.fromkeys(address & mask for address in (*range(first, last + 1, step), last))
    return [Prefix(value, bits, bits) for value in values]


def _ports(found: IpSet, word: str) -> Iterator[PortPart]:
    if found.type == "bitmap:port":
        low, high = _port_range(word.rpartition(":")[2])
        yield from (PortPart(0, port) for port in range(low, high + 1))
        return
    name, colon, rest = word.partition(":")
    proto = Protocol().parse([name]) if colon else 6
    if proto in _ICMP_NAMES:
        kind, code = _icmp(proto, rest)
        yield PortPart(proto, kind << 8 | code)
        return
    low, high = _port_range(rest if colon else word)
    yield from (PortPart(proto, port) for port in range(low, high + 1))


def _port_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not low.isdecimal() or not (high or low).isdecimal() or max(int(low), int(high or low)) > 65535:
        raise ValueError(f"{text} is not a port")
    return int(low), int(high or low)


def _icmp(proto: int, text: str) -> tuple[int, int]:
    if text in _ICMP_NAMES[proto]:
        return _ICMP_NAMES[proto][text]
    kind, _, code = text.partition("/")
    if not kind.isdecimal() or not (code or "0").isdecimal():
        raise ValueError(f"{text} is no type of ICMP")
    return int(kind), int(code or "0")


def _hardware(word: str) -> bytes:
    if not _MAC.fullmatch(word):
        raise ValueError(f"{word} is no hardware address")
    return bytes(int(part, 16) for part in word.split(":"))


_PART_READERS: dict[str, Callable[[IpSet, str], list[Part]]] = {
    "net": lambda found, word: [_network(found, word)],
    "ip": _single_addresses,
    "port": lambda found, word: [*_ports(found, word)],
    "mac": lambda found, word: [_hardware(word)],
    "mark": lambda found, word: [int(word, 0) & found.options.mark_mask],
    "set": lambda found, word: [word],
}


# ---- writing


def entry_text(found: IpSet, entry: Entry) -> str:
    """Return a member as ``ipset save`` shows it behind the set's name."""
    if entry.text is not None:
        return entry.text
    parts = [_part_text(part) for part in entry.parts if part is not None]
    words = [",".join(parts)]
    for name, value in (("timeout", entry.timeout), ("packets", entry.packets), ("bytes", entry.bytes)):
        words += [name, str(value)] if value is not None else []
    words += ["comment", f'"{entry.comment}"'] if entry.comment is not None else []
    words += [word for pair in entry.extras for word in pair]
    words += ["nomatch"] if entry.nomatch else []
    words += ["wildcard"] if any(isinstance(p, Device) and p.wildcard for p in entry.parts) else []
    return " ".join(words)


def _part_text(part: Part) -> str:
    if isinstance(part, Prefix):
        address = address_of(part.address, part.bits)
        return str(address) if part.length == part.bits else f"{address}/{part.length}"
    if isinstance(part, PortPart):
        return _port_text(part)
    if isinstance(part, Device):
        return f"physdev:{part.name}" if part.physdev else part.name
    if isinstance(part, bytes):
        return ":".join(f"{octet:02X}" for octet in part)
    return f"{part:#010x}" if isinstance(part, int) else str(part)


def _port_text(part: PortPart) -> str:
    if part.proto == 0:
        return str(part.port)
    (name,) = Protocol().words(part.proto)
    if part.proto not in _ICMP_NAMES:
        return f"{name}:{part.port}"
    pair = part.port >> 8, part.port & 0xFF
    known = next((word for word, value in _ICMP_NAMES[part.proto].items() if value == pair), None)
    return f"{name}:{known or f'{pair[0]}/{pair[1]}'}"
