"""``-m ah``: IPsec authentication header (ipt_ah.c, ip6t_ah.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.ipv6_headers import AUTHENTICATION, whole_header
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, Number, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("ah")
@frozen
class Ah(Match):
    """The security parameter indexes that match, and, in IPv6, the length of the header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({51})

    spi: Term[NumberRange] = option(
        "--ahspi",
        Numbers(32),
        negatable=True,
        default=Term(EVERY_NUMBER),
        hides=EVERY_NUMBER,
    )
    length: Term[int] = option("--ahlen", Number(), negatable=True, default=Term(0), omit=Term(0))
    reserved: bool = option("--ahres", Flag(), default=False)

    def needs_protocol(self, family: int) -> bool:
        return family == 4

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Only IPv6 has a length and reserved bits to look at."""
        if family == 4 and ("length" in values or "reserved" in values):
            raise OptionError("--ahlen and --ahres are for IPv6")
        return values

    def condition(self) -> Condition:
        needs = ("extensions", "proto", "payload")
        return Computed(needs, self._holds, f"-m ah {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        """In IPv4 the protocol, in IPv6 an extension header; the kernel drops a packet that cuts it short."""
        header = _header4(packet) if packet.family == 4 else whole_header(packet, AUTHENTICATION)
        if not isinstance(header, bytes):
            return header
        if len(header) < _SHORTEST:
            return Drops.UNMATCHED
        index, size = int.from_bytes(header[4:8], "big"), (header[1] + 2) * 4
        if not self.spi.holds(index in self.spi.value):
            return False
        if self.length.value and not self.length.holds(size == self.length.value):
            return False
        return not (self.reserved and any(header[2:4]))


#: Bytes of a header without its check value.
_SHORTEST = 12


def _header4(packet: Packet) -> bytes | bool:
    """Return the header of an IPv4 packet; a fragment behind the first has none."""
    assert isinstance(packet.payload, bytes)
    return False if packet.is_later_fragment else packet.payload
