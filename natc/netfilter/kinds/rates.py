"""Packets per second, minute, hour or day."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natc.netfilter.kinds import Kind
from natc.values import field, frozen

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@frozen
class Rate:
    """One packet in ``period`` / ``scale`` seconds: how xt_limit and xt_hashlimit keep a rate."""

    period: int
    scale: int = 10_000
    written: int = field(default=1, eq=False)
    """Seconds of the unit it was written in."""

    @property
    def unit(self) -> tuple[str, int]:
        """The unit a save shows the rate in, and its length in seconds: the largest that fits well."""
        chosen = ("day", 86400)
        for name, seconds in (("hour", 3600), ("min", 60), ("sec", 1)):
            whole = seconds * self.scale
            if self.period > whole or whole // self.period < whole % self.period:
                break
            chosen = (name, seconds)
        return chosen

    def __str__(self) -> str:
        name, seconds = self.unit
        return f"{seconds * self.scale // self.period}/{name}"


@frozen
class RateKind(Kind[Rate]):
    """``NUMBER[/second|/minute|/hour|/day]``, the unit abbreviated at will."""

    scale: int = 10_000

    def parse(self, words: Sequence[str]) -> Rate:
        seconds = rate_unit(words[0])
        period = self.scale * seconds // leading_number(words[0])
        if period == 0:
            raise ValueError(f"rate {words[0]} is too fast")
        return Rate(period, self.scale, seconds)

    def words(self, value: Rate) -> tuple[str, ...]:
        return (str(value),)


def rate_unit(text: str) -> int:
    """Return the seconds of a rate's unit, 1 when it has none."""
    _, slash, unit = text.partition("/")
    if not slash:
        return 1
    for name, seconds in _UNITS.items():
        if unit and name.startswith(unit.lower()):
            return seconds
    raise ValueError(f"{text!r} is not a number per {', '.join(_UNITS)}")


def leading_number(text: str) -> int:
    """Read the decimal number that ``text`` begins with, as C's ``atoi`` does; never 0."""
    digits = re.match(r"\s*\+?(\d+)", text)
    if digits is None or not int(digits.group(1)):
        raise ValueError(f"{text!r} is not a rate")
    return int(digits.group(1))
