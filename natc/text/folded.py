"""The lines of a table that are known to be good and have not been made into chains and rules.

Reading a dump proves that it is good, and one question looks at a few of its chains. So the lines stay
text: the chains of a table are made when the table is first asked for them, and the rules of a chain
when the chain is. Measured on a dump of 61,000 chains and 175,000 rules, CPU: 0.15 s for the chains and
0.4 s for the rules, and as much again for taking them down at the end.
"""

from __future__ import annotations

import re
from itertools import count, repeat

from attrs import field

from natc.netfilter.ruleset import Book, Chain
from natc.text.runs import NAME
from natc.values import define

#: What declares a chain without a policy, with counters.
_DECLARED = re.compile(r":(\S+) - (\S+)\n")
_COUNTERS = r"(?:\[\d+:\d+\] )?"
#: Matches, at a place in a text, lines that append something to chains as they look at a glance.
any_lines = re.compile(rf"(?:{_COUNTERS}-A {NAME}(?: .*)?\n)++").match
#: The rules of one chain that follow each other.
_CHAIN_LINES = re.compile(rf"{_COUNTERS}-A (\S+)(?: .*)?\n(?:{_COUNTERS}-A \1(?: .*)?\n)*+")


def declared(text: str, start: int, end: int) -> list[tuple[str, str]]:
    """Return the chains that lines between two places declare, with their counters."""
    return _DECLARED.findall(text, start, end)


def chains_named(text: str, start: int, end: int) -> list[str]:
    """Return the chains that the lines between two places append to, one name for lines in a row."""
    return _CHAIN_LINES.findall(text, start, end)


def place_of_chain(text: str, start: int, end: int, names: set[str]) -> int:
    """Return where the first line appends to a chain whose name is not in ``names``, else ``end``."""
    for found in _CHAIN_LINES.finditer(text, start, end):
        if found[1] not in names:
            return found.start()
    return end


@define(eq=False)
class Folded:
    """Stretches of a text, each of lines of one sort, in the order of the text."""

    text: str
    book: Book
    stretches: list[tuple[int, int, int]] = field(factory=list)
    """Where each begins and ends; for lines that declare chains, the number of the first, else 0."""

    def declare(self, start: int, end: int, number: int) -> None:
        """Keep lines that declare chains which do not exist yet; ``number`` is that of the first."""
        self.stretches.append((start, end, number))

    def append(self, start: int, end: int) -> None:
        """Keep lines that append rules to chains which exist."""
        if self.stretches and self.stretches[-1][1:] == (start, 0):
            start = self.stretches.pop()[0]
        self.stretches.append((start, end, 0))

    def unfold(self, chains: dict[str, Chain]) -> None:
        """Make the chains, and tell each where its rules stand."""
        for start, end, number in self.stretches:
            if number:
                names, counters = zip(*declared(self.text, start, end), strict=True)
                made = map(Chain, names, repeat(None), counters, count(number))
                chains.update(zip(names, made, strict=True))
            else:
                self._append(chains, start, end)

    def _append(self, chains: dict[str, Chain], start: int, end: int) -> None:
        book, place = self.book, start
        for found in _CHAIN_LINES.finditer(self.text, start, end):
            chain = chains.get(found[1])
            if chain is None:
                raise book.no_chain(found[1], found.start())
            chain.append_later((book, *found.span()))
            place += found.end() - found.start()
        assert place == end, "a line that appends a rule was passed over"
