"""``-j RATEEST``: estimates the rate of what passes (net/netfilter/xt_RATEEST.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log
from typing import Any

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import OptionError, Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.words import Name
from natc.netfilter.targets import register_target
from natc.values import frozen

_SECOND = 1_000_000
_UNITS = {"": 1, "us": 1, "usec": 1, "usecs": 1, "ms": 1000, "msec": 1000, "msecs": 1000} | dict.fromkeys(
    ("s", "sec", "secs"), _SECOND
)
_TIME = re.compile(r"(\d+\.?\d*|\.\d+)([a-z]*)\Z", re.IGNORECASE)
#: The measuring intervals that the kernel has: a quarter of a second doubled 0 to 5 times.
INTERVALS = tuple((_SECOND << step) // 4 for step in range(6))


class _Time(Kind[int]):
    """A time with a unit, as microseconds."""

    def parse(self, words: Sequence[str]) -> int:
        found = _TIME.match(words[0])
        if found is None or found.group(2).lower() not in _UNITS:
            raise ValueError(f"{words[0]!r} is not a time such as 250ms or 2s")
        return int(float(found.group(1)) * _UNITS[found.group(2).lower()])

    def words(self, value: int) -> tuple[str, ...]:
        if value >= _SECOND:
            return (f"{value / _SECOND:.1f}s",)
        return (f"{value / 1000:.1f}ms" if value >= 1000 else f"{value}us",)


@register_target("RATEEST")
@frozen
class Rateest(Target):
    """The name for ``-m rateest``, the interval measured and the time averaged over, in microseconds."""

    estimator: str | None = option("--rateest-name", Name(15), required=True)
    interval: int | None = option("--rateest-interval", _Time(), required=True)
    averaging: int | None = option("--rateest-ewmalog", _Time(), required=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Round to what the kernel can do: its intervals, and an averaging weight of 1 / 2^n."""
        given = values["interval"]
        interval = next((known for known in INTERVALS if given <= known), None)
        if interval is None:
            raise OptionError("--rateest-interval is longer than eight seconds")
        weights = (n for n in range(1, 32) if given / -log(1 - 1 / (1 << n)) > values["averaging"])
        weight = next(weights, 32) - 1
        if not 0 < weight < 31:
            raise OptionError("--rateest-ewmalog is out of range")
        return {**values, "interval": interval, "averaging": interval << weight & 0xFFFFFFFF}

    def effect(self) -> Effect:
        """The packet goes on as it came."""
        return Nothing()
