"""What connection tracking and nat read in a GRE header: the call of version 1, in which PPTP carries PPP.

Facts: RFC 2637 (4.1); net/netfilter/nf_conntrack_proto_gre.c (gre_pkt_to_tuple) and nf_nat_proto.c
(gre_manip_pkt) of Linux 6.18.
"""

from __future__ import annotations

from natc.netfilter.packet import Packet

_BASE, _WITH_CALL = 4, 8
_PPP = 0x880B


def call_of(packet: Packet) -> int | None:
    """Return what tells a packet's connection from others between its hosts; None of one that has none.

    Of version 1 that is the call, if all of it is there. A packet of version 1 that carries anything but PPP
    belongs to no connection.
    """
    header = packet.payload
    assert isinstance(header, bytes)
    if len(header) < _WITH_CALL or _version(header) != 1:
        return 0
    return int.from_bytes(header[6:8], "big") if int.from_bytes(header[2:4], "big") == _PPP else None


def is_refused(packet: Packet, side: str) -> bool:
    """Whether nat cannot translate a packet, which is dropped for it: its header is cut short or not known.

    One whose header is not known to natc is taken for sound.
    """
    header = packet.payload
    if not isinstance(header, bytes):
        return False
    return len(header) < _WITH_CALL or (side == "dst" and _version(header) > 1)


def _version(header: bytes) -> int:
    return header[1] & 7
