"""Typed look-ups in decoded objects, as the API server's JSON decoder types them.

A place in an object is a linked list ``(parent place, key)``, which costs one small tuple an object
that is entered and nothing for the fields that are right. What is wrong is collected, not raised,
so that one run reports everything; the wrong field then reads as if it were absent.

Facts: an absent field and null are the same; integers are int32; a float that is a whole number
is an integer, since YAML's ``80.0`` and ``1e3`` reach the API server as 80 and 1000 (measured with
kubectl 1.32.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from natc.values import frozen

Place = tuple[Any, str | int] | None
"""Where a value is in its document: None is the document, else (place of the parent, key)."""

Object = Mapping[str, Any]

_MAX_INT32 = 2**31 - 1


@frozen
class Problem:
    """One thing the API server would refuse, at a place of a document."""

    place: Place
    message: str
    expected: str | None = None
    is_wrong_type: bool = False


class Fields:
    """Reads fields of one document and keeps what was wrong with them in ``problems``."""

    __slots__ = ("problems",)

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, place: Place, message: str, expected: str | None = None) -> None:
        """Keep one problem; ``message`` follows the dotted path of ``place``."""
        self.problems.append(Problem(place, message, expected))

    def text(self, obj: Object, key: str, place: Place, default: str = "") -> str:
        """Return the string ``obj[key]``, or ``default`` when it is absent."""
        value = obj.get(key)
        if value.__class__ is str:
            return value
        if value is not None:
            self._wrong_type((place, key), value, "a string")
        return default

    def integer(self, obj: Object, key: str, place: Place, default: int = 0) -> int:
        """Return the int32 ``obj[key]``, or ``default`` when it is absent."""
        value = obj.get(key)
        if value is None:
            return default
        if value.__class__ is float and value.is_integer():
            value = int(value)
        if value.__class__ is not int:
            self._wrong_type((place, key), value, "an integer")
            return default
        if not -_MAX_INT32 <= value <= _MAX_INT32:
            self.refuse((place, key), f"is {_number(value)}, too large", "a 32-bit integer")
            return default
        return value

    def boolean(self, obj: Object, key: str, place: Place) -> bool | None:
        """Return the boolean ``obj[key]``, or None when it is absent."""
        value = obj.get(key)
        if value is None or value is True or value is False:
            return value
        self._wrong_type((place, key), value, "true or false")
        return None

    def mapping(self, obj: Object, key: str, place: Place) -> Object:
        """Return the object ``obj[key]``, or an empty one when it is absent."""
        value = obj.get(key)
        if value.__class__ is dict:
            return value
        if value is not None:
            self._wrong_type((place, key), value, "an object")
        return _EMPTY

    def sequence(self, obj: Object, key: str, place: Place) -> list[Any]:
        """Return the list ``obj[key]``, or an empty one when it is absent."""
        value = obj.get(key)
        if value.__class__ is list:
            return value
        if value is not None:
            self._wrong_type((place, key), value, "a list")
        return []

    def mappings(self, obj: Object, key: str, place: Place) -> list[tuple[Place, Object]]:
        """Return the objects of the list ``obj[key]``, each with its place; null is an empty one."""
        found: list[tuple[Place, Object]] = []
        inside = (place, key)
        for index, value in enumerate(self.sequence(obj, key, place)):
            if value.__class__ is dict:
                found.append(((inside, index), value))
            elif value is None:
                found.append(((inside, index), _EMPTY))
            else:
                self._wrong_type((inside, index), value, "an object")
        return found

    def texts(self, obj: Object, key: str, place: Place) -> tuple[str, ...]:
        """Return the strings of the list ``obj[key]``."""
        if key not in obj:
            return ()
        values = self.sequence(obj, key, place)
        for index, value in enumerate(values):
            if value.__class__ is not str:
                self._wrong_type(((place, key), index), value, "a string")
                return ()
        return tuple(values)

    def text_map(self, obj: Object, key: str, place: Place) -> Mapping[str, str]:
        """Return the object ``obj[key]`` whose values are all strings, such as labels."""
        if key not in obj:
            return _EMPTY
        values = self.mapping(obj, key, place)
        for name, value in values.items():
            if value.__class__ is not str:
                if value is None:
                    return self.text_map({key: _without_nulls(values)}, key, place)
                self._wrong_type(((place, key), name), value, "a string")
                return _EMPTY
        return values

    def _wrong_type(self, place: Place, value: object, expected: str) -> None:
        self.problems.append(Problem(place, f"is {describe(value)}", expected, is_wrong_type=True))


_EMPTY: dict[str, Any] = {}


def causes(problems: list[Problem]) -> list[Problem]:
    """Return problems without those that only follow from a value of the wrong type.

    Such a value reads as absent, and what holds it may be found wanting for that.
    """
    holders: set[Place] = set()
    for problem in problems:
        place = problem.place if problem.is_wrong_type else None
        while place is not None and place not in holders:
            holders.add(place)
            place = place[0]
    return [problem for problem in problems if problem.is_wrong_type or problem.place not in holders]


def _without_nulls(values: Object) -> dict[str, Any]:
    """Return ``values`` with null read as the empty string, as Go decodes it."""
    return {name: "" if value is None else value for name, value in values.items()}


def describe(value: object) -> str:
    """Return a value and its type in words that fit on a line, for an error message."""
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {_number(value)}"
        case str():
            return f'the string "{shorten(value)}"'
        case list():
            return "a list"
        case _:
            return "an object"


def shorten(text: str, limit: int = 60) -> str:
    """Return ``text``, cut after ``limit`` characters."""
    return text if len(text) <= limit else text[:limit] + "..."


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 256:  # printing may be long, or refused by Python
        return "of more than 70 digits"
    return str(value)


_Mark = TypeVar("_Mark")


def nearest(place: Place, marks: Mapping[Place, _Mark]) -> _Mark:
    """Return the mark of a place, or of the nearest place above it that has one: the document has.

    What a source marks is a scalar itself, and of a collection the key it belongs to, which is where a
    person looks for it.
    """
    while place is not None and place not in marks:
        place = place[0]
    return marks[place]


def keys_of(place: Place) -> list[str | int]:
    """Return the keys and indexes that lead from the document to a place."""
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return keys[::-1]


def dotted(keys: list[str | int]) -> str:
    """Return a path as people write it: ``spec.ports[0].port``."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{shorten(key)}" for key in keys)
    return path.removeprefix(".")
