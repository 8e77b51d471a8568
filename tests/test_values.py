"""natc's own ``frozen`` and ``define`` against those of attrs."""

import attrs
import pytest
from attrs import field

from natc import values


def classes(frozen, define):
    @frozen
    class Point:
        x: int
        y: int = 0
        note: str = field(default="", eq=False, repr=False)

    @frozen(eq=False)
    class Place:
        x: int

    @frozen
    class Named(Point):
        name: str = "n"

        def __repr__(self):
            return f"<{self.name}>"

    class Plain(Point):
        __slots__ = ()

    @define
    class Heap:
        x: int

    @frozen
    class FaultError(ValueError):
        why: str

    return [
        *(Point(1), Point(1, 0, "other"), Point(2), Named(1), Named(1), Named(1, name="m")),
        *(Plain(1), Plain(1), Plain(2, note="other"), Plain(2)),
        *(Place(1), Place(1), Heap(1), Heap(1), Heap(2), FaultError("a"), FaultError("a")),
    ]


def facts(made):
    """What comes out of comparing, hashing and showing each."""
    hashes = [None if type(one).__hash__ is None else hash(one) for one in made]
    return (
        [[one == other for other in made] for one in made],
        [[one != other for other in made] for one in made],
        [[one == other for one in hashes] for other in hashes],
        ["object at" if "object at" in repr(one) else repr(one) for one in made],
    )


def test_what_attrs_writes_late_is_what_it_would_have_written():
    assert facts(classes(values.frozen, values.define)) == facts(classes(attrs.frozen, attrs.define))


def test_a_frozen_class_is_locked_and_evolves():
    point = classes(values.frozen, values.define)[0]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        point.x = 2
    assert attrs.evolve(point, x=5).x == 5
    assert [each.name for each in attrs.fields(type(point))] == ["x", "y", "note"]
