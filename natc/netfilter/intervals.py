"""Sets of ordered values as disjoint half-open intervals: addresses, ports, protocols, names.

A name is ordered like any string, so the interface ``eth0`` is the interval from ``eth0`` to the
next possible string, and the pattern ``cali+`` is the interval of all strings that begin so. One
class then serves every field that a packet may leave open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from natc.values import field, frozen

Span = tuple[Any, Any]

#: Above every interface name.
_LAST_NAME = "\U0010ffff"


@frozen
class Intervals:
    """A set of values: sorted, disjoint spans ``(low, high)`` that hold low but not high."""

    spans: tuple[Span, ...] = field(default=())

    def __contains__(self, value: Any) -> bool:
        place = bisect_right(self.spans, value, key=_low) - 1
        return place >= 0 and bool(value < self.spans[place][1])

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def __and__(self, other: Intervals) -> Intervals:
        out: list[Span] = []
        mine, theirs = list(self.spans), list(other.spans)
        i = j = 0
        while i < len(mine) and j < len(theirs):
            low, high = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
            if low < high:
                out.append((low, high))
            if mine[i][1] <= theirs[j][1]:
                i += 1
            else:
                j += 1
        return Intervals(tuple(out))

    def meets(self, other: Intervals) -> bool:
        """Tell whether the sets have a value in common: of 100,000 pairs that takes a third of making it."""
        mine, theirs = self.spans, other.spans
        i = j = 0
        while i < len(mine) and j < len(theirs):
            if mine[i][1] <= theirs[j][0]:
                i += 1
            elif theirs[j][1] <= mine[i][0]:
                j += 1
            else:
                return True
        return False

    def __or__(self, other: Intervals) -> Intervals:
        return union([*self.spans, *other.spans])

    def __sub__(self, other: Intervals) -> Intervals:
        out: list[Span] = []
        holes = other.spans
        for low, high in self.spans:
            start = low
            place = max(0, bisect_right(holes, low, key=_low) - 1)
            while place < len(holes) and holes[place][0] < high:
                hole_low, hole_high = holes[place]
                if hole_low > start:
                    out.append((start, hole_low))
                start = max(start, hole_high)
                place += 1
            if start < high:
                out.append((start, high))
        return Intervals(tuple(out))

    @property
    def single(self) -> Any:
        """The only value, or None when there are none or several."""
        if len(self.spans) != 1:
            return None
        low, high = self.spans[0]
        if isinstance(low, str):
            return low if high == low + "\0" else None
        return low if high == low + 1 else None


def _low(span: Span) -> Any:
    return span[0]


def union(spans: Iterable[Span]) -> Intervals:
    """Return the set of the values in any of ``spans``, which may overlap and touch."""
    out: list[Span] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        elif low < high:
            out.append((low, high))
    return Intervals(tuple(out))


def numbers(low: int, high: int) -> Intervals:
    """Return the integers from ``low`` to ``high``, both included."""
    return Intervals(((low, high + 1),)) if low <= high else Intervals()


def number(value: int) -> Intervals:
    """Return the set of one integer."""
    return Intervals(((value, value + 1),))


def name(text: str) -> Intervals:
    """Return the set of one name."""
    return Intervals(((text, text + "\0"),))


def names_like(pattern: str) -> Intervals:
    """Return the names that an interface pattern stands for: itself, or with ``+`` all beginning so."""
    if not pattern.endswith("+"):
        return name(pattern)
    prefix = pattern[:-1]
    if not prefix:
        return ALL_NAMES
    return Intervals(((prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)),))


ALL_NAMES = Intervals((("", _LAST_NAME),))
ALL_PORTS = numbers(0, 65535)


def all_addresses(bits: int) -> Intervals:
    """Return every address of ``bits`` bits."""
    return numbers(0, (1 << bits) - 1)


def masked(value: int, mask: int, bits: int, limit: int = 1 << 16) -> Intervals | None:
    """Return the numbers of ``bits`` bits with ``number & mask == value``.

    A mask with holes makes many intervals; None when they would be more than ``limit``.
    """
    if value & ~mask:
        return Intervals()
    free = ~mask & ((1 << bits) - 1)
    run = (free ^ (free + 1)).bit_length() - 1  # low bits that are free without a gap
    high_free = free >> run << run
    if 1 << high_free.bit_count() > limit:
        return None
    starts = [value]
    for bit in range(run, bits):
        if high_free >> bit & 1:
            starts += [start | 1 << bit for start in starts]
    return union((start, start + (1 << run)) for start in starts)
