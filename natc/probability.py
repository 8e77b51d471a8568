"""Exact odds: a whole number of 2^exp parts.

The kernel draws 31-bit numbers (xt_statistic.c), so every probability in a ruleset is P / 2^31 and
every product and sum of them is again an integer over a power of two. Such odds are kept as two
integers, never reduced: ``1073741824 / 2^31`` says which number the kernel compares with.
"""

from __future__ import annotations

from collections.abc import Iterable

from natc.values import value

#: Bits of the random number that one ``statistic`` rule draws.
DRAW_BITS = 31
#: One in the kernel's unit.
DRAW_ONE = 1 << DRAW_BITS


@value
class Odds:
    """The probability num / 2^exp, 0 <= num <= 2^exp. Equal odds are equal however written."""

    num: int = 1
    exp: int = 0

    def __mul__(self, other: Odds) -> Odds:
        return Odds(self.num * other.num, self.exp + other.exp)

    def __add__(self, other: Odds) -> Odds:
        if self.exp >= other.exp:
            return Odds(self.num + (other.num << (self.exp - other.exp)), self.exp)
        return other + self

    def __sub__(self, other: Odds) -> Odds:
        exp = max(self.exp, other.exp)
        return Odds((self.num << (exp - self.exp)) - (other.num << (exp - other.exp)), exp)

    def _beside(self, other: Odds) -> tuple[int, int]:
        """Return both as parts of the same power of two."""
        if self.exp >= other.exp:
            return self.num, other.num << (self.exp - other.exp)
        return self.num << (other.exp - self.exp), other.num

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, Odds):
            return self is other
        mine, theirs = self._beside(other)
        return mine == theirs

    def __lt__(self, other: Odds) -> bool:
        mine, theirs = self._beside(other)
        return mine < theirs

    def __le__(self, other: Odds) -> bool:
        mine, theirs = self._beside(other)
        return mine <= theirs

    def __hash__(self) -> int:
        return hash(float(self))  # equal odds have the same nearest float

    def __float__(self) -> float:
        excess = self.exp - 1000
        if excess > 0:  # beyond what a float's exponent holds; the bits cut off do not show
            return (self.num >> excess) / (1 << 1000)
        return self.num / (1 << self.exp)

    def __bool__(self) -> bool:
        return self.num != 0

    def __str__(self) -> str:
        """``num / 2^exp``; numbers beyond Python's limit of printable digits in hexadecimal."""
        num = str(self.num) if self.num.bit_length() < 4096 else hex(self.num)
        return f"{num} / 2^{self.exp}"


CERTAIN = Odds(1, 0)
NEVER = Odds(0, 0)


def drawn(part: int) -> Odds:
    """Return the odds that a fresh 31-bit number is below ``part``."""
    return Odds(part, DRAW_BITS)


def total(odds: Iterable[Odds]) -> Odds:
    """Return the sum of many odds; of one it is that one itself, not a copy of its 155,000 bits.

    The sum grows with the exponents: of 5,000 endpoints that takes half of shifting all to the greatest.
    """
    parts = sorted(odds, key=_exponent)
    if len(parts) == 1:
        return parts[0]
    num = exp = 0
    for part in parts:
        num = (num << (part.exp - exp)) + part.num
        exp = part.exp
    return Odds(num, exp)


def _exponent(odds: Odds) -> int:
    return odds.exp
