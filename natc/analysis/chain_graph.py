"""A table's chains as a graph: what leads where, from which hooks, and what never comes back.

A chain that ends every packet of a protocol is worked out from its rules' words, as the chains of
endpoints do: ``-p tcp -m tcp -j DNAT`` ends all that is TCP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from natc.analysis.alike import Alike, Line
from natc.analysis.chain_forms import Values
from natc.analysis.chain_odds import asks_nothing
from natc.netfilter.effect import Answer, Masquerade, Redirect, Translate, Verdict
from natc.netfilter.intervals import Intervals, number, numbers
from natc.netfilter.matches.statistic import Statistic
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Chain, Table

ALL_PROTOCOLS = numbers(0, 255)
NO_PROTOCOL = Intervals()


@frozen
class Part:
    """What all rules of one shape have in common, as far as ending packets goes."""

    certain: bool
    """Whether they ask nothing but a protocol."""
    random: bool
    """Whether chance decides, or they count."""
    ends: bool
    """Whether their target extension ends the walk through the table."""


@define
class ChainGraph:
    """The chains of one table."""

    table: Table
    alike: Alike
    leads: dict[str, dict[str, None]] = field(factory=dict)
    """Where each chain leads, in the order of its rules."""
    _hooks: dict[str, frozenset[str]] | None = None
    _parts: dict[Shape, Part] = field(factory=dict)
    _ended: dict[str, Intervals] = field(factory=dict)
    _telling: dict[tuple[Line, ...], tuple[int | None, ...]] = field(factory=dict)
    _alike_ended: dict[object, Intervals] = field(factory=dict)
    """The protocols that chains written alike end, by what they jump to; their shapes say what they ask."""
    _deciding: dict[tuple[Line, ...], tuple[Line, ...]] = field(factory=dict)
    """Of chains written alike the rules, all but the last, that chance has no part in."""
    _shadowing: dict[tuple[tuple[Line, ...], tuple[str | None, ...]], bool] = field(factory=dict)
    """Whether one of these lets no packet go on, by what they jump to."""

    @classmethod
    def of(cls, table: Table) -> ChainGraph:
        """Look at all chains of a table once."""
        graph = cls(table, Alike(table))
        for name in table.chains:
            there = dict.fromkeys(to for to in graph.jumps(name) if to in table.chains)
            if there:
                graph.leads[name] = there
        return graph

    def jumps(self, name: str) -> list[str]:
        """Return what the rules of a chain jump to, chains and verdicts."""
        written = self.alike.written(name)
        if written is None:
            rules = self.table.chains[name].rules
            return [rule.values[rule.shape.jump] for rule in rules if rule.shape.jump is not None]
        lines, values = written
        return [to for line in lines if (to := line.jump(values)) is not None]

    @property
    def hooks(self) -> dict[str, frozenset[str]]:
        """The builtin chains from which each chain is reached; none for a chain that is not."""
        if self._hooks is None:
            found: dict[str, set[str]] = {}
            for name, chain in self.table.chains.items():
                if chain.policy:
                    self._reach(name, name, found)
            self._hooks = {name: frozenset(hooks) for name, hooks in found.items()}
        return self._hooks

    def _reach(self, start: str, hook: str, found: dict[str, set[str]]) -> None:
        waiting = [start]
        while waiting:
            name = waiting.pop()
            hooks = found.setdefault(name, set())
            if hook not in hooks:
                hooks.add(hook)
                waiting += self.leads.get(name, ())

    def part(self, rule: Rule) -> Part:
        """Return what the rule's shape says of it."""
        part = self._parts.get(rule.shape)
        if part is None:
            part = self._parts[rule.shape] = _part_of(rule)
        return part

    def leaves(self, rule: Rule) -> Intervals:
        """Return the protocols whose packets, once the rule takes them, are not seen by the next rule."""
        part, place = self.part(rule), rule.shape.jump
        if part.random:
            return NO_PROTOCOL
        if place is None:
            return ALL_PROTOCOLS if part.ends else NO_PROTOCOL
        to = rule.values[place]
        if rule.shape.goto or to not in self.table.chains:
            return ALL_PROTOCOLS  # a verdict; RETURN and goto do not come back here either
        return self.ended(to)

    def ended(self, name: str) -> Intervals:
        """Return the protocols of which no packet comes back out of a chain."""
        if name not in self._ended:
            self._ended[name] = NO_PROTOCOL  # what a chain that reaches itself gets
            self._ended[name] = self._walked(name)
        return self._ended[name]

    def may_shadow(self, chain: Chain) -> bool:
        """Tell whether any rule but the last lets none of the packets it takes go on."""
        written = self.alike.written(chain.name)
        if written is None:
            return True
        lines, values = written
        if lines not in self._deciding:
            parts = [(line, self.part(line.rule(values))) for line in lines[:-1]]
            self._deciding[lines] = tuple(line for line, part in parts if not part.random)
        deciding = self._deciding[lines]
        key = lines, tuple([line.jump(values) for line in deciding])
        if key not in self._shadowing:
            self._shadowing[key] = any(self.leaves(line.rule(values)) for line in deciding)
        return self._shadowing[key]

    def _walked(self, name: str) -> Intervals:
        written = self.alike.written(name)
        if written is None:
            return self._ended_by(self.table.chains[name].rules)
        lines, values = written
        if lines not in self._telling:
            self._telling[lines] = tuple(self._place_that_tells(line, values) for line in lines)
        key = lines, tuple([self._told(place, values) for place in self._telling[lines]])
        if key not in self._alike_ended:
            self._alike_ended[key] = self._ended_by(_rules(lines, values))
        return self._alike_ended[key]

    def _place_that_tells(self, line: Line, values: Values) -> int | None:
        """Return the place of what a rule jumps to, None where it makes no difference."""
        rule, jump = line.rule(values), line.shape.jump
        if jump is None or self.part(rule).random:
            return None
        start: int = line.literals.start
        return start + jump

    def _told(self, place: int | None, values: Values) -> object:
        """Return what a rule's jump comes to: a verdict, or the protocols of which nothing comes back."""
        if place is None:
            return None
        to = values[place]
        return self.ended(to) if to in self.table.chains else to

    def _ended_by(self, rules: Iterable[Rule]) -> Intervals:
        ended = NO_PROTOCOL
        for rule in rules:
            if self._comes_back(rule):
                return ended
            leaving = self.leaves(rule)
            if leaving and self.part(rule).certain:
                ended |= leaving & protocols(rule)
                if ended == ALL_PROTOCOLS:
                    return ended
        return ended

    def _comes_back(self, rule: Rule) -> bool:
        """Tell whether a rule takes packets back to the caller, past the rest of the chain."""
        place = rule.shape.jump
        return place is not None and (rule.shape.goto or rule.values[place] == "RETURN")


def _rules(lines: Iterable[Line], values: Values) -> Iterator[Rule]:
    return (line.rule(values) for line in lines)


def protocols(rule: Rule) -> Intervals:
    """Return the protocols that a rule's header lets through."""
    asked = rule.header.protocol
    if asked is None:
        return ALL_PROTOCOLS
    return ALL_PROTOCOLS - number(asked.value) if asked.inverted else number(asked.value)


def _part_of(rule: Rule) -> Part:
    matches = rule.matches
    header = {name for name, _ in rule.header.options if getattr(rule.header, name) is not None}
    random = any(isinstance(match, Statistic) for match in matches)
    return Part(
        certain=header <= {"protocol"} and not random and all(asks_nothing(match) for match in matches),
        random=random,
        ends=rule.shape.target is not None and _ends(rule),
    )


def _ends(rule: Rule) -> bool:
    target = rule.target
    effect = target.effect() if target is not None else None
    return isinstance(effect, Verdict | Translate | Masquerade | Redirect | Answer)
