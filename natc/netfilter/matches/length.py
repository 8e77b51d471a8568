"""``-m length``: the packet's length in bytes, without link layer (net/netfilter/xt_length.c)."""

from __future__ import annotations

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds.numbers import NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("length")
@frozen
class Length(Match):
    """The lengths that match; in IPv6 the header counts."""

    length: Term[NumberRange] | None = option("--length", Numbers(16), negatable=True, required=True)

    def condition(self) -> Condition:
        return both(term(self.length, lambda span: In("length", numbers(span.low, span.high))))
