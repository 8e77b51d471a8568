"""Recognising a line by its fixed texts and the expressions of the literals between them.

Of most shapes a dump has a few lines, of some a hundred thousand. An expression of the whole line takes
0.6 ms to compile and 1 us a line; going from literal to literal takes 3 us a line, and the expressions of
literals are few: 20 in all the shapes that natc is delivered with, 0.05 ms each. Of the 24 ms in which a
dump of 30 rules was read, compiling whole lines was 15, CPU, measured. So a line is taken literal by literal
until its shape has turned out to be common.

Both ways take the same lines: a literal ends where Lark's lexer would end it, or there is no match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

#: How many lines a shape is compared with before its expression is compiled.
PATIENCE = 250


class Found(Protocol):
    """A line that was recognised."""

    def groups(self) -> tuple[str, ...]:
        """Return its literals."""


Recogniser = Callable[[str], Found | None]


class _Words:
    """The literals of a line that was taken literal by literal."""

    __slots__ = ("words",)

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def groups(self) -> tuple[str, ...]:
        return self.words


def expression(fixed: Sequence[str], literals: Sequence[str]) -> str:
    """Return the expression of the fixed texts with ``literals`` between them, a group for each."""
    middle = "".join(
        f"((?>{literal})){re.escape(text)}" for literal, text in zip(literals, fixed[1:], strict=True)
    )
    return re.escape(fixed[0]) + middle


def recogniser(fixed: Sequence[str], literals: Sequence[str]) -> Recogniser:
    """Return what takes a line literal by literal, as :func:`expression` does at once."""
    first, *behind = fixed
    steps = tuple(zip(literals, behind, strict=True))

    def taken(line: str) -> Found | None:
        if not line.startswith(first):
            return None
        at, words = len(first), []
        for literal, text in steps:
            found = _matcher(literal)(line, at)
            if found is None or not line.startswith(text, found.end()):
                return None
            words.append(found[0])
            at = found.end() + len(text)
        return _Words(tuple(words)) if at == len(line) else None

    return taken


@lru_cache(maxsize=1024)
def _matcher(literal: str) -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(literal).match
