"""``-m mac``: the Ethernet source address (net/netfilter/xt_mac.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.addresses import MacAddress
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("mac")
@frozen
class Mac(Match):
    """Never true of a packet that came without an Ethernet header."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT", "FORWARD"})

    source: Term[bytes] | None = option("--mac-source", MacAddress(), negatable=True, required=True)

    def condition(self) -> Condition:
        assert self.source is not None
        wanted, inverted = self.source.value, self.source.inverted

        def holds(packet: Packet) -> bool:
            return packet.link_source is not None and (packet.link_source == wanted) is not inverted

        return Computed(("link_source",), holds, f"-m mac {' '.join(self.words())}")
