"""``-m quota``: a number of bytes that runs out (net/netfilter/xt_quota.c)."""

from __future__ import annotations

from natc.netfilter.condition import Condition, Remembered, Unknown
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("quota")
@frozen
class Quota(Match):
    """True as long as the packets seen here fit into the quota of bytes."""

    quota: Term[int] | None = option("--quota", Number(0, 2**64 - 1), negatable=True, required=True)

    def condition(self) -> Condition:
        asked = Remembered(self, Unknown(f"-m quota {' '.join(self.words())}", "rate"))
        return ~asked if self.quota is not None and self.quota.inverted else asked

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool, Memory]:
        """Take the packet's bytes off the quota; once one does not fit, nothing does any more."""
        assert self.quota is not None and isinstance(packet.length, int)
        left = memory.get(("quota", rule), self.quota.value)
        fits = left >= packet.length
        return fits, memory.with_value(("quota", rule), left - packet.length if fits else 0)
