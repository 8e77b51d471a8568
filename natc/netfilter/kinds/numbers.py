"""Numbers, ranges of numbers, and the probability of a rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan

from natc.netfilter.kinds import Kind
from natc.values import frozen

#: A number as C's strtoul(3) reads it in base 0.
C_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\Z")


def number(text: str) -> int:
    """Read an unsigned number as C's ``strtoul(text, NULL, 0)`` does: decimal, 0x hex or 0 octal."""
    try:
        if text[:2].lower() == "0x":
            return int(text[2:], 16)
        return int(text, 8) if len(text) > 1 and text[0] == "0" else int(text, 10)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


@frozen
class Number(Kind[int]):
    """An unsigned number between ``low`` and ``high``, both included, printed by ``form``."""

    low: int = 0
    high: int = 0xFFFFFFFF
    form: str = "{}"

    @property
    def plain(self) -> str | None:
        return r"[1-9]\d{0,8}" if self.low <= 1 and self.high == 0xFFFFFFFF and self.form == "{}" else None

    def parse(self, words: Sequence[str]) -> int:
        value = number(words[0])
        if not self.low <= value <= self.high:
            raise ValueError(f"{words[0]} is not between {self.low} and {self.high}")
        return value

    def words(self, value: int) -> tuple[str, ...]:
        return (self.form.format(value),)


@frozen
class NumberRange:
    """The numbers from ``low`` to ``high``, both included; none when they are in the wrong order."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}:{self.high}"

    def __contains__(self, number: int) -> bool:
        return self.low <= number <= self.high


#: What a field of 32 bits can hold.
EVERY_NUMBER = NumberRange(0, 0xFFFFFFFF)


@frozen
class Numbers(Kind[NumberRange]):
    """``NUMBER`` or ``[LOW]:[HIGH]`` of ``bits`` bits, ends left out being the smallest and the largest.

    A range that ends before it begins is refused only when ``ordered``: libxtables does not mind.
    """

    bits: int = 16
    ordered: bool = False

    @property
    def plain(self) -> str:
        return r"[1-9]\d{0,3}" if self.bits == 16 else r"[1-9]\d{0,8}"

    def parse(self, words: Sequence[str]) -> NumberRange:
        largest = (1 << self.bits) - 1
        head, colon, tail = words[0].partition(":")
        low = number(head) if head else 0
        high = (number(tail) if tail else largest) if colon else low
        if high > largest:
            raise ValueError(f"{words[0]} is not between 0 and {largest}")
        if low > high and self.ordered:
            raise ValueError(f"range {words[0]} ends before it begins")
        return NumberRange(low, high)

    def words(self, value: NumberRange) -> tuple[str, ...]:
        return (str(value),)


#: What a probability of 1 is for the kernel: it compares with a fresh 31-bit number (xt_statistic.c).
PROBABILITY_ONE = 1 << 31


class Probability(Kind[int]):
    """A probability as the kernel keeps it: an integer P that stands for P / 2^31.

    ``libxt_statistic`` multiplies by 2^31 and rounds halves away from zero; a save prints P / 2^31
    with 11 decimals, which reads back to the same P (kernel semantics, "Probability").
    """

    def parse(self, words: Sequence[str]) -> int:
        text = words[0]
        try:
            value = float.fromhex(text) if "x" in text.lower() else float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a probability") from None
        if isnan(value):  # what the kernel makes of it
            return 0
        if not 0 <= value <= 1:
            raise ValueError(f"probability {text} is not between 0 and 1")
        return int(value * PROBABILITY_ONE + 0.5)

    def words(self, value: int) -> tuple[str, ...]:
        return (f"{value / PROBABILITY_ONE:.11f}",)
