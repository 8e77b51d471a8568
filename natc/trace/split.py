"""Splitting a state by an open value: the answers that conditions give."""

from __future__ import annotations

from typing import Any

from natc.netfilter.packet import YES, Domain, Open
from natc.probability import Odds
from natc.trace.state import State
from natc.values import value


@value
class Split:
    """One way a condition can come out: its truth, the state then, and the odds of a random choice."""

    truth: bool
    state: State
    odds: Odds | None = None


Answer = bool | list[Split]


def split(state: State, value: Open, allowed: Domain) -> Answer:
    """Split a state by whether an open value lies in ``allowed``."""
    domain = state.facts.domain(value)
    assert domain is not None
    inside: Any = domain & allowed  # type: ignore[operator]  # a value's domains are of one type
    if not inside:
        return False
    outside = domain - allowed  # type: ignore[operator]
    if not outside:
        return True
    return [Split(True, state.narrowed(value, inside)), Split(False, state.narrowed(value, outside))]


def question(state: State, value: Open) -> Answer:
    """Split a state by the answer to a yes-or-no question."""
    return split(state, value, YES)
