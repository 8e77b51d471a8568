"""``-m tcpmss``: the maximum segment size option of TCP (net/netfilter/xt_tcpmss.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import NumberRange, Numbers
from natc.netfilter.matches import register_match


@register_match("tcpmss")
@frozen
class TcpMss(Match):
    """The sizes that match; never true of a packet without the option."""

    mss: Term[NumberRange] | None = option("--mss", Numbers(16), negatable=True, required=True)
