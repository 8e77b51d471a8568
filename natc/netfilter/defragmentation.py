"""What becomes of fragments before any table sees them: they are held until their packet is whole.

Facts: net/ipv4/netfilter/nf_defrag_ipv4.c; net/ipv6/netfilter/nf_conntrack_reasm.c (nf_ct_frag6_gather) and
net/ipv6/reassembly.c (ipv6frag_thdr_truncated) of Linux 6.18; RFC 8200 (4.5).
"""

from __future__ import annotations

from natc.netfilter.ipv6_headers import FRAGMENT, NOTHING, headers_of, is_lost_at, without_fragment_header
from natc.netfilter.malformed import Malformed
from natc.netfilter.packet import Packet
from natc.values import changed

_MORE, _PLACE, _ANY = 0x2000, 0x1FFF, 0x3FFF
_LONGEST = 0xFFFF
_HELD, _DROPPED = "STOLEN", "DROP"
_IPV6_HEADER = 40
#: What the first fragment must have of a protocol's header, in bytes, to be taken for one; of others a byte.
_LEAST = {6: 20, 17: 8, 58: 8}


def gathered(packet: Packet) -> Packet | str:
    """Return a packet as tables see it, or its verdict: held for other fragments, or dropped.

    A first fragment of IPv6 that ends inside the protocol's header is not held, but goes on as it is.
    """
    if packet.family == 4:
        return _HELD if packet.fragment & _ANY else packet
    if is_lost_at(packet, FRAGMENT):
        return _DROPPED
    if not isinstance(packet.extensions, tuple):
        return packet
    has_header = any(number == FRAGMENT for number, _ in headers_of(packet))
    return _gathered6(packet) if has_header and not _ends_in_header(packet) else packet


def _gathered6(packet: Packet) -> Packet | str:
    """Do so for an IPv6 packet with a fragment header, and as much of others as there must be.

    One that others should follow goes on as it is unless it has a multiple of eight bytes. A packet that is
    all of its fragments loses the header that says so. The last one must have a byte, and end where the
    longest packet does.
    """
    if not packet.fragment & _ANY:
        return without_fragment_header(packet)
    size = _size(packet)
    if packet.fragment & _MORE and size % 8:
        return packet if packet.malformed or not packet.is_later_fragment else _without_header(packet)
    end = (packet.fragment & _PLACE) * 8 + size
    return _DROPPED if not size or end > _LONGEST else _HELD


def _ends_in_header(packet: Packet) -> bool:
    """Whether there is less of a packet's first fragment than tells what the packet is."""
    if packet.is_later_fragment or packet.proto == NOTHING or (packet.malformed and packet.malformed.is_lost):
        return False
    assert isinstance(packet.length, int) and isinstance(packet.proto, int)
    behind = packet.length - _IPV6_HEADER - sum(len(header) for _, header in headers_of(packet))
    return behind < _LEAST.get(packet.proto, 1)


def _size(packet: Packet) -> int:
    """Return how many bytes of the whole packet a fragment has: what is behind its first fragment header."""
    assert isinstance(packet.length, int)
    headers = headers_of(packet)
    last = next(place for place, (number, _) in enumerate(headers) if number == FRAGMENT)
    return packet.length - _IPV6_HEADER - sum(len(header) for _, header in headers[: last + 1])


def _without_header(packet: Packet) -> Packet:
    """Return a fragment behind the first one as rules see it: of the protocol's header there is nothing."""
    assert isinstance(packet.payload, bytes)
    return changed(packet, malformed=Malformed(packet.payload))
