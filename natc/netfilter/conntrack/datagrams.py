"""What connection tracking looks at in a packet."""

from __future__ import annotations

from natc.netfilter.conntrack.connection import GRE
from natc.netfilter.conntrack.gre import call_of
from natc.netfilter.conntrack.sctp import SctpPacket
from natc.netfilter.conntrack.tcp_segment import Segment
from natc.netfilter.conntrack.tracker import Datagram
from natc.netfilter.packet import Packet

#: Where the connection table is kept in a memory.
TABLE = "connections"
_END, _WINDOW_SCALE, _SACK_PERMITTED, _SACK = 0, 3, 4, 5


def datagram_of(packet: Packet) -> Datagram:
    """Return what connection tracking looks at in a packet all of whose fields are known."""

    def number(value: object) -> int:
        assert value is None or isinstance(value, int), "a replayed packet leaves nothing open"
        return value or 0

    call = _call(packet)
    return Datagram(
        packet.family,
        number(packet.proto),
        number(packet.src),
        number(packet.dst),
        number(packet.sport),
        call or number(packet.dport),
        number(packet.icmp_type),
        number(packet.icmp_code),
        number(packet.icmp_id),
        _segment(packet) if packet.proto == 6 else None,
        SctpPacket(number(packet.chunk)) if packet.proto == 132 else None,
        packet.bad_checksum,
        datagram_of(packet.inner) if packet.inner else None,
        packet.length if isinstance(packet.length, int) else 0,
        call is None or packet.malformed is not None,
    )


def has_no_connection(packet: Packet) -> bool:
    """Whether a packet is INVALID whatever came before it, for its headers."""
    return packet.malformed is not None or has_no_tuple(packet)


def has_no_tuple(packet: Packet) -> bool:
    """Whether nothing in a whole packet tells connections apart: a GRE call that carries no PPP."""
    return _call(packet) is None


def _call(packet: Packet) -> int | None:
    return call_of(packet) if packet.proto == GRE and isinstance(packet.payload, bytes) else 0


def _segment(packet: Packet) -> Segment | None:
    if not isinstance(packet.flags, frozenset) or not isinstance(packet.payload, bytes):
        return None
    seq, ack = packet.sequence, packet.acknowledgement
    options = packet.tcp_options if isinstance(packet.tcp_options, tuple) else ()
    number = ack if isinstance(ack, int) else 0
    return Segment(
        packet.flags,
        seq if isinstance(seq, int) else 0,
        number,
        packet.window,
        len(packet.payload),
        *_options(options, number),
    )


def _options(options: tuple[tuple[int, bytes], ...], ack: int) -> tuple[int | None, bool, int | None]:
    """Return the window scale, whether SACK is permitted, and the highest edge of a SACK block."""
    scale, permitted, edges = None, False, list[int]()
    for kind, data in options:
        if kind == _END:
            break
        if kind == _WINDOW_SCALE and len(data) == 1:
            scale = data[0]
        elif kind == _SACK_PERMITTED and not data:
            permitted = True
        elif kind == _SACK and data and len(data) % 8 == 0:
            edges += [int.from_bytes(data[place + 4 : place + 8], "big") for place in range(0, len(data), 8)]
    ahead = [edge for edge in edges if (edge - ack) & 0xFFFFFFFF < 0x80000000]
    return scale, permitted, max(ahead, key=lambda edge: (edge - ack) & 0xFFFFFFFF, default=None)
