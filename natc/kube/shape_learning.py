"""How the shape of an object is learnt: by asking the careful way, with samples in the holes.

What the samples become shows where each hole leads. Then the careful way is asked about other samples and
about the object as it is, and the new shape has to make the same of both.

The list of :data:`natc.kube.holes.RUNS` may be of any length. What is written from the first hole of one
of its things to the first hole of the next, separator and all, is repeated; if all of them are written
alike, one of them stands for the last, and any number of repetitions in front of it for the rest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

from natc.kube.fields import Fields
from natc.kube.holes import HOLES, RUNS, Hole, Path, hole_at
from natc.kube.moulds import Values, mould, mould_of_many
from natc.kube.object_shapes import Decode, Read, Run, Scalar, Shape
from natc.values import evolve, frozen

#: What stands for the list while the mould is made; no text holds it.
_RUN_MARK = "\0run"
_SHORT_LIST = 8
#: So many of its things are taken in one go with the object, the rest in another: the first of most lists.
_SINGLY = 4
Judge = Callable[[str], Any]


@frozen
class Placed:
    """A hole in an object's text."""

    scalar: Scalar
    hole: Hole
    path: Path

    def sample(self, number: int) -> str:
        """Return a text that may stand in the hole."""
        return str(number + 1) if self.scalar.is_number and self.hole.unread else self.hole.sample(number)


@frozen
class Repeated:
    """The list of things alike in an object's text."""

    field: str
    first: int
    """The number of the first hole of its last thing, once the others are cut out."""
    one: re.Pattern[str]
    """Matches a thing and what leads to the next; its holes are groups."""
    plain: str
    """The same without groups."""


def learn(
    text: str,
    scalars: list[Scalar],
    decode: Decode,
    readers: Mapping[tuple[str, str], Read],
    end: str = "",
    known: Container[str] = (),
) -> Shape | None:
    """Return the shape of an object, or None where it has none that can be relied on.

    ``end`` is an expression for what has to stand behind it. The first shape of a kind, one that is not
    ``known``, keeps a short list as long as it is: that is matched faster, and often enough.
    """
    obj = decode(text)
    if obj.__class__ is not dict:
        return None
    kind = str(obj.get("kind")), str(obj.get("apiVersion"))
    read = readers.get(kind) if kind in HOLES else None
    if read is None:
        return None

    def judge(text: str) -> Any:
        fields = Fields()
        value = read(fields, decode(text), None)
        return None if fields.problems else value

    whole = _holes(text, scalars, decode, kind)
    longest = 1 if kind[0] in known else _SHORT_LIST
    short, holes, repeated = _shortened(text, whole, RUNS.get(kind[0], ""), longest)
    if not holes:
        return None
    pattern = re.compile(_pattern(short, holes, repeated) + end, re.ASCII)
    shape = _moulded(_sampled(short, holes, 0), holes, repeated, pattern, judge)
    if shape is None or not all(
        _agree(shape, each, judge) for each in (_sampled(text, whole, len(whole)), text)
    ):
        return None
    return shape


def _agree(shape: Shape, text: str, judge: Judge) -> bool:
    """Tell whether a shape takes an object and makes of it what the judge does."""
    match, wanted = shape.match(text, 0), judge(text)
    return match is not None and match.end() == len(text) and shape.value(match) == wanted is not None


def _holes(text: str, scalars: list[Scalar], decode: Decode, kind: tuple[str, str]) -> list[Placed]:
    """Return which of an object's scalars are holes, in the order of the text."""
    marks = [str(10**15 + n) if scalar.is_number else f"mark-{n}" for n, scalar in enumerate(scalars)]
    decoded = decode(_filled(text, scalars, marks))
    places = {value: path for path, value in _leaves(decoded, ())}
    holes: list[Placed] = []
    found: dict[Path, str] = {}
    for scalar, mark in zip(scalars, marks, strict=True):
        path = places.get(int(mark) if scalar.is_number else mark)
        hole = hole_at(kind, path) if path is not None else None
        written = text[scalar.start : scalar.end]
        if path is None or hole is None:
            continue
        if hole.unread:
            start, end = scalar.start - scalar.quotes, scalar.end + scalar.quotes
            unread = evolve(scalar, start=start, end=end, any_text=scalar.unread_text)
            holes.append(Placed(unread, hole, path))
        elif scalar.unread_only:
            continue
        elif hole.is_number is scalar.is_number and (hole.like is None or found.get(hole.like) == written):
            holes.append(Placed(scalar, hole, path))
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


def _shortened(
    text: str, holes: list[Placed], field: str, longest: int
) -> tuple[str, list[Placed], Repeated | None]:
    """Return an object's text with the last of its things alike only, the holes in that, and what was cut.

    All of it where there are no more things than ``longest``, and without holes where there are more that
    are not written alike.
    """
    by_thing: defaultdict[Any, list[Placed]] = defaultdict(list)
    for placed in holes:
        if placed.path[0] == field:
            by_thing[placed.path[1]].append(placed)
    things = list(by_thing.values())
    if len(things) <= longest:
        return text, holes, None
    starts = [thing[0].scalar.start for thing in things]
    one = re.compile(_repetition(text, starts[1], things[0], "("), re.ASCII)
    paths = {tuple([placed.path[2:] for placed in thing]) for thing in things}
    alike = all(one.fullmatch(text, start, after) for start, after in pairwise(starts))
    if len(paths) > 1 or not one.groups or not alike:
        return text, [], None
    cut = starts[-1] - starts[0]
    kept = [placed for placed in holes if placed.scalar.start < starts[0]]
    first = len(kept)
    kept += [_moved(placed, cut) for placed in holes if placed.scalar.start >= starts[-1]]
    repeated = Repeated(field, first, one, _repetition(text, starts[1], things[0], "(?:"))
    return text[: starts[0]] + text[starts[-1] :], kept, repeated


def _moved(placed: Placed, cut: int) -> Placed:
    scalar = placed.scalar
    return evolve(placed, scalar=evolve(scalar, start=scalar.start - cut, end=scalar.end - cut))


def _repetition(text: str, end: int, thing: list[Placed], group: str) -> str:
    """Return the expression for the text from a thing's first hole to the next thing's."""
    parts: list[str] = []
    at = thing[0].scalar.start
    for placed in thing:
        begin = "(?:" if placed.hole.unread else group
        parts += (re.escape(text[at : placed.scalar.start]), begin, _inner(placed), ")")
        at = placed.scalar.end
    return "".join((*parts, re.escape(text[at:end])))


def _inner(placed: Placed) -> str:
    """Return the expression for what may stand in a hole."""
    scalar, hole = placed.scalar, placed.hole
    if not hole.pattern:
        return scalar.any_text
    return hole.pattern if hole.is_number else scalar.no_other + hole.pattern


def _pattern(text: str, holes: list[Placed], repeated: Repeated | None) -> str:
    """Return the expression for texts that differ in the holes; hole n, if it is read, is the group hn."""
    parts: list[str] = []
    at = 0
    first: dict[Path, int] = {}
    apart: defaultdict[Path, list[int]] = defaultdict(list)
    for number, placed in enumerate(holes):
        scalar, hole = placed.scalar, placed.hole
        parts.append(re.escape(text[at : scalar.start]))
        if repeated and number == repeated.first:
            parts += [f"(?:{repeated.one.pattern})?+"] * _SINGLY
            parts.append(f"(?P<run>(?:{repeated.plain})*+)")
        inner = _inner(placed)
        if hole.like is not None:
            inner = rf"(?P=h{first[hole.like]})(?![0-9.])"
        if hole.apart:
            kin = apart[tuple(0 if isinstance(key, int) else key for key in placed.path)]
            inner = "".join(rf"(?!(?P=h{other})(?![0-9]))" for other in kin) + inner
            kin.append(number)
        parts.append(f"(?:{inner})" if hole.unread else f"(?P<h{number}>{inner})")
        first[placed.path] = number
        at = scalar.end
    return "".join((*parts, re.escape(text[at:])))


def _moulded(
    sample: str, holes: list[Placed], repeated: Repeated | None, pattern: re.Pattern[str], judge: Judge
) -> Shape | None:
    """Return the shape with the mould that a sample of it gives."""
    match, value = pattern.fullmatch(sample), judge(sample)
    if match is None or value is None:
        return None
    read = [placed for placed in holes if not placed.hole.unread]
    others = [n for n, placed in enumerate(read) if placed.scalar.means]
    means = tuple([placed.scalar.means for placed in read if placed.scalar.means])
    shape = Shape(value.__class__.__name__, pattern.match, _picker(others), means, tuple)
    texts = match.groups()
    if repeated is None:
        values = (*texts, *shape.meant(texts))
        return evolve(shape, make=mould(value, _places(values), len(values)))
    last, width = pattern.groupindex["run"], repeated.one.groups
    (thing,) = getattr(value, repeated.field)
    make = mould_of_many(thing, _places(texts[last : last + width]), width)
    run = Run(last - 1 - _SINGLY * width, _SINGLY, width, _rows(repeated.one), make)
    texts = texts[: run.first] + texts[last:]
    values = (*texts, *shape.meant(texts), _RUN_MARK)
    value = evolve(value, **{repeated.field: _RUN_MARK})
    return evolve(shape, make=mould(value, _places(values), len(values)), run=run)


def _rows(one: re.Pattern[str]) -> Callable[[str], Sequence[Values]]:
    """Return what finds the holes of every thing in a text of things."""
    if one.groups > 1:
        return one.findall
    return lambda text: [(found,) for found in one.findall(text)]  # it finds no tuples of one


def _places(values: Values) -> dict[Any, int]:
    """Return where each value is, the last time: what a text means stands behind it."""
    return {value: at for at, value in enumerate(values)}


def _sampled(text: str, holes: list[Placed], begin: int) -> str:
    """Return the text with samples in its holes, from the sample of a number on."""
    at = {placed.path: number for number, placed in enumerate(holes)}
    numbers = [at[placed.hole.like] if placed.hole.like else n for n, placed in enumerate(holes)]
    samples = [placed.sample(begin + n) for n, placed in zip(numbers, holes, strict=True)]
    return _filled(text, [placed.scalar for placed in holes], samples)


def _picker(at: list[int]) -> Callable[[Values], Values]:
    """Return what picks the values at some places."""
    if len(at) > 1:
        return itemgetter(*at)
    return itemgetter(slice(at[0], at[0] + 1) if at else slice(0))
