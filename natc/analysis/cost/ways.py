"""What may become of a packet, and with how many rules it is compared on each way, at least and at most."""

from __future__ import annotations

from natc.analysis.cost.truths import Truth
from natc.values import define, field

#: What may be left of a table: on to the next one, or the end of the packet.
ON, END = "on", "end"

#: From so many comparisons to so many.
Range = tuple[int, int]


@define(eq=False)
class Ways:
    """What may become of a packet, each with its number of comparisons."""

    through: Range | None = None
    """It comes out of the chain again, to the next rule of the caller."""
    ends: dict[str, Range] = field(factory=dict)
    """It leaves the table: :data:`ON` or :data:`END`."""
    inside: list[tuple[Range, Ways, int]] = field(factory=list)
    """It goes on behind so many comparisons in ways with endpoints, the first of them of this number."""
    kept: bool = False
    """Whether it is the same object for all chains that cost the same."""
    _sent: list[tuple[int, Range]] | None = None

    @property
    def sent(self) -> list[tuple[int, Range]]:
        """The endpoints it is sent to, by number."""
        if self._sent is None:
            self._sent = [
                (first + number, (here[0] + cost[0], here[1] + cost[1]))
                for here, ways, first in self.inside
                for number, cost in ways.sent
            ]
        return self._sent


PASSED = Ways((0, 0), kept=True)
ACCEPTED = Ways(None, {ON: (0, 0)}, kept=True)
ENDED = Ways(None, {END: (0, 0)}, kept=True)
SENT = Ways(sent=[(0, (0, 0))], kept=True)


@define
class Walk:
    """One packet on its way through one chain."""

    here: Range | None = (0, 0)
    back: Range | None = None
    ends: dict[str, Range] = field(factory=dict)
    inside: list[tuple[Range, Ways, int]] = field(factory=list)

    def pass_by(self, rules: int) -> None:
        """Compare with rules that do not take the packet."""
        self.here = total(self.here, (rules, rules))

    def meet(self, truth: Truth, effect: Ways, first: int, back: bool) -> None:
        """Compare with one rule and follow it.

        ``truth`` is whether it takes the packet, ``effect`` what it does then, ``first`` the number of its
        first endpoint, ``back`` whether what comes out of where it leads goes back to the caller.
        """
        self.pass_by(1)
        if truth is False or self.here is None:
            return
        so_far, before = self.here, self.here if truth is None else None
        for end, cost in effect.ends.items():
            here = so_far[0] + cost[0], so_far[1] + cost[1]
            self.ends[end] = either(self.ends.get(end), here) or here
        if effect.sent:
            self.inside.append((so_far, effect, first))
        out = total(effect.through, so_far)
        if back:
            self.back, out = either(self.back, out), None
        self.here = either(out, before)

    def ways(self) -> Ways:
        """Return what may become of the packet."""
        return Ways(either(self.here, self.back), self.ends, self.inside)


def either(one: Range | None, other: Range | None) -> Range | None:
    """Return the range of two ways of which a packet goes one; None is no way."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def total(one: Range | None, other: Range | None) -> Range | None:
    """Return the range of two ways one after the other, None where one of them is no way."""
    return None if one is None or other is None else (one[0] + other[0], one[1] + other[1])
