"""``-m ipcomp``: compressed payload of IPsec (net/netfilter/xt_ipcomp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("ipcomp")
@frozen
class Ipcomp(Match):
    """The compression parameter indexes that match; whether reserved bits have to be zero.

    Index 0 unless said."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({108})

    spi: Term[NumberRange] = option(
        "--ipcompspi",
        Numbers(32),
        negatable=True,
        default=Term(NumberRange(0, 0)),
        hides=EVERY_NUMBER,
    )
    reserved: bool = option("--compres", Flag(), default=False)
