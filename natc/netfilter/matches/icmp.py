"""``-m icmp``: type and code of ICMP (net/ipv4/netfilter/ip_tables.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.icmp import ICMP_NAMES, IcmpKind, IcmpType, icmp_condition
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("icmp")
@frozen
class Icmp(Match):
    """The type and the codes that match."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({1})
    header_size: ClassVar[int] = 8
    families: ClassVar[frozenset[int]] = frozenset({4})

    type: Term[IcmpType] | None = option("--icmp-type", IcmpKind(ICMP_NAMES), negatable=True, required=True)

    def condition(self) -> Condition:
        return both(term(self.type, icmp_condition))
