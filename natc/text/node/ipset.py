"""The text of ``ipset save``: read into :class:`~natc.netfilter.ipset.all_sets.Sets`, and written back.

Every line is words; what a word of a member means depends on the set's type, so there is no grammar here
beyond splitting. A member that nothing changed is written as it was read.

Facts: ipset(8), and what ``ipset save`` of version 7.17 prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from natc.errors import NodeError, Span
from natc.netfilter.header import Protocol
from natc.netfilter.ipset.all_sets import Sets
from natc.netfilter.ipset.members import TYPES, Device, Entry, Part, PortPart, SetOptions
from natc.netfilter.ipset.one_set import IpSet
from natc.netfilter.kinds.addresses import address_of, shown
from natc.netfilter.node.iproute import Prefix
from natc.text.node.ipset_elements import ICMP_NAMES, addresses, elements, port_range

_WORD = re.compile(r'"[^"]*"|\S+')
_COMMANDS = {"create": "create", "-N": "create", "n": "create", "add": "add", "-A": "add", "a": "add"}


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
        if "-" not in text:
            raise ValueError(f"{text} is no range of ports")
        return port_range(text)
    return addresses(text)


# ---- add


def _add(sets: Sets, words: list[str], line: str) -> None:
    _, name, element, *rest = words
    found = sets.get(_bare(name))
    if found is None:
        raise _LineError(f"there is no set {_bare(name)}", 1)
    try:
        extra = _extras(rest) if rest else {}
        members = list(elements(found, element, "wildcard" in rest))
    except ValueError as error:
        raise _LineError(str(error), 2) from None
    placed = found.type == "list:set" and bool(rest) and not {"before", "after"}.isdisjoint(rest)
    spelled = line.split(maxsplit=2)[2].rstrip() if rest else element
    text = None if len(members) > 1 or placed else spelled
    for parts in members:
        if not found.add(Entry(parts, text=text, **extra), exist="-exist" in rest):
            raise _LineError(f"set {found.name} has this member already, or is full", 2)
        if placed:
            _place(found, parts, rest)


def _place(found: IpSet, parts: tuple[Part, ...], words: list[str]) -> None:
    """Carry out ``before SET`` and ``after SET``."""
    for word, name in pairwise(words):
        if word in ("before", "after") and not found.move(parts, (_bare(name),), behind=word == "after"):
            raise _LineError(f"{_bare(name)} is not in the list", 3 + words.index(word) + 1)


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


# ---- writing


def entry_text(found: IpSet, entry: Entry) -> str:
    """Return a member as ``ipset save`` shows it behind the set's name."""
    if entry.text is not None:
        return entry.text
    parts = [_part_text(part) for part in entry.parts if part is not None]
    words = [",".join(parts)]
    timeout = found.options.timeout if entry.timeout is None else entry.timeout
    words += ["timeout", str(timeout)] if timeout is not None else []
    words += ["nomatch"] if entry.nomatch else []
    words += ["wildcard"] if any(isinstance(p, Device) and p.wildcard for p in entry.parts) else []
    if found.options.counters or entry.packets is not None or entry.bytes is not None:
        words += ["packets", str(entry.packets or 0), "bytes", str(entry.bytes or 0)]
    words += ["comment", f'"{entry.comment}"'] if entry.comment is not None else []
    words += [word for pair in entry.extras for word in pair]
    return " ".join(words)


def _part_text(part: Part) -> str:
    if isinstance(part, Prefix):
        address = shown(address_of(part.address, part.bits))
        return address if part.length == part.bits else f"{address}/{part.length}"
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
    if part.proto not in ICMP_NAMES:
        return f"{name}:{part.port}"
    pair = part.port >> 8, part.port & 0xFF
    known = next((word for word, value in ICMP_NAMES[part.proto].items() if value == pair), None)
    return f"{name}:{known or f'{pair[0]}/{pair[1]}'}"
