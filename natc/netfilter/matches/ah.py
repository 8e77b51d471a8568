"""``-m ah``: IPsec authentication header (ipt_ah.c, ip6t_ah.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, Number, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("ah")
@frozen
class Ah(Match):
    """The security parameter indexes that match, and, in IPv6, the length of the header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({51})

    spi: Term[NumberRange] = option(
        "--ahspi",
        Numbers(32),
        negatable=True,
        default=Term(EVERY_NUMBER),
        hides=EVERY_NUMBER,
    )
    length: Term[int] = option("--ahlen", Number(), negatable=True, default=Term(0), omit=Term(0))
    reserved: bool = option("--ahres", Flag(), default=False)

    def needs_protocol(self, family: int) -> bool:
        return family == 4

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Only IPv6 has a length and reserved bits to look at."""
        if family == 4 and ("length" in values or "reserved" in values):
            raise OptionError("--ahlen and --ahres are for IPv6")
        return values
