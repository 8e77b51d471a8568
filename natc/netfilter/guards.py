"""What rules ask of packets with odd headers, before what they always ask.

A match that cannot read what it needs of a header makes the kernel drop the packet (``hotdrop``), whatever
the rule says; the expressions that nf_tables has for ports and flags only do not match.

Facts: net/netfilter/xt_tcpudp.c, xt_multiport.c, xt_hashlimit.c, xt_connlimit.c, nft_payload.c, nft_meta.c,
net/ipv6/exthdrs_core.c (ipv6_find_hdr) and ip6_tables.c of Linux 6.18.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.netfilter.condition import Computed, Condition, Drops, both
from natc.netfilter.ipv6_headers import AUTHENTICATION, has_authentication
from natc.netfilter.malformed import PORTED, PORTS, is_sound_tcp, lacks_header, size_there
from natc.values import evolve

if TYPE_CHECKING:
    from natc.netfilter.header import Header
    from natc.netfilter.packet import Packet

_ICMPS = (1, 58)


def careful_header(header: Header, *, nft: bool) -> Condition:
    """Return what a rule's header asks of an odd packet.

    Where IPv6's extension headers are cut short, a question for the protocol has the kernel drop the packet;
    under nf_tables it does not match, negated or not. What is behind an authentication header nf_tables does
    not look for (ip6_packet_match, nft_set_pktinfo_ipv6).
    """
    rest, asked = evolve(header, protocol=None).condition(), header.protocol
    if asked is None:
        return rest

    def holds(packet: Packet) -> bool | Drops:
        if packet.malformed is not None and packet.malformed.is_lost:
            return not asked.value if nft else Drops.UNMATCHED
        seen = AUTHENTICATION if nft and has_authentication(packet) else packet.proto
        return not asked.value or asked.holds(seen == asked.value)

    return both(rest, Computed(("proto", "extensions"), holds, f"-p {asked.value}"))


def needs(size: int) -> Condition:
    """Return the condition that a header has so many bytes: a packet with fewer is dropped.

    A fragment behind the first has none and does not match.
    """

    def holds(packet: Packet) -> bool | Drops:
        there = size_there(packet)
        if packet.is_later_fragment:
            return False
        return there is None or there >= size or Drops.UNMATCHED

    return Computed((), holds, f"its header has {size} bytes")


def reads(size: int) -> Condition:
    """Return the condition that a header has so many bytes."""

    def holds(packet: Packet) -> bool:
        there = size_there(packet)
        return not packet.is_later_fragment and (there is None or there >= size)

    return Computed((), holds, f"its header has {size} bytes to read")


def needs_fields(**asked: object) -> Condition:
    """Return the condition that those fields of the header are there about which something is asked."""
    names = tuple(name for name, value in asked.items() if value is not None)

    def holds(packet: Packet) -> bool:
        return all(getattr(packet, name) is not None for name in names)

    return Computed(names, holds, f"its header has {' and '.join(names)}")


def needs_tuple(*, ports_only: bool = False) -> Condition:
    """Return the condition that what tells a packet's connection can be read: else the packet is dropped.

    With ``ports_only`` nothing is read of protocols without ports.
    """

    def holds(packet: Packet) -> bool | Drops:
        there = size_there(packet)
        if there is None:
            return True
        if packet.proto in PORTED and not packet.is_later_fragment:
            return there >= PORTS or Drops.UNMATCHED
        is_passed = ports_only and packet.proto in _ICMPS
        return is_passed or not lacks_header(packet) or Drops.UNMATCHED

    return Computed((), holds, "its header tells of which connection it is")


def needs_options() -> Condition:
    """Return the condition that TCP's header and options are there: a packet without them is dropped."""

    def holds(packet: Packet) -> bool | Drops:
        found = packet.malformed
        if packet.is_later_fragment:
            return False
        return found is None or (len(found.data) >= 20 and is_sound_tcp(found.data)) or Drops.UNMATCHED

    return Computed((), holds, "its header has TCP's options")
