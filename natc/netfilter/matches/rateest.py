"""``-m rateest``: rates that ``-j RATEEST`` estimates (net/netfilter/xt_rateest.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.kinds.words import Name
from natc.netfilter.matches import register_match
from natc.values import frozen

_PREFIXES = {
    "": 1,
    "k": 1000,
    "ki": 2**10,
    "m": 10**6,
    "mi": 2**20,
    "g": 10**9,
    "gi": 2**30,
    "t": 10**12,
    "ti": 2**40,
}
_COMPARISONS = ("less", "greater", "equal")
_RATES = ("bytes1", "bytes2", "packets1", "packets2")
_RATE = re.compile(r"(\d+\.?\d*|\.\d+)(?:([kmgt]i?|)(bit|bps))?\Z", re.IGNORECASE)


class _BitRate(Kind[int]):
    """A rate with a unit (bit is bits, Bps bytes a second), bits without one; kept as bytes a second."""

    def parse(self, words: Sequence[str]) -> int:
        if not words:
            return 0
        found = _RATE.match(words[0])
        if found is None:
            raise ValueError(f"{words[0]!r} is not a rate such as 10mbit or 1MBps")
        amount, prefix, unit = found.groups()
        bits = 8 if unit and unit.lower() == "bps" else 1
        return int(float(amount) * _PREFIXES[(prefix or "").lower()] * bits / 8) & 0xFFFFFFFF

    def words(self, value: int) -> tuple[str, ...]:
        bits = value * 8
        if bits >= 10**9:
            return (f"{bits / 10**6:.0f}Mbit",)
        return (f"{bits / 1000:.0f}Kbit" if bits >= 10**6 else f"{bits}bit",)


class _PacketRate(Kind[int]):
    """Packets a second, or nothing."""

    def parse(self, words: Sequence[str]) -> int:
        packets = number(words[0]) if words else 0
        if packets > 0xFFFFFFFF:
            raise ValueError(f"{packets} does not fit in 32 bits")
        return packets

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


@register_match("rateest")
@frozen
class RateestMatch(Match):
    """Compares an estimated rate with a number, or two of them, perhaps each less a number (delta)."""

    one_of: ClassVar[tuple[str, ...]] = _COMPARISONS
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(_COMPARISONS, _RATES)

    delta: bool = option("--rateest-delta", Flag(), default=False)
    first: str | None = option("--rateest1", Name(15), also=("--rateest",), required=True)
    second: str | None = option("--rateest2", Name(15))
    bytes1: int | None = option("--rateest-bps1", _BitRate())
    bytes2: int | None = option("--rateest-bps2", _BitRate(), also=("--rateest-bps",))
    packets1: int | None = option("--rateest-pps1", _PacketRate())
    packets2: int | None = option("--rateest-pps2", _PacketRate(), also=("--rateest-pps",))
    less: Term[bool] | None = option("--rateest-lt", Flag(), negatable=True)
    greater: Term[bool] | None = option("--rateest-gt", Flag(), negatable=True)
    equal: Term[bool] | None = option("--rateest-eq", Flag(), negatable=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Of several comparisons libxt_rateest keeps the last one, and a negation of any."""
        given = [name for name in values if name in _COMPARISONS]
        inverted = any(values[name].inverted for name in given)
        for name in given[:-1]:
            del values[name]
        values[given[-1]] = Term(True, inverted)
        return values

    def words(self) -> list[str]:
        """The rates stand around the comparison."""
        words = ["--rateest-delta"] if self.delta else []
        words += ["--rateest1" if self.second else "--rateest", str(self.first)]
        if self.bytes1 is not None or self.bytes2 is not None:
            words += self._rates("bps", _BitRate(), self.bytes1, self.bytes2)
        if self.packets1 is not None or self.packets2 is not None:
            words += self._rates("pps", _PacketRate(), self.packets1, self.packets2)
        return words + (["--rateest2", self.second] if self.second else [])

    def _rates(self, unit: str, kind: Kind[int], first: int | None, second: int | None) -> list[str]:
        words = [f"--rateest-{unit}1", *kind.words(first or 0)] if self.delta else []
        words += [*self._comparison(), f"--rateest-{unit}{'2' if self.delta else ''}"]
        return words + ([] if self.second and not self.delta else list(kind.words(second or 0)))

    def _comparison(self) -> list[str]:
        name, term = next(
            (name, term)
            for name, term in (("eq", self.equal), ("lt", self.less), ("gt", self.greater))
            if term is not None
        )
        return ["!"] * term.inverted + [f"--rateest-{name}"]
