"""The token bucket of ``limit`` and ``hashlimit`` (net/netfilter/xt_limit.c, xt_hashlimit.c)."""

from __future__ import annotations

from natc.netfilter.kinds.rates import Rate
from natc.values import frozen


@frozen
class Bucket:
    """How much of a burst is left, in the rate's units, and when that was, in seconds."""

    credit: int
    seen: float

    @classmethod
    def full(cls, rate: Rate, burst: int, now: float) -> Bucket:
        """Return the bucket of a rule that no packet has reached."""
        return cls(rate.period * burst, now)

    def taken(self, rate: Rate, burst: int, now: float) -> tuple[bool, Bucket]:
        """Take one packet's worth; return whether there was enough, and what is left."""
        earned = int((now - self.seen) * rate.scale)
        credit = min(self.credit + earned, rate.period * burst)
        if credit < rate.period:
            return False, Bucket(credit, now)
        return True, Bucket(credit - rate.period, now)
