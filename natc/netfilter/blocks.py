"""The rules of a table's chains as text, where those of each chain stand together in one text.

Most questions about a large node look at the rules of a few chains. What all the others say can be
compared and searched as text, without a chain or a rule being made of it.
"""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Book, Passage
from natc.values import define, field

_COUNTERS = r"(?:\[\d+:\d+\] )?"
#: The lines of a chain, and the chain.
_PLAIN = re.compile(r"(-A (\S+).*\n(?:-A \2(?=[ \n]).*\n)*+)")
_COUNTED = re.compile(rf"({_COUNTERS}-A (\S+)(?: .*)?\n(?:{_COUNTERS}-A \2(?: .*)?\n)*+)")
_COUNTER = re.compile(r"^\[\d+:\d+\] ", re.MULTILINE)


def without_counters(lines: str) -> str:
    """Return lines of rules without the counters that stand before them."""
    return _COUNTER.sub("", lines)


@define(eq=False)
class Blocks(Mapping[str, str]):
    """By chain its lines as they stand in a book, without counters; empty for a chain without rules."""

    book: Book
    stretches: Sequence[tuple[int, Sequence[tuple[str, str]]]] = field(repr=False)
    """Where lines that follow each other begin, and what they are: the lines of each chain, and the chain."""
    texts: dict[str, str] = field(repr=False)
    counted: bool
    """Whether counters stand before rules."""
    _starts: dict[str, int] | None = field(default=None, init=False, repr=False)

    @classmethod
    def between(
        cls, book: Book, chains: Iterable[str], stretches: Sequence[tuple[int, int]]
    ) -> Blocks | None:
        """Take down the lines of some chains; None if those of a chain do not stand together.

        They stand in some stretches of a book in which there is nothing else.
        """
        counted = any(_counted(book.text, *stretch) for stretch in stretches)
        blocks = (_COUNTED if counted else _PLAIN).findall
        found = [(start, blocks(book.text, start, end)) for start, end in stretches]
        texts = {chain: lines for _, some in found for lines, chain in some}
        declared = set(chains)
        if len(texts) < sum(len(some) for _, some in found) or not declared.issuperset(texts):
            return None  # a line appends to a chain in another place, or to one that nothing declares
        texts |= dict.fromkeys(declared.difference(texts), "")
        return cls(book, found, texts, counted)

    def __getitem__(self, chain: str) -> str:
        return without_counters(self.texts[chain]) if self.counted else self.texts[chain]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __contains__(self, chain: object) -> bool:
        return chain in self.texts

    def items(self) -> ItemsView[str, str]:
        """Return the chains with their lines; those of a dump without counters take no time."""
        return super().items() if self.counted else self.texts.items()

    def end(self) -> int:
        """Return where the last of the lines ends, 0 if there are none."""
        ends = [start + sum([len(lines) for lines, _ in some]) for start, some in self.stretches]
        return max(ends, default=0)

    def passage(self, chain: str) -> Passage:
        """Return where the rules of a chain stand; it must have some."""
        if self._starts is None:
            self._starts = {}
            for start, some in self.stretches:
                places = accumulate([len(lines) for lines, _ in some], initial=start)
                self._starts.update(zip([chain for _, chain in some], places, strict=False))
        start = self._starts[chain]
        return self.book, start, start + len(self.texts[chain])

    def rules(self, chain: str, most: int | None = None, word: str = "") -> list[Rule]:
        """Make the first rules of a chain or all, of these the ones in whose lines a word stands.

        They tell no line: finding out where each of some hundred chains stands takes longer than making
        their rules.
        """
        lines = [line for line in self.texts.get(chain, "").splitlines()[:most] if word in line]
        return self.book.rules_of(lines, 0) if lines else []


def _counted(text: str, start: int, end: int) -> bool:
    """Tell whether counters stand before any of the lines between two places; few rules have a bracket."""
    bracket = text.find("[", start, end)
    return bracket >= 0 and (bracket == start or text.find("\n[", bracket - 1, end) >= 0)
