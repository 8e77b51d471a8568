"""How a rule looks things up in an ipset; shared by ``-m set`` and ``-j SET``."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from natc.netfilter.ipset import Probe
from natc.netfilter.kinds import Kind, unquoted
from natc.netfilter.packet import Packet

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
        bool(packet.fragment & 0x1FFF),
        number(packet.length),
    )
