"""A packet as bytes on the wire: for matches that look at bytes rather than fields.

Facts: RFC 791, 8200, 9293, 768, 792, 4443, 9260.
"""

from __future__ import annotations

from collections.abc import Callable

from natc.netfilter.packet import Packet

_FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
#: What a wrong checksum is off by.
_WRONG = 0x5555
#: Most bytes of a packet that an ICMP error quotes.
_QUOTED = 48

#: The fields that :func:`encode` needs to know.
NEEDS = (
    "src", "dst", "proto", "sport", "dport", "flags", "sequence", "acknowledgement", "tcp_options",
    "icmp_type", "icmp_code", "icmp_id", "tos", "ttl", "payload", "chunk", "extensions",
)  # fmt: skip


def encode(packet: Packet) -> bytes:
    """Return a packet's bytes from its IP header on; none of its fields may be open."""
    behind = transport(packet)
    if packet.family == 6:
        known = packet.extensions if isinstance(packet.extensions, tuple) else ()
        between = b"".join(header for _, header in known)
        return _header6(packet, len(between) + len(behind)) + between + behind
    return _header4(packet, len(behind)) + behind


def transport(packet: Packet) -> bytes:
    """Return what is behind the IP headers: the protocol's own and the payload."""
    if packet.malformed is not None:
        return packet.malformed.data
    return _TRANSPORT.get(_number(packet.proto), _raw)(packet)


def sums_up(packet: Packet, body: bytes) -> bool:
    """Whether the Internet checksum over ``body``, all behind the IP headers, comes out (nf_ip_checksum).

    Whatever the protocol: only of TCP and UDP, and of everything in IPv6, a pseudo header is part of it.
    """
    return _comes_out(packet, body, with_pseudo=packet.family == 6 or packet.proto in (6, 17))


def has_right_sum(packet: Packet, body: bytes) -> bool:
    """Whether connection tracking finds the checksum right in ``body``, all that is behind the IP headers.

    UDP may go without one. Those of other protocols are left alone, or no Internet checksums.
    """
    if packet.proto not in (1, 6, 17, 58) or has_no_sum(packet, body):
        return True
    return _comes_out(packet, body, with_pseudo=packet.proto != 1)


def has_no_sum(packet: Packet, body: bytes) -> bool:
    """Whether a UDP packet goes without a checksum (RFC 768)."""
    return packet.proto == 17 and body[6:8] == b"\0\0"


def _comes_out(packet: Packet, body: bytes, *, with_pseudo: bool) -> bool:
    pseudo = _pseudo(packet, len(body)) if with_pseudo else b""
    return checksum(pseudo + body) in (0, 0xFFFF)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _header4(packet: Packet, size: int) -> bytes:
    head = bytearray(20)
    head[0], head[1] = 0x45, _number(packet.tos)
    head[2:4] = (20 + size).to_bytes(2, "big")
    head[4:6] = packet.ident.to_bytes(2, "big")
    head[6:8] = packet.fragment.to_bytes(2, "big")
    head[8], head[9] = _number(packet.ttl), _number(packet.proto)
    head[12:16] = _number(packet.src).to_bytes(4, "big")
    head[16:20] = _number(packet.dst).to_bytes(4, "big")
    head[10:12] = checksum(bytes(head)).to_bytes(2, "big")
    return bytes(head)


def _header6(packet: Packet, size: int) -> bytes:
    first = 0x60000000 | _number(packet.tos) << 20 | packet.ident
    return (
        first.to_bytes(4, "big")
        + size.to_bytes(2, "big")
        + bytes([first_number(packet), _number(packet.ttl)])
        + _number(packet.src).to_bytes(16, "big")
        + _number(packet.dst).to_bytes(16, "big")
    )


def first_number(packet: Packet) -> int:
    """Return what the IP header says follows it: the protocol, or the first of IPv6's extension headers."""
    if isinstance(packet.extensions, tuple) and packet.extensions:
        return packet.extensions[0][0]
    return _number(packet.proto)


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _quoted(packet: Packet) -> int:
    """Return how many bytes an error quotes: as many as its length has room for behind the headers."""
    return packet.length - (28 if packet.family == 4 else 48) if isinstance(packet.length, int) else _QUOTED


def _payload(packet: Packet) -> bytes:
    return packet.payload if isinstance(packet.payload, bytes) else b""


def _raw(packet: Packet) -> bytes:
    return _payload(packet)


def _ports(packet: Packet) -> bytes:
    return _number(packet.sport).to_bytes(2, "big") + _number(packet.dport).to_bytes(2, "big")


def _tcp(packet: Packet) -> bytes:
    flags = packet.flags if isinstance(packet.flags, frozenset) else frozenset()
    options = packet.tcp_options if isinstance(packet.tcp_options, tuple) else ()
    tail = b"".join(bytes([kind]) if kind < 2 else bytes([kind, len(d) + 2]) + d for kind, d in options)
    head = (
        _ports(packet)
        + _number(packet.sequence).to_bytes(4, "big")
        + _number(packet.acknowledgement).to_bytes(4, "big")
        + bytes([(5 + len(tail) // 4) << 4, sum(_FLAG_BITS[flag] for flag in flags)])
        + packet.window.to_bytes(2, "big")
        + bytes(4)
    )
    return _summed(packet, head + tail + _payload(packet), 16)


def _udp(packet: Packet) -> bytes:
    payload = _payload(packet)
    return _summed(packet, _ports(packet) + (8 + len(payload)).to_bytes(2, "big") + bytes(2) + payload, 6)


def _sctp(packet: Packet) -> bytes:
    chunk = bytes([_number(packet.chunk), 0]) + (20).to_bytes(2, "big") + (0x1234).to_bytes(4, "big")
    chunk += (65535).to_bytes(4, "big") + (10).to_bytes(2, "big") * 2 + (1).to_bytes(4, "big")
    return _ports(packet) + bytes(8) + chunk


def _icmp(packet: Packet) -> bytes:
    head = bytes([_number(packet.icmp_type), _number(packet.icmp_code), 0, 0])
    if packet.inner is not None:
        body = head + bytes(4) + encode(packet.inner)[: _quoted(packet)]
    else:
        body = head + _number(packet.icmp_id).to_bytes(2, "big") + b"\0\1" + _payload(packet)
    if _number(packet.proto) == 58:
        return _summed(packet, body, 2)
    return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]


def _summed(packet: Packet, body: bytes, place: int) -> bytes:
    """Fill in a checksum that covers the pseudo header."""
    found = checksum(_pseudo(packet, len(body)) + body) or 0xFFFF
    if packet.bad_checksum:
        found ^= _WRONG
    return body[:place] + found.to_bytes(2, "big") + body[place + 2 :]


def _pseudo(packet: Packet, size: int) -> bytes:
    """Return the pseudo header: addresses, length in bytes and protocol (RFC 9293, 3.1; RFC 8200, 8.1)."""
    width = packet.bits // 8
    addresses = _number(packet.src).to_bytes(width, "big") + _number(packet.dst).to_bytes(width, "big")
    return addresses + size.to_bytes(4, "big") + _number(packet.proto).to_bytes(4, "big")


_TRANSPORT: dict[int, Callable[[Packet], bytes]] = {
    6: _tcp,
    17: _udp,
    136: _udp,
    132: _sctp,
    1: _icmp,
    58: _icmp,
}


def tcp_options(data: bytes) -> tuple[tuple[int, bytes], ...]:
    """Take TCP options apart: kind and content; padding has no content (RFC 9293, 3.1)."""
    out: list[tuple[int, bytes]] = []
    place = 0
    while place < len(data):
        kind = data[place]
        if kind < 2:
            out.append((kind, b""))
            place += 1
            continue
        size = data[place + 1] if place + 1 < len(data) else 0
        if size < 2:
            break
        out.append((kind, data[place + 2 : place + size]))
        place += size
    return tuple(out)
