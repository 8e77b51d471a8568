"""How a class with fields is made (:mod:`natc.values` says why natc does what attrs could do).

What is understood: annotated fields with defaults, the options of :class:`Field`, inheritance, slots, cached
properties (in classes that then have no slots), ``__attrs_post_init__``, exceptions, pickling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from operator import attrgetter
from types import FunctionType, MemberDescriptorType
from typing import Any, Final

#: Stands for the content of a field that has no usual one.
NOTHING: Final = object()
#: Of so many values of a class the fields are filled in one by one.
_FEW = 20
_FIELDS: Final = "__natc_fields__"
#: What attrs is told of a field besides.
_OPTIONS = ("init", "eq", "hash", "repr", "kw_only", "metadata", "type")
#: What writes a method for a class.
_Writer = Callable[[type], Callable[..., Any]]
#: What Python itself sets of an exception that is under way.
_OF_EXCEPTIONS = frozenset({"__cause__", "__context__", "__notes__", "__suppress_context__", "__traceback__"})


class Field:
    """What is said of a field: the options of ``attrs.field`` that natc uses."""

    __slots__ = (
        *("alias", "eq", "factory", "hash", "init", "kw_only", "metadata", "name", "repr"),
        *("takes_self", "type", "usual"),
    )

    def __init__(  # noqa: PLR0913 - a declaration, all by name
        self,
        *,
        default: Any = NOTHING,
        factory: Callable[..., Any] | None = None,
        init: bool = True,
        eq: bool = True,
        hash: bool | None = None,  # noqa: A002 - attrs' name for it
        repr: bool = True,  # noqa: A002 - the same
        kw_only: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = self.alias = ""
        self.type: Any = None
        self.usual, self.factory, self.init, self.kw_only = default, factory, init, kw_only
        self.takes_self = False
        self.eq, self.hash, self.repr = eq, eq if hash is None else hash, repr
        self.metadata = metadata or {}

    def default(self, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Let a method say what the field usually holds; a decorator."""
        self.factory, self.takes_self = method, True
        return method

    def named(self, name: str, annotation: Any) -> Field:
        """Give the field its name and what is said of its type; return it."""
        self.name, self.alias, self.type = name, name.lstrip("_"), annotation
        return self


def fields(cls: type) -> tuple[Field, ...]:
    """Return the fields of a class, the inherited ones first."""
    found: tuple[Field, ...] = getattr(cls, _FIELDS)
    return found


def made(cls: type, *, locked: bool, hashed: bool, eq: bool = True, slots: bool = True) -> type:
    """Return ``cls`` as a class with fields. What it defines itself stays, and errors compare as errors do.

    ``locked`` values cannot be changed; ``hashed`` ones can be hashed if they can be compared.
    """
    own = vars(cls)
    declared = [
        _declared(own, name, said)
        for name, said in own.get("__annotations__", {}).items()
        if "ClassVar" not in str(said).partition("[")[0]
    ]
    names = {each.name for each in declared}
    known = (*(each for each in _inherited(cls) if each.name not in names), *declared)
    body = {name: what for name, what in own.items() if name not in ("__dict__", "__weakref__", *names)}
    body |= {_FIELDS: known, "__attrs_attrs__": _ForAttrs(known), "__match_args__": _by_place(known)}
    if locked:
        body |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if slots and not any(isinstance(what, cached_property) for what in own.values()):
        body |= _slots(cls, names)
    new = _made_again(cls, body)
    writers: dict[str, _Writer] = {"__repr__": _written_repr}
    if eq and "__eq__" not in own and not issubclass(cls, BaseException):
        writers |= {"__eq__": _written_eq, "__hash__": _written_hash}
    if "__init__" not in own:
        new.__init__ = _first_init(new)  # type: ignore[misc]
    for name in writers.keys() - own.keys():
        setattr(new, name, None if name == "__hash__" and not hashed else _late(new, name, writers[name]))
    return new


def _declared(own: Mapping[str, Any], name: str, annotation: Any) -> Field:
    said = own.get(name, NOTHING)
    if type(said).__module__.startswith("attr"):
        raise TypeError(f"field {name} is said with attrs.field: natc.values has one of its own")
    return (said if isinstance(said, Field) else Field(default=said)).named(name, annotation)


def _inherited(cls: type) -> list[Field]:
    """Return the fields of the bases; of two with one name that of the nearer base."""
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        for each in vars(base).get(_FIELDS, ()):
            found.pop(each.name, None)
            found[each.name] = each
    return list(found.values())


def _by_place(known: tuple[Field, ...]) -> tuple[str, ...]:
    return tuple(each.name for each in known if each.init and not each.kw_only)


def _slots(cls: type, names: set[str]) -> dict[str, Any]:
    """Return what keeps the content of a value in slots, and lets it be pickled."""
    bases = [vars(base) for base in cls.__mro__[1:]]
    taken = {name for base in bases for name in names if isinstance(base.get(name), MemberDescriptorType)}
    weak = () if any("__weakref__" in base for base in bases) else ("__weakref__",)
    return {"__slots__": (*sorted(names - taken), *weak), "__getstate__": _state, "__setstate__": _set_state}


def _made_again(cls: type, body: dict[str, Any]) -> type:
    """Make the class with another body; ``super()`` in its methods means the new one."""
    new = type(cls)(cls.__name__, cls.__bases__, body)
    for what in body.values():
        for method in _functions(what):
            for cell in method.__closure__ or ():
                if _content(cell) is cls:
                    cell.cell_contents = new
    return new


def _functions(what: Any) -> Iterator[FunctionType]:
    if isinstance(what, FunctionType):
        yield what
    elif isinstance(what, classmethod | staticmethod):
        yield from _functions(what.__func__)
    elif isinstance(what, property):
        yield from _functions(what.fget)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty as yet
        return None


class _ForAttrs:
    """The fields as attrs knows them, worked out when it asks for them."""

    def __init__(self, known: tuple[Field, ...]) -> None:
        self.known = known
        self.told: Any = None

    def __get__(self, _one: object, _cls: type) -> Any:
        if self.told is None:
            self.told = self._tell()
        return self.told

    def _tell(self) -> Any:
        import attr

        told = {}
        for each in self.known:
            usual = attr.NOTHING if each.usual is NOTHING else each.usual
            if each.factory:
                usual = attr.Factory(each.factory, takes_self=each.takes_self)  # type: ignore[call-overload]
            options = {name: getattr(each, name) for name in _OPTIONS}
            told[each.name] = attr.ib(default=usual, **options)
        return attr.fields(attr.make_class("Fields", told))


# ---- methods, written when they are first called


def _late(cls: type, name: str, write: _Writer) -> Callable[..., Any]:
    """Return a method that has the one of its name written for ``cls``, and goes on as that."""

    def method(self: Any, *given: Any, **named: Any) -> Any:
        setattr(cls, name, write(cls))
        return getattr(cls, name)(self, *given, **named)

    return method


def _first_init(cls: type) -> Callable[..., None]:
    """Return the constructor of the first few values: it fills the fields in one by one.

    That takes 2 us a value, and 0.08 ms to write a constructor that takes 0.5: of most classes there are few.
    What does not fit goes to the written one, too, which says why.
    """
    left = _FEW

    def method(self: Any, *given: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0 or not _fill_in(self, fields(cls), given, named):
            written = _written_init(cls)
            type.__setattr__(cls, "__init__", written)
            written(self, *given, **named)
            return
        if hasattr(cls, "__attrs_post_init__"):
            self.__attrs_post_init__()
        if issubclass(cls, BaseException):
            BaseException.__init__(self, *(getattr(self, each.name) for each in fields(cls) if each.init))

    return method


def _fill_in(one: Any, known: tuple[Field, ...], given: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Fill in the fields of a value; tell whether what was given is all that is needed and no more."""
    by_place = by_name = 0
    for each in known:
        if each.init and not each.kw_only and by_place < len(given):
            content = given[by_place]
            by_place += 1
        elif each.init and each.alias in named:
            content = named[each.alias]
            by_name += 1
        elif each.factory:
            content = each.factory(one) if each.takes_self else each.factory()
        elif each.usual is not NOTHING:
            content = each.usual
        elif each.init:
            return False
        else:
            continue
        object.__setattr__(one, each.name, content)
    return by_place == len(given) and by_name == len(named)


def _written_init(cls: type) -> Callable[..., None]:
    """Return the constructor: a parameter for each field, those with ``kw_only`` by name."""
    known: dict[str, Any] = {"NOTHING": NOTHING, "past_lock": object.__setattr__, "raised": BaseException}
    in_order, by_name, lines = ["self"], list[str](), list[str]()
    for each in fields(cls):
        parameter, content = _filled(each, known)
        if each.init:
            (by_name if each.kw_only else in_order).append(parameter)
        if content:
            lines.append(_set_line(cls, each.name, content))
    if hasattr(cls, "__attrs_post_init__"):
        lines.append("self.__attrs_post_init__()")
    if issubclass(cls, BaseException):
        lines.append(f"raised.__init__(self, {', '.join(each.alias for each in fields(cls) if each.init)})")
    parameters = ", ".join([*in_order, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({parameters}):\n " + "\n ".join(lines or ["pass"]), known)  # noqa: S102 - natc's own
    written: Callable[..., None] = known["__init__"]
    written.__qualname__ = f"{cls.__qualname__}.__init__"
    return written


def _filled(each: Field, known: dict[str, Any]) -> tuple[str, str]:
    """Return the parameter for a field, and what the field holds; ``known`` are the names in both."""
    usual = ""
    if each.factory:
        known[f"make_{each.name}"] = each.factory
        usual = f"make_{each.name}({'self' if each.takes_self else ''})"
    elif each.usual is not NOTHING:
        known[f"usual_{each.name}"] = each.usual
        usual = f"usual_{each.name}"
    if not each.init:
        return "", usual
    if each.factory:
        return f"{each.alias}=NOTHING", f"{usual} if {each.alias} is NOTHING else {each.alias}"
    return (f"{each.alias}={usual}" if usual else each.alias), each.alias


def _set_line(cls: type, name: str, content: str) -> str:
    if cls.__setattr__ is not _refuse:
        return f"self.{name} = {content}"
    if isinstance(getattr(cls, name, None), MemberDescriptorType):
        return f"past_lock(self, {name!r}, {content})"
    return f"self.__dict__[{name!r}] = {content}"


def _written_repr(cls: type) -> Callable[[Any], str]:
    names = [each.name for each in fields(cls) if each.repr]

    def shown(self: Any) -> str:
        called = type(self).__qualname__.rsplit(">.", 1)[-1]
        return f"{called}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return shown


def _written_eq(cls: type) -> Callable[[Any, Any], bool]:
    content = _content_of([each.name for each in fields(cls) if each.eq])

    def same(self: Any, other: Any) -> bool:
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    return same


def _written_hash(cls: type) -> Callable[[Any], int]:
    content = _content_of([each.name for each in fields(cls) if each.hash])
    return lambda self: hash(content(self))


def _content_of(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _: ()


# ---- methods of all


def _refuse(self: Any, name: str, *content: Any) -> None:
    """Let nobody change a locked value."""
    if isinstance(self, BaseException) and name in _OF_EXCEPTIONS:
        (BaseException.__setattr__ if content else BaseException.__delattr__)(self, name, *content)
        return
    from attrs.exceptions import FrozenInstanceError

    raise FrozenInstanceError


def _state(self: Any) -> dict[str, Any]:
    return {each.name: getattr(self, each.name) for each in fields(type(self)) if hasattr(self, each.name)}


def _set_state(self: Any, state: dict[str, Any]) -> None:
    for name, content in state.items():
        object.__setattr__(self, name, content)
