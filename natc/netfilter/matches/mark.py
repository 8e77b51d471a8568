"""``-m mark``: the packet's mark (net/netfilter/xt_mark.c)."""

from __future__ import annotations

from natc.netfilter.condition import Bits, Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.masked import Masked, MaskedHex
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("mark")
@frozen
class Mark(Match):
    """True when ``mark & mask == value``."""

    mark: Term[Masked] | None = option("--mark", MaskedHex(), negatable=True, required=True)

    def condition(self) -> Condition:
        return both(term(self.mark, lambda mark: Bits("mark", mark.value, mark.mask)))
