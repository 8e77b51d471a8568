"""``-m iprange``: ranges of addresses (net/netfilter/xt_iprange.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.addresses import IPV4, Address, address, shown
from natc.netfilter.matches import register_match
from natc.values import frozen


@frozen
class AddressRange:
    """The addresses from ``first`` to ``last``, both included; empty when they are in the wrong order."""

    first: Address
    last: Address

    def __str__(self) -> str:
        return f"{shown(self.first)}-{shown(self.last)}"


class AddressRangeKind(Kind[AddressRange]):
    """``ADDRESS[-ADDRESS]``; a single address is printed as a range of one (libxt_iprange)."""

    plain_family: ClassVar[int | None] = 4

    def family(self, value: AddressRange) -> int | None:
        return value.first.version

    @property
    def plain(self) -> str:
        return rf"{IPV4}-{IPV4}"

    def parse(self, words: Sequence[str]) -> AddressRange:
        first, dash, last = words[0].partition("-")
        low = address(first)
        high = address(last) if dash else low
        if low.version != high.version:
            raise ValueError(f"{words[0]} mixes IPv4 and IPv6")
        return AddressRange(low, high)

    def words(self, value: AddressRange) -> tuple[str, ...]:
        return (str(value),)


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
