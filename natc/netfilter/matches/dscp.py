"""``-m dscp``: differentiated services code point (net/netfilter/xt_dscp.c)."""

from __future__ import annotations

from natc.netfilter.condition import Bits, Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.dscp import DSCP, DscpClass
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("dscp")
@frozen
class Dscp(Match):
    """The upper six bits of type of service or traffic class."""

    dscp: Term[int] | None = option(
        "--dscp", DSCP, also={"--dscp-class": DscpClass()}, negatable=True, required=True
    )

    def condition(self) -> Condition:
        return both(term(self.dscp, lambda dscp: Bits("tos", dscp << 2, 0xFC)))
