"""``-m tcpmss``: the maximum segment size option of TCP (net/netfilter/xt_tcpmss.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.guards import needs_options
from natc.netfilter.kinds.numbers import NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("tcpmss")
@frozen
class TcpMss(Match):
    """The sizes that match; never true of a packet without the option."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})

    mss: Term[NumberRange] | None = option("--mss", Numbers(16, ordered=True), negatable=True, required=True)

    def guard(self, *, nft: bool) -> Condition:
        return needs_options()

    def condition(self) -> Condition:
        assert self.mss is not None
        asked = Computed(
            ("tcp_options",), self._fits, f"-m tcpmss {' '.join(self.words())}".replace("! ", "")
        )
        return ~asked if self.mss.inverted else asked

    def _fits(self, packet: Packet) -> bool:
        assert self.mss is not None
        options = packet.tcp_options if isinstance(packet.tcp_options, tuple) else ()
        sizes = [int.from_bytes(data, "big") for kind, data in options if (kind, len(data)) == (2, 2)]
        return bool(sizes) and sizes[0] in self.mss.value
