"""Objects of one shape: from their text straight to the model, by one regular expression.

Most of a cluster's Services are written like another one but for names, addresses and ports, and so
are its EndpointSlices. When enough objects of about one form have been read the careful way (decoded,
and read field by field with every default and refusal), the next becomes a *shape*: its text with
holes for the values of :mod:`natc.kube.holes`, as a regular expression, and its model value with the
same holes (:mod:`natc.kube.moulds`). A later object whose text the expression takes is the filled
mould. Whatever no shape takes goes the careful way, which stays the judge and the only one to find fault.

A shape is learnt by asking that judge again, with samples in the holes (:mod:`natc.kube.shape_learning`). Of
10,000 services and their slices in JSON, 20,000 objects, this took reading from 0.34 s of CPU to 0.15 s, in
YAML from 0.60 s to 0.27 s. tests/property/test_object_shapes.py holds the two ways together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from natc.kube.fields import Fields, Object, Place
from natc.kube.moulds import Make, MakeMany, Values
from natc.values import frozen

Read = Callable[[Fields, Object, Place], Any]
Decode = Callable[[str], Any]

#: Compiling a shape takes milliseconds, so their number and the length of their text are bounded.
_MOST_SHAPES = 64
_LONGEST_TEXT = 20_000


@frozen
class Scalar:
    """A value in a text that may become a hole."""

    start: int
    end: int
    """Without quotes, where there are any."""
    means: Callable[[str], Any] | None
    """What makes its value of its text; None where it is the text. Numbers have ``int``."""
    any_text: str
    """The expression for any text that may stand here and means itself."""
    unread_text: str
    """The expression for what may stand here where nobody looks, with its quotes."""
    quotes: int = 0
    """How many characters of quotes stand on either side; none where they cannot be left out."""
    unread_only: bool = False
    """Whether it may only become a hole where nobody looks."""
    no_other: str = ""
    """A look-ahead against what would be no string here."""

    @property
    def is_number(self) -> bool:
        """Whether a whole number is written here."""
        return self.means is int


@frozen
class Run:
    """A list in an object of one shape: how many it holds is open, what they are written like is not."""

    first: int
    """Which group of the expression is the first hole of the first of them."""
    singly: int
    """So many have holes that are groups of the object; they end early in a short list."""
    width: int
    """How many holes each has."""
    rows: Callable[[str], Iterable[Values]]
    """Finds the holes of those that come then, in the text of the next group. Behind it are the last's."""
    make: MakeMany

    @property
    def last(self) -> int:
        """Which group is the first hole of the last of them."""
        return self.first + self.singly * self.width + 1

    def values(self, texts: Values) -> Values:
        """Return the objects in the list."""
        first, last, width = self.first, self.last, self.width
        end = texts.index(None, first) if texts[last - 1 - width] is None else last - 1
        if not texts[last - 1]:
            return self.make([(*texts[first + n : end : width], texts[last + n]) for n in range(width)])
        more = [*zip(*self.rows(texts[last - 1]), strict=True)]
        return self.make([(*texts[first + n : end : width], *more[n], texts[last + n]) for n in range(width)])


@frozen
class Shape:
    """What the objects of one shape look like, and what becomes of them."""

    kind: str
    match: Callable[[str, int], re.Match[str] | None]
    others: Callable[[Values], Values]
    """Picks the texts that mean something else than themselves."""
    means: tuple[Callable[[str], Any], ...]
    """What makes their values."""
    make: Make
    run: Run | None = None

    def value(self, match: re.Match[str]) -> Any:
        """Return the model value of an object that was matched."""
        texts = match.groups()
        if self.run is None:
            return self.make((*texts, *self.meant(texts)))
        run = self.run.values(texts)
        texts = texts[: self.run.first] + texts[self.run.last :]
        return self.make((*texts, *self.meant(texts), run))

    def meant(self, texts: Values) -> list[Any]:
        """Return the values of the texts that mean something else than themselves."""
        return [mean(text) for mean, text in zip(self.means, self.others(texts), strict=True)]


class ObjectShapes:
    """The shapes learnt from one text."""

    def __init__(self, readers: Mapping[tuple[str, str], Read], enough: int, end: str = "") -> None:
        """``enough`` is how many objects of one form it takes until learning its shape pays.

        ``end`` is an expression for what has to stand behind an object.
        """
        self._readers = readers
        self._enough = enough
        self._end = end
        self._misses: defaultdict[object, int] = defaultdict(int)
        self._shapes: list[Shape] = []
        self._next: dict[int, Shape] = {}
        self._last = 0

    def read(self, text: str, at: int) -> tuple[Any, int] | None:
        """Return the model value of the object at an offset and the offset behind it, if a shape takes it.

        The shape that followed last time is asked first.
        """
        shape = self._next.get(self._last)
        match = shape.match(text, at) if shape else None
        if shape is None or match is None:
            for shape in self._shapes:
                match = shape.match(text, at)
                if match is not None:
                    self._next[self._last] = shape
                    break
            else:
                return None
        self._last = id(shape)
        return shape.value(match), match.end()

    def missed(self, form: object, text: str, decode: Decode, scalars: Callable[[str], list[Scalar]]) -> None:
        """Learn the shape of an object that none took, now and then: ever more seldom while it helps none.

        ``form`` is the same for objects of about the same text.
        """
        self._misses[form] += 1
        misses = self._misses[form] // self._enough
        if self._misses[form] % self._enough or misses & (misses - 1):
            return
        if len(self._shapes) < _MOST_SHAPES and len(text) <= _LONGEST_TEXT:
            from natc.kube.shape_learning import learn  # small clusters do without it

            known = {shape.kind for shape in self._shapes}
            shape = learn(text, scalars(text), decode, self._readers, self._end, known)
            if shape is not None:
                self._shapes.append(shape)
