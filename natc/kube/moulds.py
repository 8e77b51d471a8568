"""Values like one another but for some of their texts and numbers, made without reading anything.

A mould is taken from one finished value of the model in which *marks* stand where other values differ.
It says once what is fixed, what is taken from the texts of the holes as it stands, and what is made of
those; making a value from it is then a few calls in C. An EndpointSlice of five endpoints takes 4
microseconds, of which the constructors are three; reading it from a decoded object takes 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, repeat
from operator import itemgetter
from typing import Any

from attrs import fields, has

from natc.values import frozen

Values = tuple[Any, ...]
Make = Callable[[Values], Any]
MakeMany = Callable[[Sequence[Values]], Values]


@frozen
class _Fixed:
    """A part that is the same in every value."""

    value: Any


@frozen
class _Taken:
    """A part that is what stands in a hole, or a tuple of what stands in holes side by side."""

    where: int | slice


@frozen
class _Made:
    """A part that is made of what stands in holes."""

    make: Make


_Part = _Fixed | _Taken | _Made


def mould(value: Any, marks: Mapping[Any, int], size: int) -> Make:
    """Return what makes values like ``value`` from ``size`` strings and numbers.

    ``marks`` gives the place among them of each string or number in ``value`` that stands for one.
    """
    return _whole(_Mould(marks, size).part(value))


def mould_of_many(value: Any, marks: Mapping[Any, int], size: int) -> MakeMany:
    """Return what makes a tuple of objects like ``value`` from ``size`` columns of strings, in one go."""
    parts = _Mould(marks, size).fields(value)
    if _all_fixed(parts):
        return lambda columns: (value,) * len(columns[0])
    kind, made_of = value.__class__, [_column(part) for part in parts]
    return lambda columns: tuple(map(kind, *[column(columns) for column in made_of]))


def _whole(part: _Part) -> Make:
    if isinstance(part, _Made):
        return part.make
    return itemgetter(part.where) if isinstance(part, _Taken) else lambda _: part.value


class _Mould:
    """Finds the parts of a value."""

    def __init__(self, marks: Mapping[Any, int], size: int) -> None:
        self._marks = marks
        self._size = size

    def part(self, value: Any) -> _Part:
        """Return how to make ``value``."""
        if value.__class__ is str or value.__class__ is int:
            return _Taken(self._marks[value]) if value in self._marks else _Fixed(value)
        if value.__class__ is tuple:
            return self._tuple(value)
        if value.__class__ is dict:
            return self._dict(value)
        return self._object(value) if has(value.__class__) else _Fixed(value)

    def _object(self, value: Any) -> _Part:
        parts = self.fields(value)
        if _all_fixed(parts):
            return _Fixed(value)
        kind = value.__class__
        pick = self._picker(parts)
        return _Made(lambda values: kind(*pick(values)))

    def fields(self, value: Any) -> list[_Part]:
        """Return the parts that the constructor has to be given: those behind have their defaults."""
        parts = [self.part(getattr(value, field.name)) for field in fields(value.__class__)]
        defaults = [_Fixed(field.default) for field in fields(value.__class__)]
        while parts and parts[-1] == defaults[len(parts) - 1]:
            parts.pop()
        return parts

    def _dict(self, value: dict[str, Any]) -> _Part:
        parts = [self.part(each) for each in value.values()]
        if _all_fixed(parts):
            return _Fixed(value)
        keys, pick = tuple(value), self._picker(parts)
        return _Made(lambda values: dict(zip(keys, pick(values), strict=True)))

    def _tuple(self, value: tuple[Any, ...]) -> _Part:
        parts = [self.part(each) for each in value]
        if _all_fixed(parts):
            return _Fixed(value)
        at = [part.where for part in parts if isinstance(part, _Taken) and isinstance(part.where, int)]
        if len(at) == len(parts) and at == list(range(at[0], at[0] + len(at))):
            return _Taken(slice(at[0], at[-1] + 1))
        return _Made(self._picker(parts))

    def _picker(self, parts: Sequence[_Part]) -> Callable[[Values], tuple[Any, ...]]:
        """Return what makes a tuple of parts."""
        fixed = tuple(part.value for part in parts if isinstance(part, _Fixed))
        if len(fixed) == len(parts):
            return lambda _: fixed
        if len(parts) == 1:
            make = _whole(parts[0])
            return lambda values: (make(values),)
        made = [part.make for part in parts if isinstance(part, _Made)]
        fixed_at = count(self._size)
        made_at = count(self._size + len(fixed))
        at = [
            part.where
            if isinstance(part, _Taken)
            else next(fixed_at if isinstance(part, _Fixed) else made_at)
            for part in parts
        ]
        pick = itemgetter(*at)
        if made:
            return lambda values: pick((*values, *fixed, *[make(values) for make in made]))
        return (lambda values: pick(values + fixed)) if fixed else pick


def _all_fixed(parts: Sequence[_Part]) -> bool:
    return all(isinstance(part, _Fixed) for part in parts)


def _column(part: _Part) -> Callable[[Sequence[Values]], Iterable[Any]]:
    """Return what makes one field of many objects from the columns of what stands in their holes."""
    if isinstance(part, _Fixed):
        return lambda _: repeat(part.value)
    where = part.where if isinstance(part, _Taken) else None
    if isinstance(where, int):
        return itemgetter(where)
    if where is not None and where.stop - where.start == 1:
        only = where.start
        return lambda columns: zip(columns[only])
    make = _whole(part)
    return lambda columns: map(make, zip(*columns, strict=True))
