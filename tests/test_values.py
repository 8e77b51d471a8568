"""natc's own ``frozen`` and ``define`` against those of attrs."""

import copy
import pickle
import sys
import weakref
from functools import cached_property
from typing import ClassVar

import attrs
import pytest

from natc import making, values


def classes(how):
    """Classes that use all that natc's classes use, made by ``attrs`` or by natc."""
    frozen, define, field, names = how.frozen, how.define, how.field, []

    @frozen
    class Point:
        kind: ClassVar[str] = "point"
        x: int
        y: int = 0
        note: str = field(default="", eq=False, repr=False)

        def __str__(self):
            return f"{self.kind} {self.x}"

    @frozen(eq=False)
    class Place:
        x: int

    @frozen
    class Named(Point):
        name: str = "n"
        y: int = 7

        def __repr__(self):
            return f"<{self.name}>"

        def __str__(self):
            return f"named {super().__str__()}"

    @define
    class Heap:
        _x: int
        seen: list[int] = field(factory=list)
        twice: int = field(init=False)
        last: str = field(default="z", kw_only=True)

        @twice.default
        def _twice(self):
            return self._x * 2

        def __attrs_post_init__(self):
            names.append(self._x)

    @define(slots=False)
    class Growing:
        x: int = 0

    @frozen(slots=False)
    class Held:
        x: tuple[int, ...] = ()

    @frozen
    class Counted:
        x: tuple[int, ...]

        @cached_property
        def length(self):
            return len(self.x)

        def __hash__(self):
            return 7

    @frozen
    class FaultError(ValueError):
        why: str
        more: tuple[str, ...] = field(default=(), kw_only=True)

    @frozen
    class WorseError(FaultError):
        """Has nothing of its own."""

    found = (Point, Place, Named, Heap, Growing, Held, Counted, FaultError, WorseError)
    return {each.__name__: each for each in found}, names


def made(how):
    """Values of these classes, and what their constructors did."""
    of, names = classes(how)
    point, named, heap, held, error = (of[name] for name in ("Point", "Named", "Heap", "Held", "WorseError"))
    ones = [
        *(point(1), point(1, 0, "other"), point(2), named(1), named(1, 7), named(1, name="m"), named(x=1, y=2)),
        *(of["Place"](1), of["Place"](1), heap(1), heap(x=1), heap(2, [3], last="y"), of["Growing"](), of["Growing"](1)),
        *(held(), held((1,)), held(x=(1,)), of["Counted"]((1, 2)), of["Counted"]((1, 2)), of["FaultError"]("a")),
        *(error("a"), error(why="a", more=("b",))),
    ]  # fmt: skip
    return ones, names


def facts(how):
    """What comes out of making, comparing, hashing, showing and changing each."""
    ones, names = made(how)
    hashes = [None if type(one).__hash__ is None else hash(one) for one in ones]
    shown = ["object at" if "object at" in repr(one) else repr(one) for one in ones]
    said = ["object at" if "object at" in str(one) else str(one) for one in ones]
    fields = [
        [(each.name, each.alias, each.init, each.eq, each.type) for each in how.fields(type(one))]
        for one in ones
    ]
    changed = [how.evolve(one, **{how.fields(type(one))[0].alias: 5}) for one in ones]
    return {
        "equal": [[one == other for other in ones] for one in ones],
        "unequal": [[one != other for other in ones] for one in ones],
        "hashes": [[one == other for one in hashes] for other in hashes],
        "shown": shown,
        "said": said,
        "fields": fields,
        "changed": [
            repr(one) for one in changed if not isinstance(one, Exception) and "Place" not in repr(one)
        ],
        "arguments": [one.args for one in ones if isinstance(one, Exception)],
        "of attrs": [attrs.has(type(one)) and attrs.asdict(one) for one in ones if not hasattr(one, "twice")],
        "fields of attrs": [
            [
                (each.name, each.default, each.type, each.init, each.kw_only, each.eq, each.repr)
                for each in attrs.fields(type(one))
                if each.name != "twice"
            ]
            for one in ones
        ],
        "by attrs": [str(attrs.evolve(one)) for one in ones if "object at" not in str(one)],
        "by place": [type(one).__match_args__ for one in ones],
        "copied": [one == copy.copy(one) for one in ones if not isinstance(one, Exception)],
        "made": names[:],
        "slots": [hasattr(one, "__dict__") for one in ones if type(one).__name__ != "Counted"],
    }


@pytest.mark.parametrize("what", facts(attrs))
@pytest.mark.parametrize("few", [0, 3, 100])
def test_natc_makes_what_attrs_would(what, few, monkeypatch):
    """With the constructor written at once, after some values, or not at all."""
    monkeypatch.setattr(making, "_FEW", few)
    assert facts(values)[what] == facts(attrs)[what]


@pytest.mark.parametrize("how", [values, attrs])
def test_a_frozen_class_is_locked(how):
    of, _ = classes(how)
    for one in (of["Point"](1), of["Held"](), of["Counted"](()), of["FaultError"]("a")):
        field = how.fields(type(one))[0].name
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(one, field, 2)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(one, field)
    for name, given in (
        ("Point", ()),
        ("Point", (1, 2, 3, 4)),
        ("Heap", (1, [], 2)),
        ("FaultError", ("a", ())),
    ):
        with pytest.raises(TypeError, match="argument"):
            of[name](*given)


@pytest.mark.parametrize("how", [values, attrs])
def test_an_error_is_raised_and_knows_its_cause(how):
    of, _ = classes(how)
    with pytest.raises(of["FaultError"]) as caught:
        raise of["WorseError"]("b") from KeyError("a")
    assert (caught.value.why, repr(caught.value.__cause__)) == ("b", "KeyError('a')")
    caught.value.__traceback__ = caught.value.__context__ = None


@pytest.mark.parametrize("how", [values, attrs])
def test_values_can_be_pickled_and_kept_weakly(how, monkeypatch):
    of, _ = classes(how)
    for name, cls in of.items():
        cls.__qualname__, cls.__module__ = name, __name__
        monkeypatch.setattr(sys.modules[__name__], name, cls, raising=False)
    for one in (
        of["Point"](1, 2, "n"),
        of["Heap"](3),
        of["Held"]((1,)),
        of["Counted"]((1,)),
        of["Growing"](4),
    ):
        again = pickle.loads(pickle.dumps(one))
        assert (again, repr(again)) == (one, repr(one))
        assert weakref.ref(one)() is one


def test_a_field_of_attrs_is_not_taken_for_a_default():
    with pytest.raises(TypeError, match=r"natc\.values"):
        values.frozen(type("Mixed", (), {"__annotations__": {"x": int}, "x": attrs.field(default=1)}))
