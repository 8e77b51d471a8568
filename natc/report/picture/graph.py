"""The graph of an answer, whatever it is drawn with: places, and the ways between them with their odds.

Places lie in bands, one for each builtin chain in the order packets meet them. Inside a band the ways
are jumps from chain to chain and translations to targets; between the first places of bands they lead
from hook to hook, and at last to what becomes of the packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from natc.probability import CERTAIN, Odds, total
from natc.report.rule_text import exact, percent
from natc.values import define, field, frozen


class Kind(StrEnum):
    """What a place is."""

    PACKET = "packet"
    CHAIN = "chain"
    TARGET = "target"
    END = "end"
    MORE = "more"
    """Stands for places that are left out of the drawing."""


@frozen
class Row:
    """A rule of a chain on the way; ``depth`` is 1 for the rules of a side chain it calls."""

    line: int | None
    """Its line in the dump; None for a policy."""
    text: str
    factor: str = ""
    condition: str = ""
    depth: int = 0


@frozen
class Shares:
    """How often something happens: its odds by the case's number, without cases in which it does not."""

    odds: Mapping[int, Odds]
    cases: int
    """How many cases the answer has."""

    @property
    def is_certain(self) -> bool:
        """Whether it always happens."""
        return len(self.odds) == self.cases and all(odds == CERTAIN for odds in self.odds.values())

    @property
    def values(self) -> list[Odds]:
        """The odds there are, the greatest first; cases in which it does not happen have none of these."""
        return sorted(set(self.odds.values()), key=float, reverse=True)

    def label(self) -> str:
        """Return the odds in a few characters, empty when it is certain or no outcome's way tells them."""
        if self.is_certain or not self.odds:
            return ""
        words = [percent(value) for value in self.values] + ["0 %"] * (len(self.odds) < self.cases)
        return " or ".join(words) if len(words) < 3 else f"{words[0]} to {words[-1]}"

    def __add__(self, other: Shares) -> Shares:
        """Return how often either of two things happens that exclude each other."""
        both = self.odds.keys() | other.odds.keys()
        sums = {case: total(s.odds[case] for s in (self, other) if case in s.odds) for case in both}
        return Shares(sums, self.cases)


@define(eq=False)
class Place:
    """A node of the graph."""

    id: str
    """A word of letters and digits."""
    kind: Kind
    title: str
    band: int = -1
    """The number of its band; -1 for the packet, the number of bands for ends."""
    detail: str = ""
    rows: list[Row] = field(factory=list)
    notes: list[str] = field(factory=list)
    """Sentences about it."""
    share: float | None = None
    """How often it is reached, where that is one number."""
    hidden: list[Place] = field(factory=list)
    """The places that a place of kind MORE stands for."""


@frozen(eq=False)
class Way:
    """An edge of the graph."""

    start: str
    end: str
    shares: Shares
    between_bands: bool = False

    def odds(self) -> str:
        """Return the odds in percent and as num / 2^exp; empty when it is certain."""
        exactly = [exact(value) for value in self.shares.values]
        label = self.shares.label()
        return f"{label} ({' or '.join(exactly[:2])})" if label and len(exactly) < 3 else label


@define(eq=False, slots=False)
class Graph:
    """Places in reading order, and ways between them."""

    places: dict[str, Place] = field(factory=dict)
    ways: list[Way] = field(factory=list)
    bands: list[str] = field(factory=list)
    """The titles of the bands."""

    @cached_property
    def leaving(self) -> dict[str, list[Way]]:
        """The ways that leave each place, in order; asked for when the graph is complete."""
        found: dict[str, list[Way]] = {}
        for way in self.ways:
            found.setdefault(way.start, []).append(way)
        return found
