"""What a path crosses: builtin chains and jumps, worked out once for steps that many paths share."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.effect import Redirect, Translate
from natc.netfilter.rule import Rule
from natc.trace.answer.outcome import Outcome
from natc.trace.state import Step, Trail
from natc.values import define, field, frozen


@frozen
class Crossing:
    """A jump from chain to chain, or the entrance to a builtin chain; chains are "table chain"."""

    band: int
    """The number of the builtin chain it lies in."""
    start: str
    """Empty at an entrance."""
    end: str


@define(eq=False)
class Crossings:
    """Finds the crossings of outcomes; ``bands`` are the builtin chains that are shown."""

    bands: Sequence[str]
    known: dict[tuple[int, tuple[Crossing, ...]], tuple[Crossing, ...]] = field(factory=dict)
    """What lies behind a part of a trail, by that part and what lay before its fork."""

    def of(self, outcome: Outcome) -> tuple[Crossing, ...]:
        """Return what the likeliest way to an outcome crosses, in order."""
        met: tuple[Crossing, ...] = ()
        for part in reversed(outcome.trail.parts(outcome.known)):
            met = self._behind(part, met)
        return met

    def _behind(self, part: Trail, before: tuple[Crossing, ...]) -> tuple[Crossing, ...]:
        met, new = before, []
        trail: Trail | None = part
        while trail is not None and not trail.parts_end:
            if (id(trail), before) in self.known:
                met = self.known[id(trail), before]
                break
            new.append(trail)
            trail = trail.before
        for trail in reversed(new):
            if trail.step is not None:
                met = self._after(trail.step, met)
            self.known[id(trail), before] = met
        return met

    def _after(self, step: Step, met: tuple[Crossing, ...]) -> tuple[Crossing, ...]:
        """Add what one step crosses."""
        here = f"{step.table} {step.chain}"
        if here in self.bands and not (met and self.bands[met[-1].band] == here):
            met = (*met, Crossing(self.bands.index(here), "", here))
        jump = step.rule.shape.jump if step.rule else None
        if met and step.taken and step.rule and jump is not None:
            crossing = Crossing(met[-1].band, here, f"{step.table} {step.rule.values[jump]}")
            if crossing not in met:
                met = (*met, crossing)
        return met


def translation(outcome: Outcome) -> Step | None:
    """Return the step that gave the packet its destination; None when it came with the connection."""
    for part in outcome.trail.parts(outcome.known):
        trail: Trail | None = part
        while trail is not None and not trail.parts_end:
            step = trail.step
            if step and step.taken and step.rule and _translates(step.rule):
                return step
            trail = trail.before
    return None


def _translates(rule: Rule) -> bool:
    target = None if rule.shape.jump is not None else rule.target
    effect = target.effect() if target is not None else None
    return isinstance(effect, Redirect) or (isinstance(effect, Translate) and effect.side != "src")
