"""attrs classes that cost little to make: ``frozen``, ``define`` and ``value``, beside attrs' other names.

attrs writes a class's methods as Python and compiles them when the class is made: 0.4 ms a class. A trace
makes a hundred classes and compares, hashes or shows a quarter of them, so here attrs writes ``__eq__``,
``__hash__`` and ``__repr__`` when one of them is first called: 0.13 ms a class. In everything else these
are ``attrs.frozen`` and ``attrs.define``.

A :func:`value` is made by the hundred thousand. At run time attrs makes a value frozen by setting each of its
fields past a lock, one call a field: 1.9 us for an endpoint of nine fields, against 0.45 us without the
lock. Of a cluster of 10,000 services that was a third of compiling it. So these are frozen for mypy,
which refuses to set a field anywhere in natc; only the lock at run time is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
            made.__repr__ = _late(made, "__repr__", repr=True, eq=False)
        if eq and "__eq__" not in own and not issubclass(cls, BaseException):
            made.__eq__ = _late(made, "__eq__", repr=False, unsafe_hash=True)
            if "__hash__" not in own:
                made.__hash__ = _late(made, "__hash__", repr=False, unsafe_hash=True) if hashed else None
        return made

    def _late(cls: type, name: str, **asked: bool) -> Any:
        """Return a method that has attrs write the one of its name into ``cls``, and goes on as that."""

        def method(self: Any, *others: Any) -> Any:
            fields = {
                each.name: attrs.field(eq=each.eq, hash=each.hash, repr=each.repr)
                for each in attrs.fields(cls)
            }
            written = attrs.make_class(cls.__name__, fields, slots=False, init=False, **asked)
            setattr(cls, name, vars(written)[name])
            return getattr(cls, name)(self, *others)

        return method


__all__ = ["define", "evolve", "field", "fields", "frozen", "value"]
