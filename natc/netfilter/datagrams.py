"""What connection tracking looks at in a packet."""

from __future__ import annotations

from natc.netfilter.conntrack import Datagram
from natc.netfilter.conntrack_sctp import SctpPacket
from natc.netfilter.conntrack_tcp import Segment
from natc.netfilter.packet import Packet

#: Where the connection table is kept in a memory.
TABLE = "connections"


def datagram_of(packet: Packet) -> Datagram:
    """Return what connection tracking looks at in a packet all of whose fields are known."""

    def number(value: object) -> int:
        assert value is None or isinstance(value, int), "a replayed packet leaves nothing open"
        return value or 0

    return Datagram(
        packet.family,
        number(packet.proto),
        number(packet.src),
        number(packet.dst),
        number(packet.sport),
        number(packet.dport),
        number(packet.icmp_type),
        number(packet.icmp_code),
        number(packet.icmp_id),
        _segment(packet) if packet.proto == 6 else None,
        SctpPacket(number(packet.chunk)) if packet.proto == 132 else None,
        packet.bad_checksum,
        datagram_of(packet.inner) if packet.inner else None,
    )


def _segment(packet: Packet) -> Segment | None:
    if not isinstance(packet.flags, frozenset) or not isinstance(packet.payload, bytes):
        return None
    seq, ack = packet.sequence, packet.acknowledgement
    return Segment(
        packet.flags,
        seq if isinstance(seq, int) else 0,
        ack if isinstance(ack, int) else 0,
        length=len(packet.payload),
    )
