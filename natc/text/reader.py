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
from typing import TYPE_CHECKING, Any

from attrs import define, field

from natc.collector import collector_paused
from natc.errors import DumpError, Span
from natc.netfilter.extension import OptionError
from natc.netfilter.hooks import BUILTIN_CHAINS, VERDICTS
from natc.netfilter.ruleset import Chain, Part, Rule, Ruleset, Table
from natc.text import grammar
from natc.text.complaints import complaint
from natc.text.shapes import LineShape, ShapeError, shapes_of

if TYPE_CHECKING:
    from natc.text.grammar import Grammar

#: How many shapes are remembered as having followed a shape, the latest first.
_FOLLOWERS = 4
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_OPTION_WORDS = re.compile(r"(?:^|[ \t])(-[mp] \S+|--?[A-Za-z][\w-]*|!|[:*#])")
_ADDRESS = re.compile(r" (?:-[sd]|--to-destination|--to-source) ([0-9a-fA-F.:\[]+)")


def read(text: str, *, file: str = "<text>", family: int | None = None) -> Ruleset:
    """Read a dump.

    ``family`` is 4 or 6; by default it is told from the header line or the first IPv6 address.
    Raises :class:`~natc.errors.DumpError` for text that iptables-restore would refuse.
    """
    if family is None:
        family = family_of(text)
    reader = _Reader(text, file, family)
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
    text: str
    file: str
    family: int
    result: Ruleset = field(init=False)
    table: Table | None = None
    remarks: list[str] = field(factory=list)
    shapes: dict[tuple[str, ...], list[LineShape]] = field(factory=dict)
    """The shapes met so far, by their option words; the stricter before the general one."""
    parser: Grammar | None = None

    def ruleset(self) -> Ruleset:
        self.result = Ruleset(family=self.family, file=self.file)
        self._lines()
        if self.table is not None:
            raise self._error("the table is not closed", len(self.text.split("\n")), expected="COMMIT")
        if not self.result.tables:
            raise self._error("there is no table in this text", 1, expected="a line such as *filter")
        self.result.remarks = self.remarks
        return self.result

    # ---- the fast path

    def _lines(self) -> None:
        """Walk the lines. A rule appended in the shape that was guessed stays in this loop."""
        shape = LineShape("empty", re.compile("").fullmatch)
        chains: dict[str, Chain] = {}
        rules, chain = list[Rule](), ""
        for number, line in enumerate(self.text.split("\n"), 1):
            followers = shape.followers
            if followers:
                shape = followers[0]
            found = shape.fullmatch(line)
            if found is None:
                shape, found = self._recognise(line, number, followers)
            values = found.groups()
            if shape.rule is None or shape.kind != "append":
                self._statement(shape, values, line, number)
                chains, chain = self.table.chains if self.table else {}, ""
                continue
            name = values[shape.rule.chain]
            if name != chain:
                rules, chain = (chains.get(name) or self._chain(name, line, number)).rules, name
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
            self.parser = grammar.build(grammar.blocks_named(self.text))
        try:
            return shapes_of(self.parser, self.parser.parse(line), line, self.family)
        except UnexpectedInput as error:
            raise complaint(error, self.parser, self._span(number, line=line)) from None
        except ShapeError as error:
            column = (error.token.start_pos or 0) + 1
            raise self._error(str(error), number, column, len(error.token)) from None

    # ---- what lines mean

    def _statement(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        if shape.kind == "chain":
            self._declare(values, number)
        elif shape.kind == "table":
            self._open(values[0][1:], number)
        elif shape.kind == "commit":
            self._commit(number)
        elif shape.kind == "remark":
            self.remarks.append(line)
        elif shape.kind == "insert":
            self._insert(shape, values, line, number)

    def _open(self, name: str, number: int) -> None:
        if self.table is not None:
            raise self._error(
                f"table {name} begins before {self.table.name} is closed", number, expected="COMMIT"
            )
        if name not in BUILTIN_CHAINS:
            raise self._error(
                f"unknown table {name!r}", number, 2, len(name), expected=", ".join(BUILTIN_CHAINS)
            )
        self.table = self.result.tables.setdefault(name, Table(name, line=number))
        self.table.remarks.extend(self.remarks)
        self.remarks = []

    def _declare(self, values: tuple[str, ...], number: int) -> None:
        name, policy = values[0][1:], values[1]
        table = self._open_table(number)
        if name in BUILTIN_CHAINS[table.name]:
            if policy == "-":
                raise self._error(
                    f"{name} is a builtin chain and needs a policy", number, expected="ACCEPT or DROP"
                )
        elif policy != "-":
            raise self._error(
                f"{name} is not a builtin chain of {table.name}: it has no policy", number, expected="-"
            )
        counters = values[2] if len(values) > 2 else None
        table.chains[name] = Chain(name, None if policy == "-" else policy, counters, line=number)

    def _commit(self, number: int) -> None:
        table = self._open_table(number)
        for chain in table.chains.values():
            for rule in chain.rules:
                place = rule.shape.jump
                if place is not None and rule.values[place] not in table.chains:
                    self._check_verdict(rule, place)
        self.table = None

    def _check_verdict(self, rule: Rule, place: int) -> None:
        name = rule.values[place]
        if name in VERDICTS and not rule.shape.goto:
            return
        what = "chain" if rule.shape.goto else "chain, verdict or target"
        column = self._line(rule.line).rfind(f" {name}") + 2
        raise self._error(f"there is no {what} {name!r} in this table", rule.line, column, len(name))

    def _insert(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        assert shape.rule is not None
        chain = self._chain(values[shape.rule.chain], line, number)
        self._check(shape, values, line, number)
        at = 1 if shape.insert_at is None else int(values[shape.insert_at])
        if not 1 <= at <= len(chain.rules) + 1:
            raise self._error(f"{chain.name} has no place {at} for a rule", number, 1, len(line))
        chain.rules.insert(at - 1, Rule(shape.rule, values, number))

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
            return self._error(str(error), number, 1, len(line))
        words = [error.use.name, *error.use.words]
        column = line.find(" ".join(words)) + 1
        if column == 0:
            return self._error(str(error), number, 1, len(line))
        skip = len(words[0]) + 1 if len(words) > 1 else 0
        return self._error(str(error), number, column + skip, len(" ".join(words)) - skip)

    # ---- places

    def _open_table(self, number: int) -> Table:
        if self.table is None:
            raise self._error(
                "this line stands in no table", number, expected="a line such as *filter before it"
            )
        return self.table

    def _chain(self, name: str, line: str, number: int) -> Chain:
        table = self._open_table(number)
        if name not in table.chains:
            raise self._error(
                f"there is no chain {name!r} in table {table.name}", number, line.find(name) + 1, len(name)
            )
        return table.chains[name]

    def _line(self, number: int) -> str:
        return self.text.split("\n")[number - 1]

    def _span(self, number: int, column: int = 1, width: int = 1, *, line: str | None = None) -> Span:
        return Span(self.file, number, column, self._line(number) if line is None else line, width)

    def _error(self, message: str, number: int, column: int = 1, width: int = 1, **more: Any) -> DumpError:
        return DumpError(message, self._span(number, column, width), **more)
