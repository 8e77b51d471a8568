"""Captured frames into packets.

The headers that most frames consist of are read here: Ethernet, Linux cooked or no link layer, IP,
TCP, UDP and echoes, behind extension headers too. Every other frame is scapy's to judge, which
takes fifty times as long. A property test compares the two.

Facts: RFC 791, 8200, 9293, 768, 792, 4443; the LINKTYPE list of tcpdump.org.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from natc.netfilter.ipv6_headers import EXTENSION_HEADERS, FRAGMENT, extension_headers, fragment_of
from natc.netfilter.malformed import HEADER_SIZES, malformed_fields
from natc.netfilter.packet import ExtensionHeaders, Open, Packet
from natc.netfilter.wire import tcp_options
from natc.trace.capture.capture_file import Frame
from natc.values import changed

_ETHERNET, COOKED, COOKED_2 = 1, 113, 276
_RAW = frozenset({12, 14, 101, 228, 229})
#: For link layers that name the protocol behind them: where they do, and where that begins.
_NAMED = {_ETHERNET: (12, 14), COOKED: (14, 16), COOKED_2: (0, 20)}
_FAMILIES = {b"\x08\x00": 4, b"\x86\xdd": 6}

_TCP = Struct("!HHIIBBH")
_UDP = Struct("!HHH")
_PORTS, _SCTP, _UDPLITE = Struct("!HH"), 132, 136
#: Protocols whose sound headers are read elsewhere: TCP and UDP.
_OFTEN = frozenset({6, 17})
#: ICMP types that quote a packet.
_QUOTING = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset(range(128))}
_ECHO = Struct("!BBxxH")
_ICMP_ECHOES = {4: (1, (0, 8)), 6: (58, (128, 129))}
_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_FLAGS = [frozenset(name for bit, name in enumerate(_FLAG_NAMES) if value & 1 << bit) for value in range(256)]
_SOME_PACKET = Packet()


def packet_of_frame(frame: Frame) -> Packet | None:
    """Return the IP packet in a frame; None when there is none.

    Of a frame that was captured only in part, the missing end of the payload is zeros.
    """
    packet = plain_packet(frame)
    if packet is None:
        from natc.trace.scapy_packets import dissected

        packet = dissected(frame.link, frame.data)
    return packet


def plain_packet(frame: Frame) -> Packet | None:
    """Return the packet in a frame of the usual headers; None for any other frame."""
    data, link = frame.data, frame.link
    family, start = network_layer(link, data)
    if family == 4:
        fields = _ipv4(data, start)
    elif family == 6:
        fields = _ipv6(data, start)
    else:
        return None
    if fields is None:
        return None
    sender = data[6:12] if link == _ETHERNET else None
    return changed(_SOME_PACKET, family=family, link_source=sender, **fields)


def network_layer(link: int, data: bytes) -> tuple[int, int]:
    """Return the IP version and where its header begins; (0, 0) where that is not plain to see."""
    if link in _NAMED:
        place, start = _NAMED[link]
        return _FAMILIES.get(data[place : place + 2], 0), start
    if link in _RAW and data:
        return {4: 4, 6: 6}.get(data[0] >> 4, 0), 0
    return 0, 0


_IPV4 = Struct("!BBHHHBBH4s4s")
_IPV6 = Struct("!IHBB16s16s")


def _ipv4(data: bytes, start: int) -> dict[str, Any] | None:
    if len(data) < start + 20:
        return None
    first, tos, length, ident, fragment, ttl, proto, _, src, dst = _IPV4.unpack_from(data, start)
    if first != 0x45 or fragment & 0x3FFF or length < 20:
        return None
    fields = _transport(4, proto, data, start + 20, start + length)
    if fields is None:
        return None
    return fields | {
        "src": int.from_bytes(src, "big"), "dst": int.from_bytes(dst, "big"), "proto": proto, "tos": tos,
        "ttl": ttl, "length": length, "ident": ident, "fragment": fragment,
    }  # fmt: skip


def _ipv6(data: bytes, start: int) -> dict[str, Any] | None:
    if len(data) < start + 40:
        return None
    first, length, proto, ttl, src, dst = _IPV6.unpack_from(data, start)
    if first >> 28 != 6 or not length:
        return None
    place, end, between = start + 40, start + 40 + length, {}
    if proto in EXTENSION_HEADERS:
        headers, proto, place = extension_headers(data, proto, place, end)
        between = of_headers(headers)
    fragment = between.get("fragment", 0)
    if fragment & 0x1FFF or isinstance(between.get("extensions"), Open):
        fields: dict[str, Any] | None = {"payload": _payload(data, place, end)}
    else:
        fields = _transport(6, proto, data, place, end, fragment)
    if fields is None:
        return None
    return fields | between | {
        "src": int.from_bytes(src, "big"), "dst": int.from_bytes(dst, "big"), "proto": proto,
        "tos": first >> 20 & 0xFF, "ttl": ttl, "length": length + 40, "ident": first & 0xFFFFF,
    }  # fmt: skip


def of_headers(headers: ExtensionHeaders | Open) -> dict[str, Any]:
    """Return the fields of a packet that its extension headers decide."""
    known = headers if isinstance(headers, tuple) else ()
    fragments = [fragment_of(header) for number, header in known if number == FRAGMENT]
    return {"extensions": headers, **({"fragment": fragments[0]} if fragments else {})}


def _transport(
    family: int, proto: int, data: bytes, start: int, end: int, fragment: int = 0
) -> dict[str, Any] | None:
    """Return the fields of a transport header, which with its payload ends at ``end``."""
    present = min(end, len(data)) - start
    if proto == 6 and present >= 20:
        return _tcp(data, start, end)
    if proto == 17 and present >= 8:
        sport, dport, length = _UDP.unpack_from(data, start)
        if length == end - start:
            return {"sport": sport, "dport": dport, "payload": _payload(data, start + 8, end)}
    number, types = _ICMP_ECHOES[family]
    if proto == number and present >= 8 and data[start] in types:
        return _message(_payload(data, start, end))
    return rarer_fields(family, proto, data[start:end], end - start, fragment)


def rarer_fields(family: int, proto: int, body: bytes, size: int, fragment: int = 0) -> dict[str, Any] | None:
    """Return the fields of headers that are malformed, or of a protocol that is rare; None of any other.

    ``body`` is what was captured of the ``size`` bytes behind the IP headers; of most protocols nothing of it
    is read. What a header is that was not captured is not known, unless there is too little for one anyway.
    """
    if len(body) < size and proto in HEADER_SIZES and size >= HEADER_SIZES[proto]:
        return None
    body = body.ljust(size, b"\0")
    found = malformed_fields(family, proto, body, fragment)
    if found is not None or proto in _OFTEN:
        return found
    if proto == _ICMP_ECHOES[family][0]:
        return None if body[0] in _QUOTING[family] else _message(body)
    if proto not in (_SCTP, _UDPLITE):
        return {"payload": body}
    sport, dport = _PORTS.unpack_from(body)
    if proto == _UDPLITE:
        return {"sport": sport, "dport": dport, "payload": body[8:]}
    return {"sport": sport, "dport": dport, "payload": body[12:], "chunk": next(iter(body[12:]), None)}


def _message(body: bytes) -> dict[str, Any]:
    """Return the fields of an ICMP message; all but errors have an identifier at the same place."""
    kind, code, echo = _ECHO.unpack_from(body)
    return {"icmp_type": kind, "icmp_code": code, "icmp_id": echo, "payload": body[8:]}


def _tcp(data: bytes, start: int, end: int) -> dict[str, Any] | None:
    sport, dport, sequence, acknowledgement, offset, flags, window = _TCP.unpack_from(data, start)
    behind = start + (offset >> 4) * 4
    if offset < 0x50 or offset & 0x0F or behind > min(end, len(data)):
        return None
    return {
        "sport": sport,
        "dport": dport,
        "sequence": sequence,
        "acknowledgement": acknowledgement,
        "flags": _FLAGS[flags],
        "window": window,
        "tcp_options": tcp_options(data[start + 20 : behind]),
        "payload": _payload(data, behind, end),
    }


def _payload(data: bytes, start: int, end: int) -> bytes:
    return data[start:end].ljust(end - start, b"\0")
