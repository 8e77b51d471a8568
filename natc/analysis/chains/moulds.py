"""How chains get onto sheets: moulds take them from a text, or they are read rule by rule.

A mould is one expression for all of a chain, made of those of its shapes: fixed where the chains met so far
are the same, with holes for the words in which they differ. A chain that no mould fits is read rule by
rule; when some were, the next mould has holes where they differ. Long chains are on no sheet.

Of a text whose lines have not been read (:mod:`natc.text.unproved`) moulds take the chains that they can
vouch for, and the others are read: where the words met so far are certainly good, a hole takes no others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import filterfalse
from operator import itemgetter

from natc.analysis.chains.sheet import Line, Sheet, Values, Word
from natc.netfilter.opaque import OPAQUE_TARGETS
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Book
from natc.text.folded import CHAIN_LINES, end_of_chain, end_of_kind
from natc.text.grammar import extensions, no_target
from natc.values import define, field, frozen

#: Longer chains are not looked at as a whole.
LONGEST = 100
#: A mould is made of so many chains, the next one when twice as many have been read rule by rule.
_OFTEN = 4
#: So many chains written alike for which no mould vouches are read rule by rule in a text that is not proved.
_PATIENCE = 1000
#: The moulds that are tried on a chain: of as many lines, for names that begin alike, the latest first.
_TRIED, _KIND = 8, 8
#: So many moulds are tried before a chain's lines are counted.
_LATEST = 3
#: When so many chains in a row fit a mould, all those that follow are looked at at once.
_IN_A_ROW = 16


@define
class Reader:
    """Puts chains on sheets, a passage or a chain at a time."""

    unproved: bool = False
    """Whether lines have not been read: then a mould has to vouch for the chains that it takes."""
    forms: dict[tuple[Shape, ...], _Form] = field(factory=dict)
    longer: dict[str, list[Rule]] = field(factory=dict)
    _tried: dict[tuple[str, int], list[_Mould]] = field(factory=dict)
    """The moulds by the beginning of a chain's name and the number of its lines."""
    _latest: list[_Mould] = field(factory=list)
    """The moulds that fitted last, the very last one first."""

    def sheets(self) -> list[Sheet]:
        """Return the sheets with chains."""
        return [sheet for form in self.forms.values() for sheet in form.sheets if sheet.rows]

    def read(self, book: Book, start: int, end: int) -> None:
        """Put the chains in a passage on sheets; the rules of each stand together."""
        text, place, in_a_row = book.text, start, 0
        while place < end:
            mould = self._latest[0] if self._latest else None
            found = mould.match(text, place, end) if mould else None
            if mould and found:
                mould.sheet.rows.append(found.groups())
                place, in_a_row = found.end(), in_a_row + 1
            else:
                place, in_a_row = self._other(book, place, end), 0
            if mould and in_a_row == _IN_A_ROW:
                place, in_a_row = self._many(mould, book, place, end), 0

    def _many(self, mould: _Mould, book: Book, start: int, end: int) -> int:
        """Put the next chains on sheets, as long as names begin like the last one's; return where they end.

        Most of them fit the same mould. Measured on 60,000 chains, CPU: 85 ms, chain by chain 95.
        """
        sheet, place = mould.sheet, start
        stop = end_of_kind(book.text, start, end, sheet.name(sheet.rows[-1])[:_KIND])
        found = mould.anywhere().findall(book.text, start, stop)
        sheet.rows += filterfalse(_other_lines, found)
        for lines in filter(None, map(_other_lines, found)):
            if not self._fits(lines, mould):
                place = book.text.index(lines, place)
                self._other(book, place, stop)
        return stop

    def _fits(self, lines: str, mould: _Mould) -> bool:
        """Put a chain with these lines on a sheet if one of the latest moulds fits, but for ``mould``."""
        for other in self._latest:
            found = None if other is mould else other.match(lines, 0, len(lines))
            if found:
                other.sheet.rows.append(found.groups())
                return True
        return False

    def _other(self, book: Book, place: int, end: int) -> int:
        """Put a chain on a sheet that the last mould does not fit; return where it ends."""
        for mould in self._latest[1:]:
            found = mould.match(book.text, place, end)
            if found:
                return self._taken(mould, found)
        name, behind = end_of_chain(book.text, place, end)
        lines = book.text.count("\n", place, behind)
        tried = self._tried.setdefault((name[: min(_KIND, len(name) // 2)], lines), [])
        for mould in tried:
            found = None if mould in self._latest else mould.match(book.text, place, behind)
            if found:
                tried.remove(mould)
                tried.insert(0, mould)
                return self._taken(mould, found)
        made = self.put(name, book.rules(place, behind))
        if made is not None:
            tried.insert(0, made)
            del tried[_TRIED:]
        return behind

    def _taken(self, mould: _Mould, found: re.Match[str]) -> int:
        """Put a chain that a mould fits on its sheet; return where the chain ends."""
        mould.sheet.rows.append(found.groups())
        self._latest = [mould, *[other for other in self._latest if other is not mould]][:_LATEST]
        return found.end()

    def put(self, name: str, rules: Sequence[Rule]) -> _Mould | None:
        """Put a chain with these rules on a sheet; return a mould that was made with it."""
        if len(rules) > LONGEST:
            self.longer[name] = [*rules]
        if not rules or len(rules) > LONGEST:
            return None
        shapes = tuple([rule.shape for rule in rules])
        if shapes not in self.forms:
            if self.unproved and any(shape.goto for shape in shapes):
                raise _not_proved()  # as no outline proves these
            self.forms[shapes] = _Form.of(rules, unproved=self.unproved)
        return self.forms[shapes].put(tuple([word for rule in rules for word in rule.values]))


@frozen(eq=False)
class _Mould:
    """The expression of whole chains, and the sheet that takes their words."""

    sheet: Sheet
    expression: str
    match: Callable[[str, int, int], re.Match[str] | None]
    """Matches a chain at a place in a text."""

    @classmethod
    def of(cls, sheet: Sheet, expression: str) -> _Mould:
        """Return the mould of a sheet."""
        return cls(sheet, expression, re.compile(expression, re.MULTILINE).match)

    def anywhere(self) -> re.Pattern[str]:
        """Return what finds every chain in a passage: its words, or else its lines with its name behind."""
        return re.compile(rf"^(?:{self.expression})|^({CHAIN_LINES})", re.MULTILINE)


_other_lines = itemgetter(-2)


@define(eq=False)
class _Form:
    """Chains whose rules have the same shapes."""

    whole: Sheet
    """For chains that were read rule by rule, with a place for every literal."""
    sheets: list[Sheet]
    unproved: bool = False
    """As :attr:`Reader.unproved`."""
    _next: int = _OFTEN
    """With how many such chains a mould is made."""

    @classmethod
    def of(cls, rules: Sequence[Rule], *, unproved: bool) -> _Form:
        """Return the form of chains like that of some rules."""
        lines, start = list[Line](), 0
        for rule in rules:
            end = start + len(rule.values)
            lines.append(Line(rule.shape, tuple(range(start, end))))
            start = end
        whole = Sheet(tuple(lines))
        return cls(whole, [whole], unproved)

    def put(self, values: Values) -> _Mould | None:
        """Take a chain with these literals; return the mould that is made with it, None for none."""
        rows = self.whole.rows
        rows.append(values)
        if len(rows) < self._next or not all(line.shape.literals for line in self.whole.lines):
            return None
        self._next *= 2
        columns = [*zip(*rows, strict=True)]
        lines = _with_holes(self.whole.lines, columns)
        good = _good(lines, self.whole.lines, columns) if self.unproved else frozenset()
        sheet = Sheet(lines, good=good)
        if self.unproved and not sheet.is_vouched:
            self._check_patience()
            return None
        if any((sheet.words, sheet.good) == (other.words, other.good) for other in self.sheets):
            return None
        self.sheets.append(sheet)
        return _Mould.of(sheet, _expression(sheet, self._jumps()))

    def _check_patience(self) -> None:
        if len(self.whole.rows) > _PATIENCE:
            raise _not_proved()

    def _jumps(self) -> list[str]:
        """Return how the chains begin to which each line leads: as much as tells them from all targets."""
        jumps = [line.jump for line in self.whole.lines]
        names = OPAQUE_TARGETS | extensions("targets")
        return [
            _beginning([row[word] for row in self.whole.rows], names) if isinstance(word, int) else ""
            for word in jumps
        ]


def _not_proved() -> Exception:
    """Return what says that a text is to be read in full; seldom needed, so that it is imported here."""
    from natc.text.unproved import NotProvedError

    return NotProvedError()


def _with_holes(lines: Sequence[Line], columns: Sequence[Values]) -> tuple[Line, ...]:
    """Return lines whose words are fixed where all chains have the same; the chain's name never is."""
    out, holes, chain = list[Line](), 0, -1
    for line in lines:
        words = list[Word]()
        for place, column in enumerate(line.words):
            assert isinstance(column, int)
            known = columns[column]
            if place == line.shape.chain and chain >= 0:
                words.append(chain)
            elif place != line.shape.chain and known.count(known[0]) == len(known):
                words.append(known[0])
            else:
                chain = holes if place == line.shape.chain else chain
                words.append(holes)
                holes += 1
        out.append(Line(line.shape, tuple(words)))
    return tuple(out)


def _good(lines: Sequence[Line], before: Sequence[Line], columns: Sequence[Values]) -> frozenset[Word]:
    """Return the holes in lines whose words are certainly good in all chains met so far.

    ``before`` are the lines with a place for every literal, ``columns`` their words.
    """
    good = set[Word]()
    for line, whole in zip(lines, before, strict=True):
        for place, expression in line.shape.good.items():
            column, word = whole.words[place], line.words[place]
            assert isinstance(column, int)
            if isinstance(word, int) and all(map(re.compile(expression).fullmatch, columns[column])):
                good.add(word)
    return frozenset(good)


def _expression(sheet: Sheet, jumps: Sequence[str]) -> str:
    """Return the expression of whole chains; its groups are the words that are not fixed, in their order.

    ``jumps`` says how the chains begin to which each line leads (:meth:`_Form._jumps`).
    """
    met, pieces = set[int](), list[str]()
    for line, jump in zip(sheet.lines, jumps, strict=True):
        texts = [*map(re.escape, line.shape.texts)]
        pieces.append(texts[0])
        literals = _literals(line, sheet.good, jump)
        for word, literal, text in zip(line.words, literals, texts[1:], strict=True):
            if isinstance(word, str):
                pieces.append(re.escape(word))
            elif word in met:
                pieces.append(rf"(?:\{word + 1})")
            else:
                pieces.append(f"((?>{literal}))")
                met.add(word)
            pieces.append(text)
        pieces.append(r"\n")
    first = sheet.lines[0]
    chain = first.words[first.shape.chain]
    assert isinstance(chain, int)
    return "".join(pieces) + rf"(?!(?:\[\d+:\d+\] )?-A \{chain + 1}[ \n])"


def _literals(line: Line, good: frozenset[Word], jump: str) -> Sequence[str]:
    """Return the expressions of a line's literals where chains that it leads to begin with ``jump``.

    Those of ``good`` words are for such only. No target's name begins with ``jump``; then these need not be
    looked at: the moulds of a dump of 10,000 services are compiled in 4 ms, with the names of targets in 13.
    """
    shape, literals = line.shape, [*line.shape.literals]
    for place, expression in shape.good.items():
        if line.words[place] in good:
            literals[place] = expression
    if shape.jump is None or not jump:
        return literals
    bare = literals[shape.jump].removeprefix(no_target(OPAQUE_TARGETS))
    if bare != literals[shape.jump]:
        literals[shape.jump] = f"(?={re.escape(jump)}){bare}"
    return literals


def _beginning(words: Sequence[str], names: Iterable[str]) -> str:
    """Return the shortest beginning of all words that none of the names has, empty if there is none."""
    for end in range(1, len(words[0]) + 1):
        begin = words[0][:end]
        if not all(word.startswith(begin) for word in words):
            return ""
        if not any(name.startswith(begin) for name in names):
            return begin
    return ""
