"""``-m quota``: a number of bytes that runs out (net/netfilter/xt_quota.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Number
from natc.netfilter.matches import register_match


@register_match("quota")
@frozen
class Quota(Match):
    """True as long as the packets seen here fit into the quota of bytes."""

    quota: Term[int] | None = option("--quota", Number(0, 2**64 - 1), negatable=True, required=True)
