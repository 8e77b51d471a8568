"""``-m nfacct``: counts the packet in a named accounting object (net/netfilter/xt_nfacct.c)."""

from __future__ import annotations

from natc.netfilter.condition import ALWAYS, Condition
from natc.netfilter.extension import Match, option
from natc.netfilter.kinds.words import Name
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("nfacct")
@frozen
class Nfacct(Match):
    """Always true; libxt_nfacct prints two blanks before the name."""

    nfacct_name: str = option("--nfacct-name", Name(31, cut=True), required=True)

    def words(self) -> list[str]:
        return ["--nfacct-name", "", self.nfacct_name]

    def condition(self) -> Condition:
        return ALWAYS
