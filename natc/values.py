"""Values: classes with fields, as attrs makes them, that cost little to make.

Who reads natc, mypy, and whoever asks attrs about a value (``attrs.fields``, ``evolve``, ``asdict``) may take
these for attrs' own. But importing attrs takes 8 ms, and it writes the methods of a class in Python and
compiles them when the class is made: 0.13 ms a class. A trace makes 170 classes, values of 100 of them, and
compares, hashes or shows those of 20: a quarter of a question about a dump of 30 rules, CPU, measured. So
:mod:`natc.making` puts a class up without attrs in 0.03 ms, writes a method when it is first called, and
tells attrs of the class when it is asked. ``tests/test_values.py`` holds both against each other.

A :func:`value` is made by the hundred thousand. At run time attrs makes a value frozen by setting each of its
fields past a lock, one call a field: 1.9 us for an endpoint of nine fields, against 0.45 us without the
lock. Of a cluster of 10,000 services that was a third of compiling it. So these are frozen for mypy,
which refuses to set a field anywhere in natc; only the lock at run time is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attrs import define, evolve, field, fields, frozen
    from attrs import frozen as value
else:
    from natc.making import Field, fields, made

    def field(**said: Any) -> Field:
        """Say of a field what ``attrs.field`` can say."""
        return Field(**said)

    def frozen(cls: type | None = None, **options: bool) -> Any:
        """Make ``cls`` a value as ``attrs.frozen`` does."""
        if cls is None:
            return lambda named: frozen(named, **options)
        return made(cls, locked=True, hashed=True, **options)

    def define(cls: type | None = None, **options: bool) -> Any:
        """Make ``cls`` a class with fields as ``attrs.define`` does."""
        if cls is None:
            return lambda named: define(named, **options)
        return made(cls, locked=False, hashed=False, **options)

    def value(cls: type | None = None, **options: bool) -> Any:
        """Make ``cls`` a value: a class with slots, compared and hashed by its fields if at all."""
        if cls is None:
            return lambda named: value(named, **options)
        return made(cls, locked=False, hashed=True, **options)

    def evolve(one: Any, **changes: Any) -> Any:
        """Return a copy with some fields changed, as ``attrs.evolve`` does."""
        for each in fields(type(one)):
            if each.init and each.alias not in changes:
                changes[each.alias] = getattr(one, each.name)
        return type(one)(**changes)


__all__ = ["define", "evolve", "field", "fields", "frozen", "value"]
