"""``-m esp``: IPsec payload (net/netfilter/xt_esp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import EVERY_NUMBER, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("esp")
@frozen
class Esp(Match):
    """The security parameter indexes that match."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({50})

    spi: Term[NumberRange] = option(
        "--espspi",
        Numbers(32),
        negatable=True,
        default=Term(EVERY_NUMBER),
        hides=EVERY_NUMBER,
    )
