"""``-m statistic``: chance, or every n-th packet (net/netfilter/xt_statistic.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Choice, Number, Probability
from natc.netfilter.matches import register_match


@register_match("statistic")
@frozen
class Statistic(Match):
    """In mode random true with odds probability / 2^31; in mode nth on packet p of every n."""

    mode: str | None = option("--mode", Choice(("random", "nth")), required=True)
    probability: Term[int] | None = option("--probability", Probability(), negatable=True)
    every: Term[int] | None = option("--every", Number(1), negatable=True)
    packet: int | None = option("--packet", Number(0))
