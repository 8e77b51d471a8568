"""The chains of a large table by what is written alike in them: shapes and literals, read without the rules.

What a check asks of a rule mostly follows from its shape, and 61,000 chains are written in some ten forms
(:mod:`natc.analysis.chain_forms`). So a check looks at forms, and makes the rules of those chains only that
its answer hangs on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from attrs import define, field, frozen

from natc.analysis.chain_forms import ChainForms, Form, Values
from natc.analysis.chain_odds import ChainOdds
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Chain, Table


@frozen(eq=False)
class Line:
    """One rule of all chains of a form."""

    shape: Shape
    literals: slice
    """Where its literals stand among those of the chain."""

    def rule(self, values: Values) -> Rule:
        """Return the rule in a chain with these literals, but for its line number."""
        return Rule(self.shape, values[self.literals])

    def jump(self, values: Values) -> str | None:
        """Return what it jumps to in a chain with these literals, None for nothing."""
        place = self.shape.jump
        return None if place is None else values[self.literals.start + place]


Written = tuple[tuple[Line, ...], Values]
"""The rules of a chain by their form, and the literals in its text."""


@define(slots=False)
class Alike:
    """The chains of one table."""

    table: Table
    _forms: ChainForms = field(init=False)
    _lines: dict[Form, tuple[Line, ...]] = field(factory=dict)
    _written: dict[str, Written | None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._forms = ChainForms(ChainOdds(self.table), lambda shape: False)

    def written(self, name: str) -> Written | None:
        """Return what is written in a chain; None for a chain that is too long, or not there."""
        if name not in self._written:
            chain = self.table.chains.get(name)
            self._written[name] = None if chain is None else self._read(chain)
        return self._written[name]

    def _read(self, chain: Chain) -> Written | None:
        form, values = self._forms.read(chain)
        if form is None:
            return None
        if form not in self._lines:
            self._lines[form] = _lines_of(chain.rules)
        return self._lines[form], values

    @cached_property
    def _groups(self) -> tuple[dict[tuple[Line, ...], list[tuple[Chain, Values]]], list[Chain]]:
        """The chains by their lines, with their literals; and those that are too long."""
        groups: dict[tuple[Line, ...], list[tuple[Chain, Values]]] = {}
        longer: list[Chain] = []
        for chain in self.table.chains.values():
            written = self.written(chain.name)
            if written is None:
                longer.append(chain)
            else:
                groups.setdefault(written[0], []).append((chain, written[1]))
        return groups, longer

    def rules_that(self, may: Callable[[Shape], bool], do: Callable[[Rule], bool]) -> list[Rule]:
        """Return the rules that ``do`` something, in order; only those of shapes that ``may`` are asked.

        ``do`` may see a rule without its line number.
        """
        groups, longer = self._groups
        known: dict[Shape, bool] = {}
        found = [
            rule for chain in longer for rule in chain.rules if _known(known, rule.shape, may) and do(rule)
        ]
        for lines, chains in groups.items():
            asked = [(number, line) for number, line in enumerate(lines) if _known(known, line.shape, may)]
            for chain, values in chains if asked else ():
                found += [chain.rules[number] for number, line in asked if do(line.rule(values))]
        return sorted(found, key=lambda rule: rule.line)


def _known(known: dict[Shape, bool], shape: Shape, may: Callable[[Shape], bool]) -> bool:
    if shape not in known:
        known[shape] = may(shape)
    return known[shape]


def _lines_of(rules: list[Rule]) -> tuple[Line, ...]:
    lines, start = list[Line](), 0
    for rule in rules:
        lines.append(Line(rule.shape, slice(start, start + len(rule.values))))
        start += len(rule.values)
    return tuple(lines)
