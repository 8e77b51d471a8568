"""What the kernel remembers between packets: connections, recent lists, counts, sets.

A memory is a value: asking for a change gives another memory, so that the branches of one packet do
not see each other's changes. Only :meth:`Memory.settled` writes: it is called between packets, when
one of the branches has become what happened.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from natc.values import field, frozen


@frozen(eq=False)
class Memory:
    """Values by key; ``now`` is the time of the packet being looked at, in seconds."""

    base: dict[Hashable, Any] = field(factory=dict)
    changes: Mapping[Hashable, Any] = field(factory=dict)
    now: float = 0.0
    start: float | None = None
    """Seconds since 1970 at time 0, None when that is not known."""
    partial: bool = False
    """Only what is under a key is known: the rest the kernel may remember, and nobody showed it."""

    @property
    def clock(self) -> float | None:
        """Seconds since 1970."""
        return None if self.start is None else self.start + self.now

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return what is remembered under ``key``."""
        if key in self.changes:
            return self.changes[key]
        return self.base.get(key, default)

    def with_value(self, key: Hashable, value: Any) -> Memory:
        """Return a memory that differs in one value; None forgets it."""
        return Memory(self.base, {**self.changes, key: value}, self.now, self.start, self.partial)

    def settled(self, now: float) -> Memory:
        """Make the changes permanent and return the memory for a packet at time ``now``."""
        for key, value in self.changes.items():
            if value is None:
                self.base.pop(key, None)
            else:
                self.base[key] = value
        return Memory(self.base, {}, now, self.start, self.partial)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory) and self.base is other.base and self.changes == other.changes

    def __hash__(self) -> int:
        return hash(tuple(self.changes))
