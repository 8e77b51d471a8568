"""attrs classes that cost little to make: ``frozen``, ``define`` and ``value``, beside attrs' other names.

attrs writes a class's methods as Python and compiles them when the class is made: 0.4 ms a class. A trace
makes a hundred classes and compares, hashes or shows a tenth of them, so here attrs writes ``__eq__``,
``__hash__`` and ``__repr__`` when one of them is first called: 0.13 ms a class. In everything else these
are ``attrs.frozen`` and ``attrs.define``.

A :func:`value` is made by the hundred thousand. At run time attrs makes a value frozen by setting each of its
fields past a lock, one call a field: 1.9 us for an endpoint of nine fields, against 0.45 us without the
lock. Of a cluster of 10,000 services that was a third of compiling it. So these are frozen for mypy,
which refuses to set a field anywhere in natc; only the lock at run time is left out.

``evolve`` runs the constructor, which for a value of twenty fields costs several times what the copy itself
does; a trace of 5,000 endpoints makes half a million copies. Frozen values without slots can be copied as
dictionaries by :func:`changed`; with ``|`` a state takes 0.6 us, filling an empty one 1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, field, fields

if TYPE_CHECKING:
    from attrs import define, frozen
    from attrs import frozen as value
else:
    import attrs

    def frozen(cls: type | None = None, *, eq: bool = True, **options: bool) -> Any:
        """Make ``cls`` a value as ``attrs.frozen`` does."""
        if cls is None:
            return lambda named: frozen(named, eq=eq, **options)
        return _made(cls, eq=eq, hashed=True, frozen=True, **options)

    def define(cls: type | None = None, *, eq: bool = True, **options: bool) -> Any:
        """Make ``cls`` a class with fields as ``attrs.define`` does."""
        if cls is None:
            return lambda named: define(named, eq=eq, **options)
        return _made(cls, eq=eq, hashed=False, **options)

    def value(cls: type | None = None, *, eq: bool = True) -> Any:
        """Make ``cls`` a value: an attrs class with slots, compared and hashed by its fields if at all."""
        return _made(cls, eq=eq, hashed=True) if cls else lambda named: value(named, eq=eq)

    def _made(cls: type, *, eq: bool, hashed: bool, **options: bool) -> type:
        """Make a class with fields; what it defines itself stays, and errors are compared as errors are."""
        own = vars(cls)
        made = attrs.define(cls, eq=False, repr=False, **options)
        if "__repr__" not in own:
            _write_late(made, ("__repr__",), repr=True, eq=False)
        if eq and "__eq__" not in own and not issubclass(cls, BaseException):
            if "__hash__" in own:
                _write_late(made, ("__eq__",), repr=False)
            elif hashed:
                _write_late(made, ("__eq__", "__hash__"), repr=False, unsafe_hash=True)
            else:
                _write_late(made, ("__eq__",), repr=False)
                made.__hash__ = None
        return made

    def _write_late(cls: type, names: tuple[str, ...], **asked: bool) -> None:
        """Give ``cls`` methods that have attrs write those of their names, and go on as these."""

        def late(name: str) -> Any:
            def method(self: Any, *others: Any) -> Any:
                if others and others[0].__class__ is not self.__class__:
                    return NotImplemented  # as attrs' own, and nothing is to be written for that
                shown = name == "__repr__"
                fields = {
                    each.name: attrs.field(eq=each.eq, hash=each.hash, repr=each.repr, init=shown)
                    for each in attrs.fields(cls)
                }
                made = attrs.make_class(cls.__name__, fields, slots=False, init=False, order=False, **asked)
                for each in names:
                    setattr(cls, each, vars(made)[each])
                return getattr(cls, name)(self, *others)

            return method

        for name in names:
            setattr(cls, name, late(name))


T = TypeVar("T")


def changed(value: T, **changes: Any) -> T:
    """Return a copy of a frozen, slotless value with some fields replaced."""
    copy = object.__new__(type(value))
    object.__setattr__(copy, "__dict__", value.__dict__ | changes)
    return copy


__all__ = ["changed", "define", "evolve", "field", "fields", "frozen", "value"]
