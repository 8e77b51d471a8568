"""The shapes of lines that are known: those met in this text, then those kept from earlier runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from natc.text.shapes.line_shape import LineShape, line_shapes
from natc.values import define, field

if TYPE_CHECKING:
    from natc.text.shapes.blueprints import Blueprint
    from natc.text.shapes.cache import Kept, Shelf

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_OPTION_WORDS = re.compile(r"(?:^|[ \t])(-[mp] \S+|--?[A-Za-z][\w-]*|!|[:*#])")


def option_words(line: str) -> tuple[str, ...]:
    """Return the words of a line that its shape hangs on; lines of one shape have the same."""
    return tuple(_OPTION_WORDS.findall(_QUOTED.sub('""', line) if '"' in line else line))


@define
class KnownShapes:
    """The shapes of one family's lines by their option words; the stricter before the general one."""

    family: int
    cache: Kept | None
    _met: dict[tuple[str, ...], list[LineShape]] = field(factory=dict)
    _unasked: dict[tuple[str, ...], Iterator[Shelf]] = field(factory=dict)
    """Where shapes with these option words may be kept, and nobody has looked yet."""

    def with_words(self, words: tuple[str, ...], *, kept: bool) -> Iterator[LineShape]:
        """Yield the shapes with these option words.

        Without ``kept`` only those of this text: where it reads names in an unusual way.
        """
        met = self._met.setdefault(words, [])
        yield from tuple(met)
        if self.cache is None or not kept:
            return
        for shelf in self._unasked.setdefault(words, iter(self.cache.sources())):
            found = shelf.find(self.family, words)
            new = [shape for blueprint in found for shape in line_shapes(blueprint)]
            met += new
            yield from new

    @property
    def words(self) -> frozenset[str]:
        """The option words of all lines that were looked at."""
        return frozenset(word for words in self._met for word in words)

    def add(self, words: tuple[str, ...], shapes: list[LineShape], usual: Blueprint | None) -> None:
        """Add the shapes of a line; ``usual``, what they were made from, is kept for other texts."""
        self._met.setdefault(words, []).extend(shapes)
        if self.cache and usual is not None:
            self.cache.add(words, usual)
