"""``-m limit``: a rate, the same for all packets (net/netfilter/xt_limit.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, option
from natc.netfilter.kinds import Number, Rate, RateKind
from natc.netfilter.matches import register_match


@register_match("limit")
@frozen
class Limit(Match):
    """A bucket of ``burst`` packets that fills at the rate."""

    limit: Rate = option("--limit", RateKind(), default=Rate(12_000_000))
    burst: int = option("--limit-burst", Number(0, 10000), default=5, omit=5)
