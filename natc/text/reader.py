"""iptables-save text into a :class:`~natc.netfilter.ruleset.Ruleset`.

The idea: a dump of 175,000 rules is written in some twenty shapes. Lark parses the first line of a
shape; :mod:`natc.text.shapes` turns the result into a regular expression, and later lines of that
shape only pass through the expression. Whatever no known expression takes goes to Lark, and so do
all errors: Lark stays the judge of the syntax. The shape of a line is first guessed from the line
before, then looked for among the shapes with the same option words.

What a line means beyond its syntax (chains that exist, values in range) is checked once for every
distinct literal, by reading the extension it belongs to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field

from natc.collector import collector_paused
from natc.errors import DumpError
from natc.netfilter.extension import OptionError
from natc.netfilter.ruleset import Chain, Part, Rule, Ruleset
from natc.text import grammar
from natc.text.complaints import complaint
from natc.text.shapes import LineShape, ShapeError, shapes_of
from natc.text.source import Source
from natc.text.tables import Tables

if TYPE_CHECKING:
    from natc.text.grammar import Grammar

#: How many shapes are remembered as having followed a shape, the latest first.
_FOLLOWERS = 4
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_OPTION_WORDS = re.compile(r"(?:^|[ \t])(-[mp] \S+|--?[A-Za-z][\w-]*|!|[:*#])")
_ADDRESS = re.compile(r" (?:-[sd]|--to-destination|--to-source) ([0-9a-fA-F.:\[]+)")


def read(text: str, *, file: str = "<text>", family: int | None = None, noflush: bool = False) -> Ruleset:
    """Read a dump, or carry out a rules file as iptables-restore does on a node without rules.

    ``family`` is 4 or 6; by default it is told from the header line or the first IPv6 address. A
    table that comes twice loses what came first, unless ``noflush``.
    Raises :class:`~natc.errors.DumpError` for text that iptables-restore would refuse.
    """
    if family is None:
        family = family_of(text)
    source = Source(text, file)
    reader = _Reader(source, Tables(source, Ruleset(family=family, file=file), noflush), family)
    with collector_paused():
        return reader.ruleset()


def family_of(text: str) -> int:
    """Return 6 for an ip6tables dump, told from its header or its first address, else 4."""
    if "ip6tables-save" in text[:200]:
        return 6
    first = _ADDRESS.search(text)
    return 6 if first and ":" in first.group(1).split(".")[0] else 4


@define
class _Reader:
    source: Source
    tables: Tables
    family: int
    shapes: dict[tuple[str, ...], list[LineShape]] = field(factory=dict)
    """The shapes met so far, by their option words; the stricter before the general one."""
    parser: Grammar | None = None

    def ruleset(self) -> Ruleset:
        self._lines()
        self.tables.close()
        return self.tables.ruleset

    # ---- the fast path

    def _lines(self) -> None:
        """Walk the lines. A rule appended in the shape that was guessed stays in this loop."""
        shape = LineShape("empty", re.compile("").fullmatch)
        chains: dict[str, Chain] = {}
        rules, chain = list[Rule](), ""
        for number, line in enumerate(self.source.text.split("\n"), 1):
            followers = shape.followers
            if followers:
                shape = followers[0]
            found = shape.fullmatch(line)
            if found is None:
                shape, found = self._recognise(line, number, followers)
            values = found.groups()
            if shape.rule is None or shape.kind != "append":
                self._statement(shape, values, line, number)
                chains, chain = self.tables.table.chains if self.tables.table else {}, ""
                continue
            name = values[shape.rule.chain]
            if name != chain:
                rules, chain = (chains.get(name) or self.tables.chain(name, number)).rules, name
            if shape.unchecked:
                self._check(shape, values, line, number)
            rules.append(Rule(shape.rule, values, number))

    def _recognise(
        self, line: str, number: int, followers: list[LineShape]
    ) -> tuple[LineShape, re.Match[str]]:
        """Find the line's shape: among those that followed before, among those known, else by Lark."""
        for shape in followers:
            if found := shape.fullmatch(line):
                break
        else:
            shape, found = self._look_up(line, number)
        if shape in followers:
            followers.remove(shape)
        followers.insert(0, shape)
        del followers[_FOLLOWERS:]
        return shape, found

    def _look_up(self, line: str, number: int) -> tuple[LineShape, re.Match[str]]:
        key = tuple(_OPTION_WORDS.findall(_QUOTED.sub('""', line) if '"' in line else line))
        known = self.shapes.setdefault(key, [])
        for shape in known:
            if found := shape.fullmatch(line):
                return shape, found
        new = self._ask_lark(line, number)
        for shape in new:
            if found := shape.fullmatch(line):
                self._read_all(shape, found.groups(), line, number)
                known.extend(new)
                return shape, found
        raise AssertionError(f"a shape does not fit the line it was made from: {line!r}")

    def _ask_lark(self, line: str, number: int) -> list[LineShape]:
        from lark.exceptions import UnexpectedInput

        if self.parser is None:
            self.parser = grammar.build(grammar.blocks_named(self.source.text))
        try:
            return shapes_of(self.parser, self.parser.parse(line), line, self.family)
        except UnexpectedInput as error:
            raise complaint(error, self.parser, self.source.span(number)) from None
        except ShapeError as error:
            column = (error.token.start_pos or 0) + 1
            raise self.source.error(str(error), number, column, len(error.token)) from None

    # ---- what lines mean

    def _statement(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        """Carry out a line that does not append a rule, or that appends several."""
        if shape.kind == "chain":
            self.tables.declare(values, number)
        elif shape.rule is not None:
            self._rules(shape, values, line, number)
        elif shape.kind == "remark":
            self.tables.remarks.append(line)
        elif shape.kind == "table":
            self.tables.open(values[0], number)
        elif shape.kind == "commit":
            self._commit(number)
        elif shape.kind != "empty":
            getattr(self.tables, shape.kind)(values, number)

    def _commit(self, number: int) -> None:
        found = list(self.tables.commit(number))
        if found:
            raise min(found, key=lambda error: error.span.line if error.span else 0)

    def _rules(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        assert shape.rule is not None
        self.tables.chain(values[shape.rule.chain], number)
        self._check(shape, values, line, number)
        at = None if shape.insert_at is None else values[shape.insert_at]
        carry_out = getattr(self.tables, shape.kind)
        carry_out([Rule(shape.rule, values, number)], at, number)

    def _read_all(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        """Read every part of a new shape: options that are missing, doubled or at odds show here."""
        for part in shape.rule.parts() if shape.rule else ():
            self._read(shape, part, values, line, number)

    def _check(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        """Read the parts whose literals no expression vouches for, once for each combination."""
        for unchecked in shape.unchecked:
            key = unchecked.news(values)
            if key is not None:
                self._read(shape, unchecked.part, values, line, number)
                unchecked.seen.add(key)

    def _read(self, shape: LineShape, part: Part, values: tuple[str, ...], line: str, number: int) -> None:
        assert shape.rule is not None
        try:
            shape.rule.read(part, values)
        except OptionError as error:
            raise self._option_error(error, line, number) from None

    def _option_error(self, error: OptionError, line: str, number: int) -> DumpError:
        if error.use is None:
            return self.source.error(str(error), number, 1, len(line))
        words = [error.use.name, *error.use.words]
        column = line.find(" ".join(words)) + 1
        if column == 0:
            return self.source.error(str(error), number, 1, len(line))
        skip = len(words[0]) + 1 if len(words) > 1 else 0
        return self.source.error(str(error), number, column + skip, len(" ".join(words)) - skip)
