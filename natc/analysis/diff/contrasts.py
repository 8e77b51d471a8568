"""How two rulesets treat one open packet: the smallest packets that tell them apart, or what may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import frozen

from natc.analysis.diff.fates import Fate
from natc.analysis.diff.joint import Pair, Point, Shares
from natc.analysis.diff.sides import Answer
from natc.analysis.diff.witness import Witness, witness_of
from natc.netfilter.packet import Packet
from natc.netfilter.ruleset import Rule
from natc.probability import NEVER, Odds, total

#: So many packets are looked at for a second contrast, beside one that is there already.
_TRIED = 50


@frozen(eq=False)
class Contrast:
    """A packet that tells two rulesets apart, and what each does with it."""

    witness: Witness
    a: Shares
    b: Shares

    @property
    def is_of_place(self) -> bool:
        """Whether packets end elsewhere, not only with another source or in another form."""
        return not _can_be_one(placed(self.a), placed(self.b))


@frozen(eq=False)
class Unsure:
    """A question that may make a difference and that natc cannot decide."""

    question: str
    side: str
    """"a" or "b": whose rule asks it."""
    rule: Rule | None
    dst: str
    """The first destination for which it may."""


def contrasts(a: Answer, b: Answer) -> tuple[list[Contrast], list[Unsure]]:
    """Return the contrasts of two answers to a packet, or without one the questions that may make one.

    The first is one of where packets end, if there is one; another is of packets that end in the same
    places and look different there.
    """
    fine = Pair(a.terms, b.terms)
    if not fine.differs:
        return [], []
    packet, origin = a.found.packet, a.found.origin
    coarse = Pair([term.coarse for term in a.terms], [term.coarse for term in b.terms])
    found = [Contrast(one, *fine.likeliest(one.point)) for one in islice(_certain(coarse, packet, origin), 1)]
    others = (Contrast(one, *fine.likeliest(one.point)) for one in _certain(fine, packet, origin))
    if found:
        others = (one for one in islice(others, _TRIED) if not one.is_of_place)
    found += islice(others, 1)
    return found, [] if found else [*_unsure(fine, (a, b), packet)]


def _certain(pair: Pair, packet: Packet, origin: str) -> Iterator[Witness]:
    """Yield packets that meet different fates whatever each side's own questions come to."""
    witnesses = [witness_of(packet, origin, cell.known, pair.values) for cell in pair.cells()]
    for witness in sorted(witnesses, key=lambda one: one.rank):
        ways = pair.shares(_shared(pair, witness.point))
        if not any(_can_be_one(one, other) for one in ways[0] for other in ways[1]):
            yield witness


def _shared(pair: Pair, point: Point) -> Point:
    return {value: chosen for value, chosen in point.items() if value not in pair.unshared}


def _can_be_one(a: Shares, b: Shares) -> bool:
    """Tell whether two distributions may be the same: what natc cannot tell may be anything."""
    doubt_a, doubt_b = _doubt(a, b), _doubt(b, a)
    return all(
        a.get(fate, NEVER) <= b.get(fate, NEVER) + doubt_b
        and b.get(fate, NEVER) <= a.get(fate, NEVER) + doubt_a
        for fate in {**a, **b}
        if fate.verdict != "OPEN"
    )


def _doubt(own: Shares, other: Shares) -> Odds:
    return total(odds for fate, odds in own.items() if fate.verdict == "OPEN" and other.get(fate) != odds)


def placed(shares: Shares) -> Shares:
    """Return where packets end, whatever they then look like."""
    sums: dict[Fate, Odds] = {}
    for fate, odds in shares.items():
        sums[fate.place] = sums.get(fate.place, NEVER) + odds
    return sums


def _unsure(pair: Pair, answers: Sequence[Answer], packet: Packet) -> Iterator[Unsure]:
    asked = [set(answer.asked) for answer in answers]
    for side, answer, other in zip("ab", answers, reversed(asked), strict=True):
        for value, rule in answer.asked.items():
            if value not in other:
                yield Unsure(value.subject or value.kind, side, rule, packet.show(packet.dst))
