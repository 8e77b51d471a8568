"""``-m dccp``: ports, types and options of DCCP (net/netfilter/xt_dccp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import All, Computed, Condition, Drops, Not, Some, both, port_condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.ports import PortRange, Ports
from natc.netfilter.kinds.words import WordSet
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

#: Packet types by number; INVALID stands for all others.
TYPES = (
    "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK",
    "INVALID",
)  # fmt: skip


@register_match("dccp")
@frozen
class Dccp(Match):
    """What must be true of a packet's DCCP header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({33})

    sport: Term[PortRange] | None = option(
        "--sport", Ports(resolved=True), also=("--source-port",), negatable=True
    )
    dport: Term[PortRange] | None = option(
        "--dport", Ports(resolved=True), also=("--destination-port",), negatable=True
    )
    types: Term[frozenset[str]] | None = option("--dccp-types", WordSet(TYPES), negatable=True)
    has_option: Term[int] | None = option("--dccp-option", Number(1, 255), negatable=True)

    def condition(self) -> Condition:
        """Ask the packet of a question for its ports, and one from the wire for the bytes of its header."""
        words = f"-m dccp {' '.join(self.words())} holds"
        more = self.types is not None or self.has_option is not None
        read = Computed(("payload",), self._holds, words)
        ports = port_condition("sport", self.sport), port_condition("dport", self.dport)
        told = Computed((), _has_ports, "the packet's ports are told")
        return Some((All((told, both(*ports, read if more else None))), All((Not(told), read))))

    def _holds(self, packet: Packet) -> bool | Drops:
        """Read the header, with which the payload begins; the kernel drops a packet that cuts it short."""
        header = packet.payload
        assert isinstance(header, bytes)
        if packet.is_later_fragment:
            return False
        if len(header) < _SHORTEST:
            return Drops.UNMATCHED
        for place, asked in ((0, self.sport), (2, self.dport)):
            port = int.from_bytes(header[place : place + 2], "big")
            if asked is not None and not asked.holds(port in asked.value):
                return False
        kind = TYPES[min(header[8] >> 1 & 0xF, len(TYPES) - 1)]
        if self.types is not None and not self.types.holds(kind in self.types.value):
            return False
        if self.has_option is None:
            return True
        found = _has_option(header, kind, self.has_option.value)
        return Drops(self.has_option.inverted) if found is None else self.has_option.holds(found)


def _has_ports(packet: Packet) -> bool:
    return packet.dport is not None


#: Bytes of a header with a short sequence number; a long one takes four more.
_SHORTEST, _LONG = 12, 16
#: What the kernel takes for further header by the packet's type: an acknowledgement, a service or a reason.
_BEHIND = {"REQUEST": 4, "RESPONSE": 12, "DATA": 0, "RESET": 12, "INVALID": 12}
_ACKNOWLEDGEMENT = 8


def _has_option(header: bytes, kind: str, wanted: int) -> bool | None:
    """Tell whether an option is there; None where the options are cut short (RFC 4340, section 5.8)."""
    place, end = _LONG if header[8] & 1 else _SHORTEST, header[4] * 4
    place += _BEHIND.get(kind, _ACKNOWLEDGEMENT)
    if place == end:
        return False
    if end < place or end > len(header):
        return None
    while place < end:
        if header[place] == wanted:
            return True
        alone = header[place] < 2 or place + 1 == end
        place += 1 if alone else header[place + 1] or 1
    return False
