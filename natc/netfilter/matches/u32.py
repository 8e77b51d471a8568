"""``-m u32``: numbers anywhere in the packet (net/netfilter/xt_u32.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import NumberRange, number
from natc.netfilter.kinds.words import unquoted
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.netfilter.wire import NEEDS, encode
from natc.values import frozen

#: How many numbers, ranges and tests fit (XT_U32_MAXSIZE).
MOST_PARTS = 10
_NUMBER = r"(?:0[xX][0-9a-fA-F]+|\d+)"
_OPERATOR = re.compile(rf"\s*(&|<<|>>|@)\s*({_NUMBER})\s*")
_FIRST = re.compile(rf"\s*({_NUMBER})\s*")
_VALUE = re.compile(rf"\s*({_NUMBER})\s*(?::\s*({_NUMBER})\s*)?\Z")


@frozen
class U32Test:
    """Where to read 32 bits, and the ranges one of which the number must be in.

    ``start`` is the first offset in bytes; each step masks (``&``), shifts, or (``@``) moves on by
    the number so far and reads again.
    """

    start: int
    steps: tuple[tuple[str, int], ...]
    values: tuple[NumberRange, ...]

    def __str__(self) -> str:
        steps = "".join(f"{operator}{operand:#x}" for operator, operand in self.steps)
        values = ",".join(
            f"{v.low:#x}" if v.low == v.high else f"{v.low:#x}:{v.high:#x}" for v in self.values
        )
        return f"{self.start:#x}{steps}={values}"


class _Tests(Kind[tuple[U32Test, ...]]):
    """``LOCATION=VALUES[&&LOCATION=VALUES...]``, in quotes in a save."""

    def parse(self, words: Sequence[str]) -> tuple[U32Test, ...]:
        tests = tuple(self._test(part) for part in unquoted(words[0]).split("&&"))
        if len(tests) > MOST_PARTS:
            raise ValueError(f"more than {MOST_PARTS} tests")
        return tests

    def _test(self, text: str) -> U32Test:
        location, equals, values = text.partition("=")
        first = _FIRST.match(location)
        if first is None or not equals:
            raise ValueError(f"{text!r} is not LOCATION=VALUE")
        steps, position = [], first.end()
        while position < len(location):
            step = _OPERATOR.match(location, position)
            if step is None:
                raise ValueError(f"{location[position:]!r} is not &, <<, >> or @ and a number")
            steps.append((step.group(1), _u32(step.group(2))))
            position = step.end()
        ranges = tuple(self._range(part) for part in values.split(","))
        if len(steps) >= MOST_PARTS or len(ranges) > MOST_PARTS:
            raise ValueError(f"more than {MOST_PARTS} numbers or ranges")
        return U32Test(_u32(first.group(1)), tuple(steps), ranges)

    @staticmethod
    def _range(text: str) -> NumberRange:
        found = _VALUE.match(text)
        if found is None:
            raise ValueError(f"{text!r} is not NUMBER or NUMBER:NUMBER")
        low, high = found.groups()
        return NumberRange(_u32(low), _u32(high or low))

    def words(self, value: tuple[U32Test, ...]) -> tuple[str, ...]:
        return (f'"{"&&".join(map(str, value))}"',)


def _u32(text: str) -> int:
    value = number(text)
    if value > 0xFFFFFFFF:
        raise ValueError(f"{text} does not fit in 32 bits")
    return value


@register_match("u32")
@frozen
class U32(Match):
    """True when every test is."""

    tests: Term[tuple[U32Test, ...]] | None = option("--u32", _Tests(), negatable=True, required=True)

    def condition(self) -> Condition:
        assert self.tests is not None
        asked = Computed(NEEDS, self._all_hold, f"-m u32 {' '.join(self.words())}".replace("! ", ""))
        return ~asked if self.tests.inverted else asked

    def _all_hold(self, packet: Packet) -> bool:
        assert self.tests is not None
        data = encode(packet)
        return all(_holds(test, data) for test in self.tests.value)


def _holds(test: U32Test, data: bytes) -> bool:
    """Read where the test says; a place outside the packet makes it false (xt_u32.c, u32_match_it)."""
    base, value = 0, _read(data, test.start)
    for operator, operand in test.steps:
        if value is None:
            return False
        if operator == "@":
            base += value
            value = _read(data, base + operand)
        else:
            value = _changed(value, operator, operand)
    return value is not None and any(value in span for span in test.values)


def _read(data: bytes, place: int) -> int | None:
    return int.from_bytes(data[place : place + 4], "big") if place + 4 <= len(data) else None


def _changed(value: int, operator: str, operand: int) -> int:
    if operator == "&":
        return value & operand
    return (value << operand if operator == "<<" else value >> operand) & 0xFFFFFFFF
