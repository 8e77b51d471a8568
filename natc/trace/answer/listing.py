"""A packet's branches one by one, with what they hang on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from natc.netfilter.packet import Packet
from natc.trace.answer.outcome import Caveats, Piece, Question
from natc.trace.machine import outcome_of
from natc.trace.state import State
from natc.values import define


@define(eq=False)
class Listing:
    """The first of a packet's branches, and whether there are more: of 64 coins in a row there are 2^64.

    What is asked, taken for granted and left is known of the branches that have come.
    """

    packet: Packet
    origin: str
    """"network" or "local"."""
    limit: int
    """How many are listed at most; 0 for all."""
    _finals: Iterator[State]
    _caveats: Caveats
    _granted: tuple[str, ...] = ()
    has_more: bool = False
    """Known once all that are listed were asked for."""
    _listed: float = 0.0
    _conditional: bool = False

    def __iter__(self) -> Iterator[Piece]:
        for final in islice(self._finals, self.limit or None):
            self._caveats.saw(final)
            self._listed += float(final.odds)
            self._conditional |= bool(final.facts.known)
            yield Piece(final.facts, final.odds, outcome_of(self.packet, final))
        self.has_more = next(self._finals, None) is not None

    @property
    def rest(self) -> float | None:
        """The odds of what was not listed; None where they differ from condition to condition."""
        return None if self._conditional else max(0.0, 1 - self._listed)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken for granted in the branches."""
        return (*self._granted, *self._caveats.assumptions)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is open in them, other than the fields the question itself left open."""
        return self._caveats.questions
