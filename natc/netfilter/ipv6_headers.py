"""The extension headers of an IPv6 packet: what stands between its own header and its protocol's.

Facts: RFC 8200 (4), RFC 4302 (2.2); which numbers are extension headers, and how far the kernel goes on
behind them, net/ipv6/exthdrs_core.c.
"""

from __future__ import annotations

from natc.netfilter.condition import Drops
from natc.netfilter.packet import ExtensionHeaders, Open, Packet
from natc.values import changed

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
#: The numbers of headers behind which there is another one. ESP hides what is behind it.
EXTENSION_HEADERS = frozenset({HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION})
#: The number that says that nothing follows.
NOTHING = 59
_FRAGMENT_SIZE = 8

#: Of a packet that was not captured as far as its headers go.
NOT_CAPTURED = Open("extension headers", "not captured")
#: Bytes of a header that must be there for the next one to be found.
_NEEDED = {FRAGMENT: 4, ROUTING: 4}
_NEXT_AND_SIZE = 2


def extension_headers(
    data: bytes, number: int, start: int, end: int
) -> tuple[ExtensionHeaders | Open, int, int]:
    """Return the headers from ``start`` on, the number of what follows them, and where that begins.

    ``number`` is the first one's; the packet ends at ``end``. Nothing is looked for in a later fragment. The
    last header may be longer than the packet; where one is cut so short that what follows cannot be told, its
    own number is returned (ipv6_find_hdr).
    """
    found: list[tuple[int, bytes]] = []
    while number in EXTENSION_HEADERS:
        if end - start < _NEEDED.get(number, _NEXT_AND_SIZE):
            break
        if len(data) - start < _NEEDED.get(number, _NEXT_AND_SIZE):
            return NOT_CAPTURED, number, start
        size = size_of(number, data[start + 1])
        header = data[start : min(start + size, end)]
        if len(data) < min(start + size, end):
            return NOT_CAPTURED, number, start
        found.append((number, header))
        number, start = header[0], start + size
        if found[-1][0] == FRAGMENT and fragment_of(header) & 0x1FFF:
            break
    return tuple(found), number, start


def size_of(number: int, length: int) -> int:
    """Return a header's size in bytes; ``length`` is its second byte."""
    if number == FRAGMENT:
        return _FRAGMENT_SIZE
    return (length + 2) * 4 if number == AUTHENTICATION else (length + 1) * 8


def fragment_of(header: bytes) -> int:
    """Return offset and "more fragments" of a fragment header as IPv4 has them in its own."""
    word = int.from_bytes(header[2:4], "big")
    return word >> 3 | (word & 1) << 13


def headers_of(packet: Packet) -> ExtensionHeaders:
    """Return the headers of a packet that leaves them not open."""
    assert isinstance(packet.extensions, tuple)
    return packet.extensions


def header_of(packet: Packet, number: int) -> bytes | None:
    """Return the first header with that number, None where the packet has none."""
    return next((header for kind, header in headers_of(packet) if kind == number), None)


def whole_header(packet: Packet, number: int) -> bytes | bool | Drops:
    """Return the first header with that number, or what a match for it says of a packet without it.

    The kernel drops a packet in which it is cut short, or another one is before it was found.
    """
    header = header_of(packet, number)
    if header is None:
        return Drops.UNMATCHED if packet.malformed is not None and packet.malformed.is_lost else False
    return Drops.UNMATCHED if is_cut(number, header) else header


def is_lost_at(packet: Packet, number: int) -> bool:
    """Whether what a packet carries cannot be told because its header with that number is cut short."""
    return packet.malformed is not None and packet.malformed.is_lost and packet.proto == number


def is_cut(number: int, header: bytes) -> bool:
    """Whether the packet ends inside a header."""
    return len(header) < size_of(number, header[1])


def has_authentication(packet: Packet) -> bool:
    """Whether a packet is known to have an authentication header among its extension headers."""
    known = packet.extensions
    return isinstance(known, tuple) and any(number == AUTHENTICATION for number, _ in known)


def without_fragment_header(packet: Packet) -> Packet:
    """Return a packet without the first of the fragment headers that it has."""
    assert isinstance(packet.length, int) and isinstance(packet.proto, int)
    headers = list(headers_of(packet))
    place = next(at for at, (number, _) in enumerate(headers) if number == FRAGMENT)
    following = headers[place][1][0]
    del headers[place]
    if place:
        number, before = headers[place - 1]
        headers[place - 1] = number, bytes([following]) + before[1:]
    others = [fragment_of(header) for number, header in headers if number == FRAGMENT]
    length = packet.length - _FRAGMENT_SIZE
    return changed(packet, extensions=tuple(headers), length=length, fragment=next(iter(others), 0))


#: Padding and router alert (RFC 8200, 4.2; RFC 2711), and what the kernel takes of them (net/ipv6/exthdrs.c):
#: bytes of padding in a row, and options besides it (the default of max_hbh_opts_number).
_PAD_1, _PAD_N, _ROUTER_ALERT = 0, 1, 5
_MOST_PADDING, _MOST_OPTIONS = 7, 8


def is_refused(packet: Packet) -> bool:
    """Whether the node drops an arriving packet for its hop-by-hop options, before any hook.

    They are looked at where their header is the first (ipv6_parse_hopopts). An option that is not known may
    say by its two highest bits that the packet is not to be dropped for that.
    """
    if not isinstance(packet.extensions, tuple) or not packet.extensions:
        return is_lost_at(packet, HOP_BY_HOP)
    number, header = packet.extensions[0]
    if number != HOP_BY_HOP:
        return False
    return is_cut(number, header) or _has_refused_option(header)


def _has_refused_option(header: bytes) -> bool:
    place, padding, options = 2, 0, 0
    while place < len(header):
        option = _option(header, place)
        if option is None:
            return True
        if option[0] in (_PAD_1, _PAD_N):
            padding += len(option)
            if padding > _MOST_PADDING or any(option[2:]):
                return True
        else:
            padding, options = 0, options + 1
            if options > _MOST_OPTIONS or _is_fatal(option):
                return True
        place += len(option)
    return False


def _option(header: bytes, place: int) -> bytes | None:
    """Return the bytes of an option, None of one that is cut short."""
    if header[place] == _PAD_1:
        return header[place : place + 1]
    if place + 1 == len(header):
        return None
    end = place + 2 + header[place + 1]
    return header[place:end] if end <= len(header) else None


def _is_fatal(option: bytes) -> bool:
    return bool(option[0] >> 6) or (option[0] == _ROUTER_ALERT and len(option) != 4)
