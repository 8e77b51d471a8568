"""``-m statistic``: chance, or every n-th packet (net/netfilter/xt_statistic.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from natc.netfilter.condition import NEVER, Chance, Condition, Remembered, Unknown, term
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.kinds.numbers import Number, Probability
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.memory import Memory


class _Count(Number):
    """A number that is never plain: two of them have to be looked at together."""

    @property
    def plain(self) -> str | None:
        return None


@register_match("statistic")
@frozen
class Statistic(Match):
    """In mode random true with odds probability / 2^31; in mode nth on packet p of every n."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("probability", "every"), ("probability", "packet"))
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"every": ("packet",), "packet": ("every",)}

    mode: str | None = option("--mode", Choice(("random", "nth")), required=True)
    probability: Term[int] | None = option("--probability", Probability(), negatable=True)
    every: Term[int] | None = option("--every", _Count(1), negatable=True)
    packet: int | None = option("--packet", _Count(0))

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Refuse what the mode has no use for, and a packet that is never reached."""
        if values["mode"] == "random" and "probability" not in values:
            raise OptionError("--mode random needs --probability")
        if values["mode"] == "nth" and "every" not in values:
            raise OptionError("--mode nth needs --every")
        if "packet" in values and values["packet"] >= values["every"].value:
            raise OptionError(f"--packet {values['packet']} is not less than --every")
        return values

    def condition(self) -> Condition:
        if self.mode == "random":
            chance = term(self.probability, Chance)
            return NEVER if chance is None else chance
        nth = Remembered(self, Unknown(f"-m {' '.join([self.name, *self.words()])}", kind="count"))
        return ~nth if self.every and self.every.inverted else nth

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool, Memory]:
        """Count this rule's evaluations; hold on number packet + 1 and every ``every`` after it."""
        assert self.every is not None
        count = memory.get(("nth", rule), 0)
        return count % self.every.value == (self.packet or 0), memory.with_value(("nth", rule), count + 1)
