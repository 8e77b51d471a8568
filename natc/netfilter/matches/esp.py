"""``-m esp``: IPsec payload (net/netfilter/xt_esp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import EVERY_NUMBER, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("esp")
@frozen
class Esp(Match):
    """The security parameter indexes that match."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({50})

    spi: Term[NumberRange] = option(
        "--espspi",
        Numbers(32),
        negatable=True,
        default=Term(EVERY_NUMBER),
        hides=EVERY_NUMBER,
    )

    def condition(self) -> Condition:
        return Computed(("proto", "payload"), self._holds, f"-m esp {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        """A fragment behind the first has no index; the kernel drops a packet that cuts the header short."""
        assert isinstance(packet.payload, bytes)
        if packet.proto != _ESP or packet.is_later_fragment:
            return False
        if len(packet.payload) < _SHORTEST:
            return Drops.UNMATCHED
        index = int.from_bytes(packet.payload[:4], "big")
        return self.spi.holds(index in self.spi.value)


_ESP = 50
#: Bytes of a header: index and sequence number.
_SHORTEST = 8
