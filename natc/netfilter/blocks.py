"""The rules of a table's chains as text, where those of each chain stand together in one text.

Most questions about a large node look at the rules of a few chains. What all the others say can be
compared and searched as text, without a chain or a rule being made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Book, Passage
from natc.values import define, field


@define(eq=False)
class Blocks:
    """The lines of each chain, as they stand in a book."""

    book: Book
    texts: Mapping[str, str]
    """By chain its lines, each ended by a newline; empty for a chain without rules."""
    stretches: Sequence[tuple[int, Sequence[tuple[str, str]]]] = field(repr=False)
    """Where lines that follow each other begin, and what they are: the lines of each chain with its name."""
    counted: bool
    """Whether counters stand before rules."""
    _starts: dict[str, int] | None = field(default=None, init=False, repr=False)

    def passage(self, chain: str) -> Passage:
        """Return where the rules of a chain stand; it must have some."""
        if self._starts is None:
            self._starts = {}
            for start, blocks in self.stretches:
                places = accumulate([len(lines) for lines, _ in blocks], initial=start)
                self._starts.update(zip([name for _, name in blocks], places, strict=False))
        start = self._starts[chain]
        return self.book, start, start + len(self.texts[chain])

    def rules(self, chain: str, most: int | None = None) -> list[Rule]:
        """Make the first rules of a chain or all, none where there is no such chain."""
        text = self.texts.get(chain)
        if not text:
            return []
        book, start, end = self.passage(chain)
        if most is not None:
            end = min(end, start + sum(len(line) + 1 for line in text.split("\n", most)[:most]))
        return book.rules(start, end)

    def rules_with(self, chain: str, word: str) -> list[Rule]:
        """Make the rules of a chain in whose lines a word stands."""
        text = self.texts.get(chain)
        if not text or word not in text:
            return []
        _, place, _ = self.passage(chain)
        return [
            rule
            for start, line in _placed(text.splitlines(keepends=True), place)
            if word in line
            for rule in self.book.rules(start, start + len(line))
        ]


def _placed(lines: Iterable[str], place: int) -> Iterable[tuple[int, str]]:
    for line in lines:
        yield place, line
        place += len(line)
