"""Objects of one shape: from their text straight to the model, by one regular expression.

Most of a cluster's Services are written like another one but for names, addresses and ports, and so
are its EndpointSlices. When enough objects of about one form have been read the careful way (decoded,
and read field by field with every default and refusal), the next becomes a *shape*: its text with
holes for the values of :mod:`natc.kube.holes`, as a regular expression, and its model value with the
same holes (:mod:`natc.kube.moulds`). A later object whose text the expression takes is the filled
mould. Whatever no shape takes goes the careful way, which stays the judge and the only one to find fault.

A shape is learnt by asking that judge twice more, with samples in the holes: what the samples become
shows where each hole leads, and the second answer and the first object's own have to come out of the
mould too. Of 10,000 services and their slices in JSON, 20,000 objects, this took reading from 0.34 s
of CPU to 0.15 s, in YAML from 0.60 s to 0.27 s. tests/property/test_object_shapes.py holds the two ways
together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from natc.kube.fields import Fields, Object, Place
from natc.kube.holes import HOLES, Hole, Path, hole_at
from natc.kube.moulds import Make, mould
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
    is_number: bool
    any_text: str
    """The expression for any text that may stand here and means itself."""
    no_other: str = ""
    """A look-ahead against what would be no string here."""


@frozen
class Shape:
    """What the objects of one shape look like, and what becomes of them."""

    match: Callable[[str, int], re.Match[str] | None]
    numbers: Callable[[Sequence[str]], tuple[str, ...]]
    make: Make

    def value(self, match: re.Match[str]) -> Any:
        """Return the model value of an object that was matched."""
        texts = match.groups()
        return self.make(texts + tuple(map(int, self.numbers(texts))))


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
            shape = learn(text, scalars(text), decode, self._readers, self._end)
            if shape is not None:
                self._shapes.append(shape)


def learn(
    text: str,
    scalars: list[Scalar],
    decode: Decode,
    readers: Mapping[tuple[str, str], Read],
    end: str = "",
) -> Shape | None:
    """Return the shape of an object, or None where it has none that can be relied on."""
    obj = decode(text)
    if obj.__class__ is not dict:
        return None
    kind = str(obj.get("kind")), str(obj.get("apiVersion"))
    read = readers.get(kind) if kind in HOLES else None
    if read is None:
        return None
    holes = _holes(text, scalars, decode, kind)
    pattern = re.compile(_pattern(text, holes) + end, re.ASCII)
    if not holes or not pattern.fullmatch(text):
        return None

    def judge(text: str) -> Any:
        fields = Fields()
        value = read(fields, decode(text), None)
        return None if fields.problems else value

    return _tried(text, holes, pattern, judge)


def _holes(
    text: str, scalars: list[Scalar], decode: Decode, kind: tuple[str, str]
) -> list[tuple[Scalar, Hole, Path]]:
    """Return which of an object's scalars are holes, in the order of the text."""
    marks = [str(10**15 + n) if scalar.is_number else f"mark-{n}" for n, scalar in enumerate(scalars)]
    decoded = decode(_filled(text, scalars, marks))
    places = {value: path for path, value in _leaves(decoded, ())}
    holes: list[tuple[Scalar, Hole, Path]] = []
    found: dict[Path, str] = {}
    for scalar, mark in zip(scalars, marks, strict=True):
        path = places.get(int(mark) if scalar.is_number else mark)
        hole = hole_at(kind, path) if path is not None else None
        written = text[scalar.start : scalar.end]
        if path is None or hole is None or hole.is_number is not scalar.is_number:
            continue
        if hole.like is None or found.get(hole.like) == written:
            holes.append((scalar, hole, path))
            found[path] = written
    return holes


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str | int]]:
    """Yield the strings and integers of a decoded value, each with where it is."""
    if value.__class__ is str or value.__class__ is int:
        yield path, value
    elif value.__class__ is dict or value.__class__ is list:
        for key, each in value.items() if value.__class__ is dict else enumerate(value):
            yield from _leaves(each, (*path, key))


def _filled(text: str, scalars: Sequence[Scalar], texts: Sequence[str]) -> str:
    """Return the text with others in the place of its scalars."""
    parts: list[str] = []
    at = 0
    for scalar, new in zip(scalars, texts, strict=True):
        parts += (text[at : scalar.start], new)
        at = scalar.end
    return "".join((*parts, text[at:]))


def _pattern(text: str, holes: list[tuple[Scalar, Hole, Path]]) -> str:
    """Return the expression for texts that differ in the holes; hole number n is the group hn."""
    parts: list[str] = []
    at = 0
    first: dict[Path, int] = {}
    apart: defaultdict[Path, list[int]] = defaultdict(list)
    for number, (scalar, hole, path) in enumerate(holes):
        parts.append(re.escape(text[at : scalar.start]))
        inner = hole.pattern or scalar.any_text
        if hole.like is not None:
            inner = rf"(?P=h{first[hole.like]})(?![0-9.])"
        elif hole.pattern and not hole.is_number:
            inner = scalar.no_other + inner
        if hole.apart:
            kin = apart[tuple(0 if isinstance(key, int) else key for key in path)]
            inner = "".join(rf"(?!(?P=h{other})(?![0-9]))" for other in kin) + inner
            kin.append(number)
        parts.append(f"(?P<h{number}>{inner})")
        first[path] = number
        at = scalar.end
    return "".join((*parts, re.escape(text[at:])))


def _tried(
    text: str, holes: list[tuple[Scalar, Hole, Path]], pattern: re.Pattern[str], judge: Callable[[str], Any]
) -> Shape | None:
    """Return the shape, its mould taken of samples, if it makes what the judge makes."""
    shape: Shape | None = None
    numbers = _picker([n for n, (_, hole, _) in enumerate(holes) if hole.is_number])
    for example in (_sampled(text, holes, 0), _sampled(text, holes, len(holes)), text):
        match, wanted = pattern.fullmatch(example), judge(example)
        if match is None or wanted is None:
            return None
        if shape is None:
            shape = Shape(pattern.match, numbers, mould(wanted, *_marks(match.groups(), numbers)))
        elif shape.value(match) != wanted:
            return None
    return shape


def _sampled(text: str, holes: list[tuple[Scalar, Hole, Path]], begin: int) -> str:
    at = {path: number for number, (_, _, path) in enumerate(holes)}
    samples = [
        hole.sample(begin + (at[hole.like] if hole.like else n)) for n, (_, hole, _) in enumerate(holes)
    ]
    return _filled(text, [scalar for scalar, _, _ in holes], samples)


def _marks(
    texts: Sequence[str], numbers: Callable[[Sequence[str]], tuple[str, ...]]
) -> tuple[dict[Any, int], int]:
    """Return the hole of each sample, and how many values fill the mould: texts, and numbers behind them."""
    values = (*texts, *map(int, numbers(texts)))
    return {value: at for at, value in reversed([*enumerate(values)])}, len(values)


def _picker(at: list[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what picks the texts at some places."""
    if len(at) > 1:
        return itemgetter(*at)
    return itemgetter(slice(at[0], at[0] + 1) if at else slice(0))
