"""``-m connbytes``: how much a connection has carried (net/netfilter/xt_connbytes.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from natc.netfilter.condition import ALWAYS, NEVER, Condition, In, OfConnection
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import numbers
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import NumberRange, Numbers
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection

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

    def condition(self) -> Condition:
        assert self.amount is not None
        text = f"-m connbytes {' '.join(self.words())} holds"
        return OfConnection(self._holds, text, first=self._of_first(self.amount))

    def _of_first(self, amount: Term[NumberRange]) -> Condition:
        """Return what is asked of the packet that begins a connection: it is all that was carried."""
        if self.mode == "packets" or self.direction == "reply":
            return ALWAYS if self._fits(int(self.direction != "reply")) else NEVER
        asked = In("length", numbers(amount.value.low, amount.value.high))
        return ~asked if amount.inverted else asked

    def _holds(self, connection: Connection, direction: int) -> bool | None:
        """Decide by what was carried, this packet among it; a connection that is not counted has nothing."""
        if connection.carried is None:
            return False
        original, reply = connection.carried
        chosen = {"original": (original,), "reply": (reply,), "both": (original, reply)}[str(self.direction)]
        packets = sum(packets for packets, _ in chosen)
        if self.mode == "packets":
            return self._fits(packets)
        known = [count for _, count in chosen if count is not None]
        if len(known) < len(chosen):
            return None
        return self._fits(sum(known) // max(packets, 1) if self.mode == "avgpkt" else sum(known))

    def _fits(self, number: int) -> bool:
        assert self.amount is not None
        return self.amount.holds(number in self.amount.value)
