"""How a rule looks things up in an ipset; shared by ``-m set`` and ``-j SET``."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.intervals import Intervals, masked, numbers, union
from natc.netfilter.ipset.all_sets import Sets
from natc.netfilter.ipset.one_set import IpSet
from natc.netfilter.ipset.probe import Probe
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.words import unquoted
from natc.netfilter.malformed import lacks_header
from natc.netfilter.node.iproute import Prefix
from natc.netfilter.packet import Open, OpenMark, Packet
from natc.values import frozen

#: Longest name of an ipset, and how many parts an element has at most (ip_set.h).
LONGEST_NAME = 31
MOST_PARTS = 6


@frozen
class SetLookup:
    """An ipset and, for each part of its elements, whether the packet's ``src`` or ``dst`` is taken."""

    name: str
    directions: tuple[str, ...]


class SetLookupKind(Kind[SetLookup]):
    """``NAME src|dst[,src|dst...]``."""

    def parse(self, words: Sequence[str]) -> SetLookup:
        name, directions = unquoted(words[0]), words[1].split(",")
        if len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
            raise ValueError(f"{name!r} is longer than {LONGEST_NAME} bytes")
        if len(directions) > MOST_PARTS:
            raise ValueError(f"more than {MOST_PARTS} directions")
        for word in directions:
            if not word.startswith(("src", "dst")):
                raise ValueError(f"{word!r} is neither src nor dst")
        return SetLookup(name, tuple(word[:3] for word in directions))

    def words(self, value: SetLookup) -> tuple[str, ...]:
        return (value.name, ",".join(value.directions))


#: Where the sets of the node are kept in a memory.
SETS = "ipsets"


#: The packet's fields that a dimension looks at, by direction; "src" is the second.
_FIELDS = {
    "ip": (("dst",), ("src",)),
    "net": (("dst",), ("src",)),
    "port": (("proto", "dport", "icmp_type"), ("proto", "sport", "icmp_type")),
    "mac": (("link_destination",), ("link_source",)),
    "mark": (("mark",), ("mark",)),
    "iface": (("out_interface",), ("in_interface",)),
}


def leaves_open(sets: Sets, lookup: SetLookup, packet: Packet) -> bool:
    """Return whether the packet leaves open something that the set looks at."""
    found = sets.get(lookup.name)
    if found is None:
        return False
    if found.type == "list:set":
        members = (SetLookup(str(entry.parts[0]), lookup.directions) for entry in found)
        return any(leaves_open(sets, member, packet) for member in members)
    return any(
        isinstance(getattr(packet, field), Open | OpenMark)
        for dimension, direction in zip(found.dimensions, lookup.directions, strict=False)
        for field in _FIELDS[dimension][direction == "src"]
    )


def addresses_in(sets: Sets, name: str, family: int) -> Intervals | None:
    """Return the addresses in a set of addresses or networks; None for sets of anything else."""
    found = sets.get(name)
    if found is None:
        return None
    if found.type == "list:set":
        parts = [addresses_in(sets, str(entry.parts[0]), family) for entry in found]
        known = [part for part in parts if part is not None]
        return union(span for part in known for span in part) if len(known) == len(parts) else None
    if found.dimensions not in (("ip",), ("net",)):
        return None
    return _members(found) if found.options.family == family else Intervals()


def _members(found: IpSet) -> Intervals | None:
    """Lay the members over each other, the widest first, so that the most specific decides."""
    domain: Intervals = Intervals()
    inside: list[tuple[int, int]] = []
    for entry in reversed(found.by_precedence()):
        part = entry.parts[0]
        assert isinstance(part, Prefix)
        held = _addresses(found, part)
        if held is None:
            return None
        if entry.nomatch:
            domain, inside = (domain | union(inside)) - held, []
        else:
            inside += held.spans
    return domain | union(inside)


def _addresses(found: IpSet, part: Prefix) -> Intervals | None:
    if found.options.netmask is not None:
        return masked(part.address, found.options.netmask, part.bits)
    return numbers(part.address, part.address + (1 << (part.bits - part.length)) - 1)


def probe_of(packet: Packet) -> Probe:
    """Return what sets look at in a packet; what is open counts as unset."""

    def number(value: object) -> int:
        return value if isinstance(value, int) else 0

    def name(value: object) -> str:
        return value if isinstance(value, str) else ""

    return Probe(
        packet.family,
        number(packet.src),
        number(packet.dst),
        number(packet.proto),
        number(packet.sport),
        number(packet.dport),
        number(packet.icmp_type) << 8 | number(packet.icmp_code),
        name(packet.in_interface),
        name(packet.out_interface),
        name(packet.bridge_port_in),
        name(packet.bridge_port_out),
        number(packet.mark),
        packet.link_source if isinstance(packet.link_source, bytes) else None,
        packet.link_destination,
        lacks_header(packet),
        number(packet.length),
    )
