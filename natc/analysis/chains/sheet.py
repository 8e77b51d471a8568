"""Chains that are written alike, on one sheet: what they have in common, and a row for the words of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from operator import itemgetter

from natc.netfilter.rule import Rule, Shape
from natc.values import define, field, frozen

Values = tuple[str, ...]
#: A word of all chains on a sheet: the place in their rows where each has its own, or the word that all have.
Word = int | str


@frozen(eq=False)
class Line:
    """One rule of all chains on a sheet."""

    shape: Shape
    words: tuple[Word, ...]
    """Its literals."""

    @property
    def jump(self) -> Word | None:
        """What it jumps to, None for nothing."""
        return None if self.shape.jump is None else self.words[self.shape.jump]

    def rule(self, values: Values) -> Rule:
        """Return the rule in a chain with this row, but for its line number."""
        return Rule(self.shape, tuple([values[w] if isinstance(w, int) else w for w in self.words]))


@define(eq=False, slots=False)
class Sheet:
    """Chains that are written alike."""

    lines: tuple[Line, ...]
    rows: list[Values] = field(factory=list)
    """Behind the words that lines name a row may have others."""
    good: frozenset[Word] = frozenset()
    """The places in rows whose words are certainly good (:attr:`natc.netfilter.rule.Shape.good`)."""

    @property
    def is_vouched(self) -> bool:
        """Tell whether chains are good in whose rows only names, counters and good words are their own."""
        return all(
            isinstance(word, str) or word in self.good or place in line.shape.free
            for line in self.lines
            for place, word in enumerate(line.words)
        )

    @property
    def words(self) -> list[tuple[Word, ...]]:
        """The words of all lines."""
        return [line.words for line in self.lines]

    @cached_property
    def names(self) -> list[str]:
        """The names of the chains; all of them must be on the sheet when they are first asked for."""
        return self.column(self._chain)

    @property
    def _chain(self) -> Word:
        first = self.lines[0]
        return first.words[first.shape.chain]

    def name(self, values: Values) -> str:
        """Return the name of the chain with this row."""
        return values[self._chain] if isinstance(self._chain, int) else self._chain

    def column(self, word: Word) -> list[str]:
        """Return a word of every chain."""
        return [word] * len(self.rows) if isinstance(word, str) else list(map(itemgetter(word), self.rows))

    def different(self, word: Word) -> set[str]:
        """Return what the chains have for a word."""
        return {word} if isinstance(word, str) else set(map(itemgetter(word), self.rows))

    def names_with(self, word: Word, wanted: Callable[[str], bool]) -> list[str]:
        """Return the chains that have something wanted for a word."""
        good = set(filter(wanted, self.different(word)))
        if not good or isinstance(word, str):
            return self.names if good else []
        return [name for name, own in zip(self.names, self.column(word), strict=True) if own in good]

    def rules(self, values: Values) -> list[Rule]:
        """Return the rules of a chain with this row, without their line numbers."""
        return [line.rule(values) for line in self.lines]
