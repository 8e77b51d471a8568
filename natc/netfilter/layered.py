"""A mapping that can be forked at no cost: changes lie over a base that forks share."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_GONE: Any = object()


class Layered(Generic[K, V]):
    """A mapping whose forks do not see each other's changes, until one of them is settled."""

    __slots__ = ("_base", "_changes")

    def __init__(self, base: dict[K, V] | None = None, changes: dict[K, Any] | None = None) -> None:
        self._base: dict[K, V] = {} if base is None else base
        self._changes: dict[K, Any] = {} if changes is None else changes

    def fork(self) -> Layered[K, V]:
        """Return a mapping that can be changed without changing this one."""
        return Layered(self._base, dict(self._changes))

    def apart(self) -> Layered[K, V]:
        """Return a copy that does not share the base either."""
        return Layered(dict(self._base), dict(self._changes))

    def settle(self) -> None:
        """Put the changes into the base. Other forks of it must not be used any more."""
        for key, value in self._changes.items():
            if value is _GONE:
                self._base.pop(key, None)
            else:
                self._base[key] = value
        self._changes = {}

    def get(self, key: K, default: Any = None) -> Any:
        found = self._changes.get(key)
        if found is None:
            return self._base.get(key, default)
        return default if found is _GONE else found

    def __getitem__(self, key: K) -> V:
        found: V | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self._changes[key] = value

    def __delitem__(self, key: K) -> None:
        self._changes[key] = _GONE

    def keys(self) -> set[K]:
        """Return the keys, in no order."""
        return {key for key in self._base.keys() | self._changes.keys() if self.get(key) is not None}
