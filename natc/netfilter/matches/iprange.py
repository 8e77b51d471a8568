"""``-m iprange``: ranges of addresses (net/netfilter/xt_iprange.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds import AddressRange, AddressRangeKind
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("iprange")
@frozen
class Iprange(Match):
    """Where source and destination must lie."""

    one_of: ClassVar[tuple[str, ...]] = ("src_range", "dst_range")

    src_range: Term[AddressRange] | None = option("--src-range", AddressRangeKind(), negatable=True)
    dst_range: Term[AddressRange] | None = option("--dst-range", AddressRangeKind(), negatable=True)

    def condition(self) -> Condition:
        return both(
            term(self.src_range, lambda span: In("src", numbers(int(span.first), int(span.last)))),
            term(self.dst_range, lambda span: In("dst", numbers(int(span.first), int(span.last)))),
        )
