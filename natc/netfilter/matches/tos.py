"""``-m tos``: type of service, and traffic class in IPv6 (net/netfilter/xt_dscp.c)."""

from __future__ import annotations

from natc.netfilter.condition import Bits, Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.masked import Masked, Tos
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("tos")
@frozen
class TypeOfService(Match):
    """True when ``tos & mask == value``."""

    tos: Term[Masked] | None = option("--tos", Tos(), negatable=True, required=True)

    def condition(self) -> Condition:
        return both(term(self.tos, lambda tos: Bits("tos", tos.value, tos.mask)))
