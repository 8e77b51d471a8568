"""One expression for the lines that most of a text consists of.

A shape's expression recognises one line. Most of a large dump is written in a few shapes whose words
are all known to be good, so :class:`Runs` puts the expressions of such lines together into one that
takes line after line without leaving the regular expression engine. It takes only what the careful
way through the reader has taken before: a shape that Lark made, each literal either good
(:attr:`natc.netfilter.kinds.Kind.good`) or a word that was read and found good in that place.

Measured on 175,000 rules, CPU: 0.05 s in runs; 0.4 s line by line, without making a rule of any. An
alternation of whole lines takes 0.27 s: what the lines have in common must stand in it once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from natc.values import define, field, frozen

#: A name as chains and targets usually have it. Names beyond that are read line by line.
NAME = r"[0-9A-Za-z_][0-9A-Za-z_.:+@/-]*+"
#: How often a line must have been seen before its like are taken in runs.
_OFTEN = 3
#: For each kind of line in the expression, how many lines it must have missed before it is built anew.
#: Building takes about 0.3 ms for a kind, a line that is missed some 8 microseconds.
_PATIENCE = 40
#: The most kinds of lines in the expression, the commonest.
_MOST = 400

Trie = dict[str, "Trie"]


@frozen(eq=False)
class Wording:
    """The text of the lines of a shape: fixed texts with literals between them."""

    fixed: tuple[str, ...]
    """The text before each literal and behind the last one: one more than there are literals."""
    literals: tuple[str, ...]
    """The expression of each literal."""
    good: dict[int, str]
    """For a literal's place, the expression of words that are certainly good there."""
    free: frozenset[int]
    """The places of words that are good on any line: the names of chains, and counters."""
    _matchers: dict[int, Callable[[str], object]] = field(factory=dict, init=False)

    def doubtful(self, values: tuple[str, ...]) -> tuple[str | None, ...]:
        """Return the literals that no expression vouches for, None in the place of the others."""
        return tuple(
            None if place in self.free or self._vouched(place, word) else word
            for place, word in enumerate(values)
        )

    def _vouched(self, place: int, word: str) -> bool:
        if place not in self.good:
            return False
        if place not in self._matchers:
            self._matchers[place] = re.compile(self.good[place]).fullmatch
        return self._matchers[place](word) is not None

    def items(self, words: tuple[str | None, ...]) -> Iterable[str]:
        """Yield the line's expression in pieces: the characters that are fixed, and the literals."""
        for place, text in enumerate(self.fixed):
            yield from map(re.escape, text)
            if place < len(words):
                word = words[place]
                if word is None:
                    yield self._literal(place)
                else:
                    yield from map(re.escape, word)
        yield "\n"

    def _literal(self, place: int) -> str:
        return f"(?:{self.good[place]})" if place in self.good else self.literals[place]


@define(eq=False)
class Runs:
    """What is known of the lines of a text, and the expression made of it."""

    match: Callable[[str, int], re.Match[str] | None] | None = None
    """Matches lines at a place in the text, as many as possible; None as long as none is common."""
    _seen: Counter[tuple[Wording, tuple[str | None, ...]]] = field(factory=Counter)
    _taken: set[tuple[Wording, tuple[str | None, ...]]] = field(factory=set)
    _missed: int = 0

    def note(self, wording: Wording, values: tuple[str, ...]) -> None:
        """Note a line that was read with care and found good."""
        key = (wording, wording.doubtful(values))
        self._seen[key] += 1
        if self._seen[key] >= _OFTEN and key not in self._taken:
            self._missed += 1
            if self._missed >= _PATIENCE * (1 + len(self._taken)):
                self._build()

    def _build(self) -> None:
        """Make the expression of the commonest lines."""
        self._missed = 0
        common = [key for key, times in self._seen.most_common(_MOST) if times >= _OFTEN]
        self._taken = set(common)
        self.match = re.compile(f"(?:{expression(w.items(words) for w, words in common)})++").match


def expression(lines: Iterable[Iterable[str]]) -> str:
    """Return one expression of several, given in pieces; what they begin with alike stands in it once."""
    root: Trie = {}
    for pieces in lines:
        here = root
        for piece in pieces:
            here = here.setdefault(piece, {})
    return _written(root)


def _written(trie: Trie) -> str:
    out = []
    while len(trie) == 1:
        piece, trie = next(iter(trie.items()))
        out.append(piece)
    if trie:
        out.append("(?:" + "|".join(piece + _written(rest) for piece, rest in trie.items()) + ")")
    return "".join(out)
