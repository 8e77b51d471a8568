"""``-m ipcomp``: compressed payload of IPsec (net/netfilter/xt_ipcomp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("ipcomp")
@frozen
class Ipcomp(Match):
    """The compression parameter indexes that match; whether reserved bits have to be zero.

    Index 0 unless said."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({108})

    spi: Term[NumberRange] = option(
        "--ipcompspi",
        Numbers(32),
        negatable=True,
        default=Term(NumberRange(0, 0)),
        hides=EVERY_NUMBER,
    )
    reserved: bool = option("--compres", Flag(), default=False)

    def condition(self) -> Condition:
        return Computed(("payload",), self._holds, f"-m ipcomp {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        """The kernel does not look at the reserved bits; it drops what is cut short."""
        assert isinstance(packet.payload, bytes)
        if packet.is_later_fragment:
            return False
        if len(packet.payload) < _SHORTEST:
            return Drops.UNMATCHED
        return self.spi.holds(int.from_bytes(packet.payload[2:4], "big") in self.spi.value)


#: Bytes of a header (RFC 3173, 3.3).
_SHORTEST = 4
