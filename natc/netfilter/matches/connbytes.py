"""``-m connbytes``: how much a connection has carried (net/netfilter/xt_connbytes.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import NumberRange, Numbers
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.values import frozen

_LARGEST = 2**64 - 1


class _Amount(Kind[NumberRange]):
    """``LOW[:HIGH]``; without HIGH there is no upper end."""

    def parse(self, words: Sequence[str]) -> NumberRange:
        text = words[0]
        return Numbers(64, ordered=True).parse([text if ":" in text else f"{text}:"])

    def words(self, value: NumberRange) -> tuple[str, ...]:
        return (str(value.low) if value.high in (0, _LARGEST) else f"{value.low}:{value.high}",)


@register_match("connbytes")
@frozen
class Connbytes(Match):
    """Packets, bytes, or bytes a packet, of one direction or both."""

    amount: Term[NumberRange] | None = option("--connbytes", _Amount(), negatable=True, required=True)
    mode: str | None = option("--connbytes-mode", Choice(("packets", "bytes", "avgpkt")), required=True)
    direction: str | None = option("--connbytes-dir", Choice(("original", "reply", "both")), required=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Forget a negation of one number: it is kept as the two ends exchanged, which are the same."""
        amount = values["amount"]
        if amount.value.low == amount.value.high:
            values["amount"] = Term(amount.value)
        return values
