"""``-m icmp6``: type and code of ICMPv6 (net/ipv6/netfilter/ip6_tables.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.icmp import ICMPV6_NAMES, IcmpKind, IcmpType, icmp_condition
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("icmp6")
@frozen
class Icmp6(Match):
    """The type and the codes that match."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({58})
    header_size: ClassVar[int] = 8
    families: ClassVar[frozenset[int]] = frozenset({6})

    type: Term[IcmpType] | None = option(
        "--icmpv6-type", IcmpKind(ICMPV6_NAMES), negatable=True, required=True
    )

    def condition(self) -> Condition:
        return both(term(self.type, icmp_condition))
