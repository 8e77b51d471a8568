"""``-m ttl``: time to live (ipt_ttl in net/netfilter/xt_hl.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("ttl")
@frozen
class Ttl(Match):
    """The time to live is equal to, below or above a number."""

    families: ClassVar[frozenset[int]] = frozenset({4})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("eq", "lt", "gt"),)
    one_of: ClassVar[tuple[str, ...]] = ("eq", "lt", "gt")

    eq: Term[int] | None = option("--ttl-eq", Number(0, 255), also=("--ttl",), negatable=True)
    lt: int | None = option("--ttl-lt", Number(0, 255))
    gt: int | None = option("--ttl-gt", Number(0, 255))

    def condition(self) -> Condition:
        return both(
            term(self.eq, lambda value: In("ttl", numbers(value, value))),
            None if self.lt is None else In("ttl", numbers(0, self.lt - 1)),
            None if self.gt is None else In("ttl", numbers(self.gt + 1, 255)),
        )
