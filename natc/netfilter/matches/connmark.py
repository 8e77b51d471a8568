"""``-m connmark``: the connection's mark (net/netfilter/xt_connmark.c)."""

from __future__ import annotations

from natc.netfilter.condition import Condition, ConnectionMark
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.masked import Masked, MaskedHex
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("connmark")
@frozen
class Connmark(Match):
    """True when ``connection mark & mask == value``."""

    mark: Term[Masked] | None = option("--mark", MaskedHex(), negatable=True, required=True)

    def condition(self) -> Condition:
        assert self.mark is not None
        asked = self.mark.value
        return ConnectionMark(asked.value, asked.mask, self.mark.inverted)
