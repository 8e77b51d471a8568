"""How many rules a packet is compared with in a chain: the least and the most, for every way it may go.

A chain is walked for a packet whose destination is known, and nothing else of it (:mod:`.truths`). Rules
that ask for another destination are counted without being looked at, by the index that the trace uses too.
Chains that ask nothing of the destination cost every packet of a protocol the same. Of chains on one sheet
(:mod:`natc.analysis.chains.sheets`) those are walked once whose rules say the same and lead to chains that
cost the same: endpoints are numbered, and each chain has its own beside that.

Measured on 11,000 destinations and 61,000 chains, CPU: 0.6 s; chain by chain 1.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

from natc.analysis.chains.odds import literal
from natc.analysis.chains.sheet import Line, Sheet, Values, Word
from natc.analysis.chains.sheets import Sheets
from natc.analysis.cost.truths import LOOK, Arrival, Plan, Truth, Truths
from natc.analysis.cost.ways import ACCEPTED, ENDED, PASSED, SENT, Walk, Ways
from natc.netfilter.effect import Answer, Masquerade, Redirect, Translate, Verdict
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.targets.dnat import Dnat
from natc.trace.chain.index import ChainIndex, index_of
from natc.values import define, field, frozen

#: Endpoints by their numbers.
Places = tuple[str, ...]


Walked = tuple[Ways, Places]
_NOWHERE: Places = ()


@frozen(eq=False)
class _Step:
    """One rule of all chains on a sheet."""

    line: Line
    plan: Plan
    jump: Word | None
    """The chain or verdict it jumps to."""
    does: Ways
    """What its target does with a packet, without a jump."""
    endpoint: Word | None
    """Where it sends packets."""


@frozen(eq=False)
class _Steps:
    """The rules of a sheet."""

    steps: tuple[_Step, ...]
    looks: bool
    """Whether any asks for something of the destination."""
    jumps: tuple[Word, ...]
    alone: bool
    """Whether all chains on the sheet cost a packet of one protocol the same, and lead to no endpoints."""


@define
class Walker:
    """Walks one table's chains."""

    sheets: Sheets
    _truths: Truths = field(factory=Truths)
    _does: dict[Shape, tuple[Ways, int | None]] = field(factory=dict)
    """What targets of a shape do, and the place of where they send packets."""
    _steps: dict[Sheet, _Steps] = field(factory=dict)
    _free: dict[str, bool] = field(factory=dict)
    """Which chains ask nothing of the destination, nor do those they lead to."""
    _known: dict[int, dict[str, Walked]] = field(factory=dict)
    """What becomes of every packet of a protocol in such a chain."""
    _alike: dict[object, Ways] = field(factory=dict)
    """What becomes of packets in chains on a sheet, by what their rules say and lead to."""
    _longer: dict[str, tuple[Sequence[Rule], ChainIndex | None]] = field(factory=dict)

    def ways(self, name: str, arrival: Arrival) -> Walked:
        """Return what may become of a packet that enters a chain, and the endpoints by number."""
        known = self._known.setdefault(arrival.proto, {})
        if name in known:
            return known[name]
        if not self._is_free(name):
            return self._walked(name, arrival)
        written = self.sheets.written(name)
        if written is not None and self._steps_of(written[0]).alone:
            known.update(self._all_on_sheet(*written, arrival))
        else:
            known[name] = self._walked(name, arrival)
            known[name][0].kept = True
        return known[name]

    def _is_free(self, name: str) -> bool:
        if name not in self._free:
            self._free[name] = False  # what a chain that reaches itself gets
            written = self.sheets.written(name)
            if written is None:
                self._free[name] = all(map(self._asks_nothing, self.sheets.rules(name)))
            else:
                steps = self._steps_of(written[0])
                jumps = [_said(word, written[1]) for word in steps.jumps]
                self._free[name] = not steps.looks and all(map(self._is_free, jumps))
        return self._free[name]

    def _asks_nothing(self, rule: Rule) -> bool:
        place = rule.shape.jump
        if self._truths.plan(rule) is LOOK:
            return False
        return place is None or self._is_free(rule.values[place])

    def _walked(self, name: str, arrival: Arrival) -> Walked:
        written = self.sheets.written(name)
        return self._in_longer(name, arrival) if written is None else self._on_sheet(*written, arrival)

    def _in_longer(self, name: str, arrival: Arrival) -> Walked:
        """Go through a chain rule by rule, with the index that the trace uses too."""
        if name not in self._longer:
            made = self.sheets.rules(name)
            self._longer[name] = made, index_of(made)
        rules, index = self._longer[name]
        walk, place, places = Walk(), 0, list[str]()
        while walk.here is not None and place < len(rules):
            following = place if index is None else min(index.following(place, arrival.packet), len(rules))
            walk.pass_by(following - place)
            if following < len(rules):
                rule = rules[following]
                truth = self._truths.of(rule, arrival)
                effect, own = (PASSED, ()) if truth is False else self._effect(rule, arrival)
                walk.meet(truth, effect, len(places), _goes_back(rule.shape, rule.jump))
                places += own
            place = following + 1
        return walk.ways(), tuple(places)

    def _effect(self, rule: Rule, arrival: Arrival) -> Walked:
        """Return what a rule does with a packet that it takes."""
        jump = rule.jump
        if jump is not None:
            return self._jumped(jump, arrival)
        does, endpoint = self._target(rule)
        return does, () if endpoint is None else (rule.values[endpoint],)

    def _jumped(self, to: str, arrival: Arrival) -> Walked:
        known = self._known[arrival.proto].get(to)
        if known is not None or to in self.sheets.names:
            return known or self.ways(to, arrival)
        return (PASSED if to == "RETURN" else ACCEPTED if to == "ACCEPT" else ENDED), ()

    def _target(self, rule: Rule) -> tuple[Ways, int | None]:
        """Return what a rule without a jump does, and the place of where it sends packets."""
        shape = rule.shape
        if shape not in self._does:
            place = literal(shape, Dnat, "--to-destination")
            self._does[shape] = (_does(rule), None) if place is None else (SENT, place)
        return self._does[shape]

    # ---- chains on sheets

    def _on_sheet(self, sheet: Sheet, row: Values, arrival: Arrival) -> Walked:
        """Return what becomes of a packet in a chain, worked out once for those that are alike in it."""
        steps, known = self._steps_of(sheet).steps, self._known.setdefault(arrival.proto, {})
        truths, effects, places, firsts = list[Truth](), list[Ways](), list[str](), list[int]()
        for step in steps:
            truth = self._truth(step, row, arrival)
            if truth is False:
                effect, own = PASSED, _NOWHERE
            else:
                found = known.get(row[step.jump]) if isinstance(step.jump, int) else None
                effect, own = found or self._step_effect(step, row, arrival)
            truths.append(truth)
            effects.append(effect)
            firsts.append(len(places))
            places += own
        key = sheet, *truths, *effects
        ways = self._alike.get(key)
        if ways is None:
            walk = Walk()
            for step, truth, effect, first in zip(steps, truths, effects, firsts, strict=True):
                jump = None if step.jump is None else _said(step.jump, row)
                walk.meet(truth, effect, first, _goes_back(step.line.shape, jump))
            ways = walk.ways()
            ways.kept = all(effect.kept for effect in effects)
            if ways.kept:
                self._alike[key] = ways
        return ways, tuple(places)

    def _all_on_sheet(self, sheet: Sheet, row: Values, arrival: Arrival) -> Iterable[tuple[str, Walked]]:
        """Return what becomes of a packet in every chain on a sheet: the endpoints are all that differs."""
        met = [step for step in self._steps_of(sheet).steps if self._truth(step, row, arrival) is not False]
        endpoints = [sheet.column(step.endpoint) for step in met if step.endpoint is not None]
        places: Iterable[Places] = zip(*endpoints, strict=True) if endpoints else repeat(())
        return zip(sheet.names, zip(repeat(self._on_sheet(sheet, row, arrival)[0]), places), strict=False)

    def _truth(self, step: _Step, row: Values, arrival: Arrival) -> Truth:
        plan = step.plan
        if plan is LOOK:
            return self._truths.of(step.line.rule(row), arrival)
        return plan.truth if plan.protocol is None else arrival.packet.proto in plan.protocol

    def _step_effect(self, step: _Step, row: Values, arrival: Arrival) -> Walked:
        if step.jump is not None:
            return self._jumped(_said(step.jump, row), arrival)
        return step.does, () if step.endpoint is None else (_said(step.endpoint, row),)

    def _steps_of(self, sheet: Sheet) -> _Steps:
        """Return the rules of a sheet."""
        found = self._steps.get(sheet)
        if found is None:
            steps = tuple([self._step(line, line.rule(sheet.rows[0])) for line in sheet.lines])
            looks = any(step.plan is LOOK for step in steps)
            jumps = tuple([step.jump for step in steps if step.jump is not None])
            alone = not looks and all(isinstance(jump, str) and self._sends_nowhere(jump) for jump in jumps)
            found = self._steps[sheet] = _Steps(steps, looks, jumps, alone)
        return found

    def _sends_nowhere(self, jump: str) -> bool:
        """Tell whether a chain costs all packets of a protocol the same and sends none to an endpoint."""
        written = self.sheets.written(jump)
        if written is None:
            return jump not in self.sheets.names
        steps = self._steps_of(written[0])
        return steps.alone and not any(step.endpoint is not None for step in steps.steps)

    def _step(self, line: Line, rule: Rule) -> _Step:
        if line.jump is not None:
            return _Step(line, self._truths.plan(rule), line.jump, PASSED, None)
        does, place = self._target(rule)
        return _Step(line, self._truths.plan(rule), None, does, None if place is None else line.words[place])


def _said(word: Word, row: Values) -> str:
    return word if isinstance(word, str) else row[word]


def _goes_back(shape: Shape, jump: str | None) -> bool:
    return shape.goto or jump == "RETURN"


def _does(rule: Rule) -> Ways:
    """Return what the target extension of a rule does with a packet."""
    effect = rule.target.effect() if rule.target else None
    if isinstance(effect, Verdict | Answer):
        return ACCEPTED if isinstance(effect, Verdict) and effect.word == "ACCEPT" else ENDED
    return ACCEPTED if isinstance(effect, Translate | Masquerade | Redirect) else PASSED
