"""iptables-save text into a :class:`~natc.netfilter.ruleset.Ruleset`.

The idea: a dump of 175,000 rules is written in some twenty shapes. Lark parses the first line of a shape;
:mod:`natc.text.shapes.line_shape` turns the result into a regular expression, and later lines of that shape
only pass through the expression. Whatever no known expression takes goes to Lark, and so do all errors: Lark
stays the judge of the syntax (:mod:`natc.text.judge`). The shape of a line is first guessed from the line
before, then looked for among the shapes with the same option words (:mod:`natc.text.shapes.known`). Shapes
that turn out to be common are put into one expression that takes line after line
(:mod:`natc.text.shapes.runs`), and what was read stays text until somebody asks for it
(:mod:`natc.text.folded`).

What a line means beyond its syntax is checked by :mod:`natc.text.literals` (values in range) and
:mod:`natc.text.tables` (chains that exist); lines that only people write are carried out by
:mod:`natc.text.orders`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from natc.collector import collector_paused
from natc.errors import DumpError
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.opaque import OPAQUE_TARGETS, Opaque
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Ruleset
from natc.text.dumps import SAVED, Dump, dumps_in
from natc.text.folded import end_of_lines
from natc.text.literals import Literals
from natc.text.shapes.known import KnownShapes, option_words
from natc.text.shapes.line_shape import LineShape, line_shapes
from natc.text.shapes.recognise import Found
from natc.text.shapes.runs import Runs
from natc.text.source import BYTE_ORDER_MARK, Source
from natc.text.tables import LONGEST_CHAIN_NAME, Tables
from natc.values import define, evolve, field

if TYPE_CHECKING:
    from natc.text.good_dumps import Proof
    from natc.text.judge import Judge
    from natc.text.revised import Seen
    from natc.text.shapes.cache import Kept

#: Names are read by extension first; a chain may have taken the name of an opaque one.
_USUAL = Opaque()
#: Texts shorter than this are read in no time, so it is not kept that they are good.
LARGE = 1 << 20
#: How many lines of a text that names no table are looked at to tell which it is.
_FIRST_LINES = 1000
#: How many shapes are remembered as having followed a shape, the latest first.
_FOLLOWERS = 4
#: What may be a rule or another order, and so may be respelled.
_RULE = re.compile(r'[ \t]*["\[-]')
#: Lines that declare chains of one's own: of plain name, without a policy, with counters. Measured on 61,000
#: lines, CPU: 6 ms, the grammar's own expression behind a look-ahead for the name 16.
_OWN_CHAINS = re.compile(
    rf"(?::(?!(?:{'|'.join(sorted(VERDICTS))}) )[!-~]{{1,{LONGEST_CHAIN_NAME}}}+ - \[[0-9]++:[0-9]++\]\n)++"
)


def read(  # noqa: PLR0913 - all but the text are rarely given
    text: str,
    *,
    file: str = "<text>",
    family: int | None = None,
    noflush: bool = False,
    problems: list[DumpError] | None = None,
    cache: Kept | None = None,
    table: str | None = None,
    missing: list[str] | None = None,
    parts: list[str] | None = None,
    lazy: bool = False,
    seen: Seen | None = None,
) -> Ruleset:
    """Read a dump, or carry out a rules file as iptables-restore does on a node without rules.

    ``family`` is 4 or 6; by default it is told from the header line or the first IPv6 address. A
    table that comes twice loses what came first, unless ``noflush``. Of a text that holds dumps of both
    families that family's tables are returned, with every dump in ``dumps``. With a list of ``problems`` the
    reader does not stop at a bad line: it adds its error to the list, keeps a rule it could not read in
    its place as an open question, keeps other lines as comments, and takes carriage returns and a byte
    order mark off.
    With a ``cache`` the shapes of lines are taken from it, and what Lark adds is kept there; a large text
    that it knows to be good is not proved again.
    ``table`` is the one that lines before any ``*TABLE`` belong to, as ``iptables -S`` shows them. With a
    list of ``missing`` COMMIT may be missing, and chains that rules lead to, whose names go to the list.
    With a list of ``parts`` a table may be what ``iptables-restore --noflush`` adds to one
    (:meth:`natc.text.tables.Tables.is_part`): the chains that it uses and another text makes go there.
    With ``lazy`` the rules of a chain are read, and their errors raised, when the chain is asked for;
    rules and chains that nobody asks for are not looked at.
    Two dumps that are read with the same ``seen``, one after the other, may be much alike: then of the second
    only the lines that the first does not have are looked at with care.
    Raises :class:`~natc.errors.DumpError` for text that iptables-restore would refuse.
    """
    if problems is not None:
        text = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")
        from natc.text.tidy import table_of

        table = table or table_of(text.split("\n", _FIRST_LINES))
    dumps = dumps_in(text)
    if len(dumps) == 1 and family:
        dumps = [evolve(dumps[0], family=family)]
    strict = not (lazy or noflush or problems is not None or missing is not None)
    usual = strict and not (family or table)
    proof = _proof_of(text, cache) if usual else None
    given = proof is not None and proof.given
    vouched = seen is not None and usual and not given and seen.vouches_for(dumps)
    tables = partial(
        Tables, keep=noflush, unnamed=table, missing=missing, parts=parts, seen=seen,
        proved=given or vouched, together=given,
    )  # fmt: skip
    reader = partial(_Reader, cache=cache, problems=problems)
    try:
        with collector_paused(len(text)):
            readers = [_reader_of(dump, file, tables, reader, lazy) for dump in dumps]
            dumped = [each.ruleset() for each in readers]
    except DumpError as error:
        from natc.text.foreign import foreign

        raise foreign(text, file) or error from None
    if cache:
        cache.save()
    good = all(each.tables.usual for each in readers)
    if proof and good and not vouched:
        proof.note()
    if seen:
        seen.note(dumps, usual=good and strict)
    return dumped[0] if len(dumped) == 1 else Ruleset.joined(dumped, family or dumped[0].family)


def _proof_of(text: str, cache: Kept | None) -> Proof | None:
    """Look up whether a text is known to be good; one that is not large is proved each time."""
    dumps = cache.dumps if cache and len(text) >= LARGE else None
    if dumps is None:
        return None
    from natc.text.good_dumps import Proof

    return Proof.of(text, dumps)


def _reader_of(
    dump: Dump, file: str, tables: partial[Tables], reader: partial[_Reader], lazy: bool
) -> _Reader:
    source = Source(dump.text, file, dump.first)
    saved = SAVED.search(dump.text) is not None
    ruleset = Ruleset(family=dump.family, file=file, saved=saved, lazy=lazy)
    return reader(source, tables(source, ruleset), dump.family, number=dump.first - 1)


@define
class _Reader:
    source: Source
    tables: Tables
    family: int
    literals: Literals = field(init=False)
    _judge: Judge | None = None
    known: KnownShapes = field(init=False)
    odd: set[tuple[str, ...]] = field(factory=set)
    """The option words of lines that have to be respelled."""
    before_chains: LineShape = field(factory=lambda: LineShape("empty"))
    """Stands before the first line of each chain when rules are made: what followed it lately is guessed."""
    cache: Kept | None = None
    runs: Runs = field(factory=Runs)
    position: int = 0
    number: int = 0
    """The number of the line before ``position``, from 1."""
    no_run_before: int = 0
    """Up to where lines are read one by one, since something is wrong with one of them."""
    problems: list[DumpError] | None = None
    """Where the errors of bad lines go when the reader is to read on; None when the first one ends it."""

    def __attrs_post_init__(self) -> None:
        self.literals = Literals(self.source)
        self.known = KnownShapes(self.family, self.cache)

    @property
    def judge(self) -> Judge:
        """Lark's part: most texts never ask."""
        if self._judge is None:
            from natc.text.judge import Judge

            self._judge = Judge(self.source, self.family)
        return self._judge

    def ruleset(self) -> Ruleset:
        while True:
            try:
                self._walk()
                break
            except DumpError as error:
                if self.problems is None:
                    raise min([*self.tables.faults_so_far(), error], key=_line_of) from None
                self._add_problem(error)
                self.tables.keep_unread(_line_of(error))
        if self.tables.remarks[-1:] == [""]:  # what follows the last newline is no line
            self.tables.remarks.pop()
        self._close()
        return self._let_go()

    def _add_problem(self, error: DumpError) -> None:
        """Keep an error without the frames it came through: they hold this reader, and Lark's."""
        assert self.problems is not None
        error.__traceback__ = error.__context__ = None
        self.problems.append(error)

    def _let_go(self) -> Ruleset:
        """Return what was read; its chains keep this reader, so this reader must not keep them.

        Else nothing that was read would be freed before the garbage collector looked at everything.
        """
        tables, ruleset = self.tables, self.tables.ruleset
        kept = Ruleset(
            family=self.family, saved=ruleset.saved, lazy=ruleset.lazy, respelled=ruleset.respelled
        )
        self.tables = Tables(
            self.source, kept, taken=tables.taken, usual=tables.usual, proved=tables.proved
        )  # fmt: skip
        return ruleset

    def _close(self) -> None:
        try:
            self.tables.close()
        except DumpError as error:
            if self.problems is None or not self.tables.ruleset.tables:
                raise
            self._add_problem(error)

    # ---- the fast path

    def _walk(self) -> None:
        """Walk the text: in runs of lines as long as one expression takes them, else line by line."""
        text, shape = self.source.text, LineShape("empty")
        while self.position <= len(text):
            if self.tables.table and (behind := self._end_of_run(text)) > self.position:
                self._run(behind)
                continue
            end = text.find("\n", self.position)
            line = text[self.position : end] if end >= 0 else text[self.position :]
            self.number += 1
            self.position += len(line) + 1
            shape = self._line(line, self.number, shape)

    def _end_of_run(self, text: str) -> int:
        """Return where the lines from here on end that can be taken at once."""
        if self.tables.unseen:
            return end_of_lines(text, self.position)
        match = self.runs.match if self.position >= self.no_run_before else None
        found = match(text, self.position) if match else None
        return found.end() if found else self.position

    def _run(self, end: int) -> None:
        """Take the lines from here to ``end``, all of them known to be good rules."""
        start = self.position
        self.tables.note(self.number + 1)
        taken = self.tables.append_lines(self, start, end)
        if taken < end:
            self.no_run_before = end
        self.source.know(start, self.number + 1)
        self.number = self.source.number_at(taken) - 1
        self.position = taken

    def _line(self, line: str, number: int, before: LineShape) -> LineShape:
        """Carry out a line; return its shape. ``before`` is the shape of the line before."""
        followers = before.followers
        shape = followers[0] if followers else before
        found = shape.fullmatch(line)
        if found is None:
            shape, found = self._recognise(line, number, followers)
        values = found.groups()
        if shape.rule is None or shape.kind != "append":
            self._statement(shape, values, line, number)
            return shape
        self._append(shape, shape.rule, values, line)
        return shape

    def _append(self, shape: LineShape, rule: Shape, values: tuple[str, ...], line: str) -> None:
        """Append the rule of the line before ``position``, if all that it says is good."""
        number = self.number
        if values[rule.chain] not in self.tables.names:
            self.tables.chain(values[rule.chain], number)
        self.tables.note(number)
        several = self.literals.check(shape, values, line, number) if shape.unchecked else None
        if several:
            self.tables.ruleset.respelled.pop(number, None)
        unended = self.position > len(self.source.text)  # the last line of a text without a final newline
        if several or unended or number in self.tables.ruleset.respelled or not shape.may_wait:
            self.tables.append([Rule(rule, each, number) for each in several or [values]], number)
            return
        self.tables.append_line(self, self.position - len(line) - 1, self.position, rule, values)
        if shape.wording:
            self.runs.note(shape.wording, values)

    @property
    def text(self) -> str:
        """The text that is read."""
        return self.source.text

    def number_at(self, place: int) -> int:
        """Return the number of the line that begins at a place of the text."""
        return self.source.number_at(place)

    def rules(self, start: int, end: int) -> list[Rule]:
        """Make the rules between two places of the text, lines that a run has taken."""
        return self.rules_of(self.source.text[start : end - 1].split("\n"), self.source.number_at(start))

    def rules_of(self, lines: Sequence[str], number: int) -> list[Rule]:
        """Make the rules of lines that a run has taken; ``number`` is that of the first."""
        out, shape = list[Rule](), self.before_chains
        for line in lines:
            followers = shape.followers
            shape = followers[0] if followers else shape
            found = shape.fullmatch(line)
            if found is None:
                shape, found = self._recognise(line, number, followers)
            assert shape.rule is not None
            values = found.groups()
            several = self.literals.check(shape, values, line, number) if self.tables.ruleset.lazy else None
            out += [Rule(shape.rule, each, number) for each in several or [values]]
            number += 1
        return out

    @property
    def option_words(self) -> frozenset[str] | None:
        """The words of all lines that name options or matches; None when not all lines were looked at."""
        return None if self.tables.unseen else self.known.words

    def no_chain(self, name: str, place: int) -> DumpError:
        """Return the error of a line, beginning at ``place``, whose chain does not exist."""
        message = f"there is no chain {name!r} in this table"
        return self.source.error_at(message, self.source.number_at(place), name)

    def _recognise(self, line: str, number: int, followers: list[LineShape]) -> tuple[LineShape, Found]:
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

    def _look_up(self, line: str, number: int) -> tuple[LineShape, Found]:
        """Find the line's shape among those with the same option words, else ask Lark."""
        key = option_words(line)
        if key in self.odd and (found := self._respelled(line, number)):
            return found
        for shape in self.known.with_words(key, kept=self._opaque() is _USUAL):
            if match := shape.fullmatch(line):
                return shape, match
        try:
            made = self.judge.blueprint(line, number, self._opaque_in(line))
        except DumpError:
            found = self._respelled(line, number)
            if found is None:
                raise
            self.odd.add(key)
            return found
        new = line_shapes(made)
        for shape in new:
            if match := shape.fullmatch(line):
                self.literals.read_all(shape, match.groups(), line, number)
                self.known.add(key, new, made if self._opaque_in(line) == _USUAL else None)
                return shape, match
        raise AssertionError(f"a shape does not fit the line it was made from: {line!r}")

    def _respelled(self, line: str, number: int) -> tuple[LineShape, Found] | None:
        """Find the shape of a rule whose spelling the grammar does not know; None if that fails too."""
        better = self.judge.respelled(line) if _RULE.match(line) else line
        if better == line:
            return None
        from natc.text.complaints import SYNTAX

        try:
            found = self._look_up(better, number)
            self.tables.ruleset.respelled[number] = line
            return found
        except DumpError as error:
            if error.message.startswith(SYNTAX):
                return None  # what Lark said of the line as it was written is closer to it
            raise self.source.error(error.message, number, 1, len(line), expected=error.expected) from None

    def _opaque(self) -> Opaque:
        """Return the extensions read by name only: not those whose name a chain has taken."""
        chains = self.tables.names if self.tables.table else self.tables.taken
        if self.problems is None and chains.isdisjoint(OPAQUE_TARGETS):
            return _USUAL
        return Opaque(
            targets=frozenset(name for name in OPAQUE_TARGETS if name not in chains),
            any_match=self.problems is not None,
        )

    def _opaque_in(self, line: str) -> Opaque:
        """Return the extensions read by name only, of a save with those that nobody has heard of."""
        if not self.tables.ruleset.saved:
            return self._opaque()
        from natc.text.unheard import with_unheard

        return with_unheard(self._opaque(), line, self.tables.names)

    # ---- what lines mean

    def _statement(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        """Carry out a line that does not append a rule, or that appends several."""
        if shape.kind in ("remark", "empty"):
            self.tables.remark(line, number)
            return
        if shape.kind != "table":
            self.tables.note(number)
        if shape.kind == "chain":
            self.tables.declare(values, number)
            self._declarations()
        elif shape.rule is not None:
            self._rules(shape, values, line, number)
        elif shape.kind == "table":
            self.tables.open(values[0], number)
        elif shape.kind == "commit":
            self._commit(number)
        else:
            from natc.text.orders import Orders

            getattr(Orders(self.tables), shape.kind)(values, number)

    def _declarations(self) -> None:
        """Carry out the lines that follow, as far as they declare chains as a save does."""
        found = _OWN_CHAINS.match(self.source.text, self.position)
        if found:
            self.tables.declare_lines(self, *found.span(), self.number + 1)
            self.number += self.source.text.count("\n", *found.span())
            self.position = found.end()

    def _commit(self, number: int) -> None:
        found = list(self.tables.commit(number))
        if found and self.problems is None:
            raise min(found, key=_line_of)
        if self.problems is not None:
            self.problems.extend(found)

    def _rules(self, shape: LineShape, values: tuple[str, ...], line: str, number: int) -> None:
        from natc.text.orders import Orders

        assert shape.rule is not None
        self.tables.numbered |= shape.insert_at is not None
        self.tables.chain(values[shape.rule.chain], number)
        several = self.literals.check(shape, values, line, number) or [values]
        at = None if shape.insert_at is None else values[shape.insert_at]
        carry_out = getattr(Orders(self.tables), shape.kind)
        carry_out([Rule(shape.rule, each, number) for each in several], at, number)


def _line_of(error: DumpError) -> int:
    return error.span.line if error.span else 0
