"""What hashes take for a packet's ports (proto_ports_offset, include/linux/in.h)."""

from __future__ import annotations

from natc.netfilter.packet import Open, Packet

Port = int | Open | None


def ports_of(packet: Packet) -> tuple[Port, Port]:
    """Return the ports, of IPsec both halves of the security parameters index; None where there are none."""
    place = _INDEX_AT.get((packet.family, packet.proto))
    if place is None or not isinstance(packet.payload, bytes):
        return packet.sport, packet.dport
    index = packet.payload[place : place + 4]
    return int.from_bytes(index[:2], "big"), int.from_bytes(index[2:], "big")


#: Where the index stands in ESP and in IPv4's AH; in IPv6 AH is an extension header and passed over.
_INDEX_AT: dict[tuple[int, object], int] = {(4, 50): 0, (6, 50): 0, (4, 51): 4}
