"""``-m ecn``: explicit congestion notification (net/netfilter/xt_ecn.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import ALWAYS, Bits, Computed, Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.guards import reads
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("ecn")
@frozen
class Ecn(Match):
    """Bits of the TCP header, and the two bits of the IP header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    one_of: ClassVar[tuple[str, ...]] = ("tcp_ece", "tcp_cwr", "ip_ect")

    tcp_ece: Term[bool] | None = option("--ecn-tcp-ece", Flag(), negatable=True)
    tcp_cwr: Term[bool] | None = option("--ecn-tcp-cwr", Flag(), negatable=True)
    ip_ect: Term[int] | None = option("--ecn-ip-ect", Number(0, 3), negatable=True)

    def needs_protocol(self, family: int) -> bool:
        return self.tcp_ece is not None or self.tcp_cwr is not None

    def guard(self, *, nft: bool) -> Condition:
        """TCP's bits are false, negated or not, of a packet whose header is too short for them."""
        if self.tcp_ece is None and self.tcp_cwr is None:
            return ALWAYS
        return reads(20)

    def condition(self) -> Condition:
        return both(
            term(self.ip_ect, lambda bits: Bits("tos", bits, 3)),
            term(self.tcp_ece, lambda _: _flag("ECE")),
            term(self.tcp_cwr, lambda _: _flag("CWR")),
        )


def _flag(name: str) -> Condition:
    def holds(packet: Packet) -> bool:
        return isinstance(packet.flags, frozenset) and name in packet.flags

    return Computed(("flags",), holds, f"the TCP flag {name} is set")
