"""How likely the likeliest way through the rest of a table can be: what a search for it may hope for.

Of 64 coin flips in a row every branch is as likely as every other, and all that has been decided by the
first flips is likelier than any of them. A search that goes on with what is likeliest so far would look
at all beginnings before it came to an end. So what is still to come is counted in, from above: only
rules that ask nothing but chance make a way less likely, conditions turn out as is best.
"""

from __future__ import annotations

from collections.abc import Callable

from natc.netfilter.condition import All, Chance, Condition, Not
from natc.netfilter.effect import Change, Effect, ExchangeMarks, Nothing, Remember, SetMark, Track
from natc.netfilter.hooks import SEQUENCES
from natc.netfilter.rule import Jump
from natc.probability import CERTAIN, DRAW_ONE, NEVER, Odds, drawn
from natc.trace.chain.program import Action, Program, ReadyChain
from natc.trace.state import State
from natc.trace.way import Way
from natc.values import define, field

#: Chains without chance that are longer than this may do anything, for all that is looked at.
_SHORT = 16
#: How many calls deep chains are looked at; beyond it anything may happen, which is a bound, too.
_DEEPEST = 64
_GOES_ON = (Nothing, SetMark, ExchangeMarks, Track, Remember, Change)

#: The odds to come out at the end of a chain, and to end the walk inside it.
Bound = tuple[Odds, Odds]
_ANYTHING: Bound = (CERTAIN, CERTAIN)
_ENDS: Bound = (NEVER, CERTAIN)
_COMES_OUT: Bound = (CERTAIN, NEVER)


@define(eq=False)
class Bounds:
    """Upper bounds of the odds of single ways, by table, chain and rule."""

    program: Program
    _chains: dict[tuple[str, str], list[Bound] | None] = field(factory=dict)
    """For each place in a chain; None for a chain that may do anything."""
    _depth: int = 0

    def of(self, state: State, table: str) -> Odds:
        """Return a bound of the odds that any one way out of the table has from here."""
        best = CERTAIN
        for depth, frame in enumerate(state.frames, 1):
            if frame.left:
                continue
            out, ended = self._at(table, frame.chain, frame.index + (depth < len(state.frames)))
            best = max(ended, out * best)
        return best

    def _at(self, table: str, chain: str, place: int) -> Bound:
        key = (table, chain)
        if key not in self._chains:
            if self._depth == _DEEPEST:
                return _ANYTHING
            self._chains[key] = None  # what a chain that reaches itself gets
            self._depth += 1
            self._chains[key] = self._worked_out(table, self.program.chain(table, chain))
            self._depth -= 1
        bounds = self._chains[key]
        return _ANYTHING if bounds is None else bounds[min(place, len(bounds) - 1)]

    def _worked_out(self, table: str, chain: ReadyChain | None) -> list[Bound] | None:
        if chain is None or (len(chain.rules) > _SHORT and not _draws(chain)):
            return None
        bounds = [_COMES_OUT]
        for place in reversed(range(len(chain.rules))):
            ready, behind = chain.rule(place), bounds[-1]
            yes, no = _truth(ready.condition)
            out, ended = self._taken(table, ready.action, behind)
            bounds.append((max(yes * out, no * behind[0]), max(yes * ended, no * behind[1])))
        return bounds[::-1]

    def _taken(self, table: str, action: Action, behind: Bound) -> Bound:
        """Return the bound of a rule that matches; ``behind`` is that of the next rule."""
        if action is None or isinstance(action, _GOES_ON):
            return behind
        if isinstance(action, Effect):
            return _ENDS
        if self.program.chain(table, action.chain) is None:
            return _COMES_OUT if action.chain == "RETURN" else _ENDS
        return self._called(table, action, behind)

    def _called(self, table: str, jump: Jump, behind: Bound) -> Bound:
        out, ended = self._at(table, jump.chain, 0)
        if jump.goto:
            return out, ended
        return out * behind[0], max(ended, out * behind[1])


def bound_of(way: Way) -> Callable[[State], Odds]:
    """Return what tells how likely the rest of a way can be at most, as far as the table it is in tells."""
    bounds, sequences = Bounds(way.chains.program), SEQUENCES[way.backend]

    def bound(state: State) -> Odds:
        return bounds.of(state, sequences[state.hook][state.table]) if state.frames else CERTAIN

    return bound


def _draws(chain: ReadyChain) -> bool:
    return any(part.kind.name == "statistic" for rule in chain.rules for part in rule.shape.matches)


def _truth(condition: Condition) -> Bound:
    """Return bounds of the odds that a condition holds, and that it does not."""
    if isinstance(condition, Chance):
        return drawn(condition.part), drawn(DRAW_ONE - condition.part)
    if isinstance(condition, Not):
        return _truth(condition.body)[::-1]
    if isinstance(condition, All):
        holds = CERTAIN
        for part in condition.parts:
            holds *= _truth(part)[0]
        return holds, CERTAIN if condition.parts else NEVER
    return _ANYTHING
