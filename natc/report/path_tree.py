"""The paths of an answer laid over each other: one tree of rules for each builtin chain.

The 15,000 outcomes of a service with 5,000 endpoints share most of their steps, and their trails share
them too. Each part of a trail is therefore laid once, and not once for each outcome; which cases come to a
rule is summed up from the ends of the parts. With session affinity, of 15,000 cases, that takes a third.
"""

from __future__ import annotations

from natc.probability import CERTAIN, Odds
from natc.trace.answer.outcome import Distribution, Outcome
from natc.trace.state import Step, Trail
from natc.values import define, field, value

#: How far what random rules leave is multiplied up, as an exponent of 2: for the first 20 of a chain.
_FOLLOWED = 620


@define(eq=False)
class Node:
    """A rule on some packet's way, and the rules of the chain it jumps to."""

    step: Step
    cases: set[int] = field(factory=set)
    left: Odds = CERTAIN
    """The odds that no random rule before it in its chain matched, as far as they are followed."""
    below: Tree = field(factory=dict)


#: The rules of one chain that were met, by chain and number.
Tree = dict[tuple[str, int | None], Node]


def sections(answer: Distribution) -> dict[str, Tree]:
    """Return a tree of rules for each builtin chain that a packet of the answer meets, in their order."""
    layer = _Layer()
    for index, case in enumerate(answer.cases):
        for _, outcome in case.outcomes:
            layer.lay(outcome, index)
    layer.sum_up()
    return layer.found


@value(eq=False)
class _Place:
    """Where a path is: in a chain, at the rule it met last; ``caller`` is the place it was called from."""

    chain: str
    tree: Tree
    last: Node
    caller: _Place | None
    before: _Place | None
    """The place one step back."""
    left: Odds = CERTAIN
    """The odds that the chain's random rules so far were passed by."""
    cases: set[int] = field(factory=set)
    """Those of paths that fork or end here; once summed up, those of all paths that come here."""


@define(eq=False)
class _Layer:
    """Lays the paths of an answer."""

    found: dict[str, Tree] = field(factory=dict)
    laid: dict[tuple[int, int], _Place] = field(factory=dict)
    """Where a path is behind a part of a trail, by that part and where it was before the trail's fork."""

    def lay(self, outcome: Outcome, case: int) -> None:
        """Lay the path of an outcome under the case with that index."""
        place: _Place | None = None
        for part in reversed(outcome.trail.parts(outcome.known)):
            # The way and that of a crowd begin outside of all chains: a crowd's is laid once for all in it.
            place = self._part(part, None if part.fork is None else place)
            if place is not None:
                place.cases.add(case)

    def sum_up(self) -> None:
        """Note at each rule in which cases it is met; who comes to a place came to the one before it."""
        for place in reversed(self.laid.values()):
            place.last.cases.update(place.cases)
            if place.before is not None:
                place.before.cases.update(place.cases)

    def _part(self, part: Trail, start: _Place | None) -> _Place | None:
        """Lay what lies between a fork and ``part``, as far as no other path has come this way."""
        new: list[Trail] = []
        place, trail = start, part
        while trail is not None and not trail.parts_end:
            known = self.laid.get((id(trail), id(start)))
            if known is not None:
                place = known
                break
            new.append(trail)
            trail = trail.before  # type: ignore[assignment]
        for trail in reversed(new):
            if trail.step is not None:
                place = self._step(trail.step, place)
                self.laid[id(trail), id(start)] = place
        return place

    def _step(self, step: Step, place: _Place | None) -> _Place:
        """Put a rule below the one that jumped to its chain."""
        here, before = f"{step.table} {step.chain}", place
        while place is not None and place.chain != here and not _jumps_to(place.last, step):
            place = place.caller
        if place is None:
            tree, caller, left = self.found.setdefault(here, {}), None, CERTAIN
        elif place.chain == here:
            tree, caller, left = place.tree, place.caller, place.left
        else:
            tree, caller, left = place.last.below, place, CERTAIN
        node = tree.setdefault((step.chain, step.number), Node(step, left=left))
        if step.taken:
            node.step = step  # some path may have passed the rule by before
        elif step.odds is not None and left.exp < _FOLLOWED:
            left = left * step.odds
        return _Place(here, tree, node, caller, before, left)


def _jumps_to(node: Node, step: Step) -> bool:
    """Tell whether a rule that was met jumps to the chain of ``step``."""
    met = node.step
    if met.rule is None or met.table != step.table or not met.taken:
        return False
    jump = met.rule.shape.jump
    return jump is not None and met.rule.values[jump] == step.chain
