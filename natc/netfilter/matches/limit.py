"""``-m limit``: a rate, the same for all packets (net/netfilter/xt_limit.c)."""

from __future__ import annotations

from typing import Self

from natc.netfilter.bucket import Bucket
from natc.netfilter.condition import Condition, Remembered, Unknown
from natc.netfilter.extension import Match, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.rates import Rate, RateKind
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import evolve, frozen


@register_match("limit")
@frozen
class Limit(Match):
    """A bucket of ``burst`` packets that fills at the rate."""

    limit: Rate = option("--limit", RateKind(), default=Rate(12_000_000))
    burst: int = option("--limit-burst", Number(0, 10000), default=5, omit=5)

    def as_nft(self) -> Self:
        """No burst is the usual one."""
        return self if self.burst else evolve(self, burst=5)

    def condition(self) -> Condition:
        return Remembered(self, Unknown(f"-m limit {' '.join(self.words())}", "rate"))

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool, Memory]:
        """Take one packet out of this rule's bucket."""
        key = ("limit", rule)
        bucket = memory.get(key) or Bucket.full(self.limit, self.burst, memory.now)
        within, left = bucket.taken(self.limit, self.burst, memory.now)
        return within, memory.with_value(key, left)
