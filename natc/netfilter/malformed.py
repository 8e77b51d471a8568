"""Headers that are cut short or contradict themselves, and what can be read of them.

What counts is what connection tracking finds wrong: of such packets it says that they are INVALID. What rules
do with them is :mod:`natc.netfilter.guards`.

Facts: net/netfilter/nf_conntrack_proto_tcp.c, _udp.c, _icmp.c, _icmpv6.c and _sctp.c, and
net/ipv6/exthdrs_core.c (ipv6_skip_exthdr) of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from natc.netfilter.ipv6_headers import EXTENSION_HEADERS, NOTHING
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.packet import Packet


@frozen
class Malformed:
    """What is left of a packet from the header on that is malformed."""

    data: bytes
    is_lost: bool = False
    """An extension header of IPv6 is cut short, so that nobody can tell what the packet carries."""


_TCP, _UDP, _ICMP, _ICMPV6, _SCTP, _UDPLITE = 6, 17, 1, 58, 132, 136
#: Bytes of each protocol's header without options.
HEADER_SIZES = {_TCP: 20, _UDP: 8, _ICMP: 8, _ICMPV6: 8, _SCTP: 12, _UDPLITE: 8}
#: Bytes that both ports take, and where TCP's flags stand.
PORTS, _FLAGS = 4, 13
_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
PORTED = frozenset({_TCP, _UDP, _SCTP, _UDPLITE})
_CHUNK = 4
#: INIT and INIT ACK, of which the fixed part must be there; the first of them begins with no tag.
_INIT, _INITIATING, _INITIATION = 1, frozenset({1, 2}), 20
#: Chunks that must be alone (INIT, INIT ACK, SHUTDOWN COMPLETE) or the first (COOKIE ECHO and ACK).
_ALONE, _FIRST = frozenset({1, 2, 14}), frozenset({10, 11})


def malformed_fields(family: int, proto: int, data: bytes, fragment: int = 0) -> dict[str, Any] | None:
    """Return the fields of a packet that ends with ``data`` in a malformed header; None of a sound one.

    ``data`` is all that is behind the IP headers, of which those of IPv6 may be cut short. Ports and flags
    are there as far as their bytes are. Of a fragment only what the header's size says is known, of a later
    one nothing.
    """
    if family == 6 and proto in EXTENSION_HEADERS:
        return {"malformed": Malformed(data, is_lost=True), "payload": b""}
    if family == 6 and proto == NOTHING:
        return {"malformed": Malformed(data), "payload": data}
    size = HEADER_SIZES.get(proto)
    if size is None or fragment & 0x1FFF:
        return None
    if len(data) >= size and (fragment & 0x3FFF or _IS_SOUND.get(proto, _anything)(data)):
        return None
    fields: dict[str, Any] = {"malformed": Malformed(data), "payload": data[size:]}
    if proto in PORTED:
        ports = (int.from_bytes(data[at : at + 2], "big") if len(data) >= at + 2 else None for at in (0, 2))
        fields |= dict(zip(("sport", "dport"), ports, strict=True))
    if proto == _TCP and len(data) > _FLAGS:
        fields["flags"] = frozenset(name for bit, name in enumerate(_FLAG_NAMES) if data[_FLAGS] & 1 << bit)
    if len(data) < size:
        return fields
    return fields | (_BEHIND_PORTS[proto](data) if proto in _BEHIND_PORTS else {})


def _numbers(data: bytes) -> dict[str, Any]:
    sequence, acknowledgement = (int.from_bytes(data[at : at + 4], "big") for at in (4, 8))
    return {"sequence": sequence, "acknowledgement": acknowledgement, "tcp_options": ()}


def _chunk(data: bytes) -> dict[str, Any]:
    return {"chunk": data[12] if len(data) > HEADER_SIZES[_SCTP] else None}


#: What is read of headers that are not too short but wrong in another way.
_BEHIND_PORTS: dict[int, Callable[[bytes], dict[str, Any]]] = {_TCP: _numbers, _SCTP: _chunk}


def _anything(data: bytes) -> bool:
    return True


def is_sound_tcp(data: bytes) -> bool:
    """Whether a header of 20 bytes says that it is as long or longer, and the options are there."""
    return 20 <= (data[12] >> 4) * 4 <= len(data)


def _is_sound_udp(data: bytes) -> bool:
    return 8 <= int.from_bytes(data[4:6], "big") <= len(data)


def _is_sound_sctp(data: bytes) -> bool:
    """Whether there are chunks, and only where they may stand; what is too short for one ends them."""
    place, count, alone = HEADER_SIZES[_SCTP], 0, False
    while place + _CHUNK <= len(data):
        kind, size = data[place], int.from_bytes(data[place + 2 : place + 4], "big")
        alone = alone or kind in _ALONE
        if not size or (count and (alone or kind in _FIRST)):
            return False
        if kind in _INITIATING and len(data) < place + _INITIATION:
            return False
        if kind == _INIT and any(data[4:8]):
            return False
        place, count = place + -(-size // 4) * 4, count + 1
    return count > 0


_IS_SOUND: dict[int, Callable[[bytes], bool]] = {
    _TCP: is_sound_tcp,
    _UDP: _is_sound_udp,
    _SCTP: _is_sound_sctp,
}


def size_there(packet: Packet) -> int | None:
    """Return how many bytes there are from a malformed header on, None where all that is needed is there."""
    if packet.malformed is None:
        return None
    return 0 if packet.malformed.is_lost else len(packet.malformed.data)


def lacks_header(packet: Packet) -> bool:
    """Whether the protocol's own header is not there in full: of a later fragment, or one that is cut short.

    Protocols of which nothing is read lack nothing, unless it is not known which one it is.
    """
    there = size_there(packet)
    if packet.proto not in HEADER_SIZES:
        return there is not None
    size = HEADER_SIZES[packet.proto]
    return packet.is_later_fragment or (there is not None and there < size)
