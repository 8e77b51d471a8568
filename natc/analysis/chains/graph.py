"""A table's chains as a graph: what leads where, from which hooks, and what never comes back.

A chain that ends every packet of a protocol is worked out from its rules' words, as the chains of
endpoints do: ``-p tcp -m tcp -j DNAT`` ends all that is TCP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain

from natc.analysis.chains.odds import asks_nothing
from natc.analysis.chains.sheet import Line, Sheet, Values
from natc.analysis.chains.sheets import Sheets
from natc.netfilter.effect import Answer, Masquerade, Redirect, Translate, Verdict
from natc.netfilter.intervals import Intervals, number, numbers
from natc.netfilter.matches.recent import Recent
from natc.netfilter.matches.statistic import Statistic
from natc.netfilter.rule import Rule, Shape
from natc.values import define, field, frozen

ALL_PROTOCOLS = numbers(0, 255)
NO_PROTOCOL = Intervals()


@frozen
class Part:
    """What all rules of one shape have in common, as far as ending packets goes."""

    certain: bool
    """Whether they ask nothing but a protocol."""
    random: bool
    """Whether chance decides, or they count."""
    remembers: bool
    """Whether they ask or change a list of ``recent``: no other rule asks the same, so they shadow none."""
    ends: bool
    """Whether their target extension ends the walk through the table."""


@define(slots=False)
class ChainGraph:
    """The chains of one table."""

    sheets: Sheets
    leads: dict[str, tuple[str, ...]] = field(factory=dict)
    """Where each chain leads, in the order of its rules."""
    _parts: dict[Shape, Part] = field(factory=dict)
    _ended: dict[str, Intervals] = field(factory=dict)
    _telling: dict[Sheet, tuple[int, ...]] = field(factory=dict)
    """The words of a sheet that its chains' endings hang on."""
    _alike_ended: dict[object, Intervals] = field(factory=dict)
    """The protocols that chains on a sheet end, by what those of their jumps come to that tell."""

    @classmethod
    def of(cls, sheets: Sheets) -> ChainGraph:
        """Look at all chains of a table once."""
        graph = cls(sheets)
        for sheet in sheets.sheets:
            graph._lead(sheet)
        for name, rules in sheets.longer.items():
            jumps = [rule.values[rule.shape.jump] for rule in rules if rule.shape.jump is not None]
            graph.leads[name] = tuple([to for to in jumps if to in sheets.names])
        return graph

    def _lead(self, sheet: Sheet) -> None:
        """Note where the chains on a sheet lead."""
        jumps, chains = [line.jump for line in sheet.lines if line.jump is not None], self.sheets.names
        columns, verdicts = list[list[str]](), False
        for word in jumps:
            different = sheet.different(word)
            others = sum(1 for to in different if to not in chains)
            columns += [sheet.column(word)] if others < len(different) else []
            verdicts |= 0 < others < len(different)
        for name, there in zip(sheet.names, zip(*columns, strict=True), strict=True) if columns else ():
            self.leads[name] = tuple([to for to in there if to in chains]) if verdicts else there

    @cached_property
    def _reached(self) -> dict[str, set[str]]:
        """The chains that are reached from each builtin chain."""
        return {hook: self._reached_from(hook) for hook in self.sheets.table.policies}

    def _reached_from(self, hook: str) -> set[str]:
        seen, new = {hook}, {hook}
        while new:
            new = set(chain.from_iterable(filter(None, map(self.leads.get, new)))) - seen
            seen |= new
        return seen

    def hooks(self, name: str) -> frozenset[str]:
        """Return the builtin chains from which a chain is reached."""
        return frozenset(hook for hook, reached in self._reached.items() if name in reached)

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
        if rule.shape.goto or to not in self.sheets.names:
            return ALL_PROTOCOLS  # a verdict; RETURN and goto do not come back here either
        return self.ended(to)

    def ended(self, name: str) -> Intervals:
        """Return the protocols of which no packet comes back out of a chain."""
        if name not in self._ended:
            self._ended[name] = NO_PROTOCOL  # what a chain that reaches itself gets
            self._ended[name] = self._walked(name)
        return self._ended[name]

    def suspects(self) -> Iterator[str]:
        """Yield the chains of which a rule but the last lets none of the packets it takes go on.

        Only in these a rule may be shadowed.
        """
        yield from self.sheets.longer
        for sheet in self.sheets.sheets:
            deciding = [line for line in sheet.lines[:-1] if self._may_shadow(line, sheet.rows[0])]
            own = [line.jump for line in deciding if isinstance(line.jump, int)]
            keys = [*zip(*map(sheet.column, own), strict=True)] if own else [()] * len(sheet.rows)
            samples = dict(zip(keys, sheet.rows, strict=True))
            shadowing = {
                key for key, row in samples.items() if any(self.leaves(line.rule(row)) for line in deciding)
            }
            if shadowing:
                yield from [name for name, key in zip(sheet.names, keys, strict=True) if key in shadowing]

    def _may_shadow(self, line: Line, row: Values) -> bool:
        part = self.part(line.rule(row))
        return not part.random and not part.remembers

    def _walked(self, name: str) -> Intervals:
        written = self.sheets.written(name)
        if written is None:
            return self._ended_by(self.sheets.rules(name))
        sheet, row = written
        if sheet not in self._telling:
            self._telling[sheet] = self._words_that_tell(sheet)
        key = sheet, *[self._told(row[word]) for word in self._telling[sheet]]
        if key not in self._alike_ended:
            self._alike_ended[key] = self._ended_by(sheet.rules(row))
        return self._alike_ended[key]

    def _words_that_tell(self, sheet: Sheet) -> tuple[int, ...]:
        """Return those words that say where a chain's rules jump, if chance has no part in them."""
        certain = [line for line in sheet.lines if not self.part(line.rule(sheet.rows[0])).random]
        return tuple(line.jump for line in certain if isinstance(line.jump, int))

    def _told(self, to: str) -> object:
        """Return what a jump comes to: a verdict, or the protocols of which nothing comes back."""
        return self.ended(to) if to in self.sheets.names else to

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
        remembers=any(isinstance(match, Recent) for match in matches),
        ends=rule.shape.target is not None and _ends(rule),
    )


def _ends(rule: Rule) -> bool:
    target = rule.target
    effect = target.effect() if target is not None else None
    return isinstance(effect, Verdict | Translate | Masquerade | Redirect | Answer)
