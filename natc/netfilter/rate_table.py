"""The tables of ``-m hashlimit``: rules of one ``--hashlimit-name`` share one (net/netfilter/xt_hashlimit.c).

The rule that is loaded first makes the table; what it says of rate, burst, mode, masks, size and expiry holds
for all. A later rule has of its own whether it asks for "up to" or "above", and whether it counts packets or
bytes.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from natc.values import evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.matches.hashlimit import Hashlimit
    from natc.netfilter.memory import Memory


@frozen(eq=False)
class RateTable:
    """One table, from the loading of its first rule until no rule names it."""

    first: Hashlimit
    """The match that made it."""
    is_mixed: bool = False
    """Some rules take packets out of it and some bytes, each reading the other's credit as its own."""
    groups: frozenset[Hashable] = frozenset()
    """The groups that have had an entry, as far as there may be too many of them."""
    identity: object = field(factory=object)

    @property
    def most(self) -> int | None:
        """How many entries there is room for; None where the kernel takes that from the node's memory."""
        size = self.first.size
        return max(self.first.most or 8 * size, size) if size else None

    def key(self, group: Hashable) -> Hashable:
        """Return where a memory keeps the entry of a group."""
        return ("hashlimit entry", self.identity, group)

    def idle(self, entry: Any, now: float) -> float:
        """Return for how many milliseconds an entry has been due to go; up to 0 it is kept."""
        expire = self.first.expire
        return 0 if entry is None or expire is None else (now - entry.seen) * 1000 - expire

    def has_room(self, memory: Memory) -> bool | None:
        """Tell whether one more entry finds room; None where that hangs on when garbage is collected."""
        if self.most is None or len(self.groups) < self.most:
            return True
        idle = [self.idle(memory.get(self.key(each)), memory.now) for each in self.groups]
        if sum(late <= self.first.gc_interval for late in idle) < self.most:
            return True
        return False if sum(late <= 0 for late in idle) >= self.most else None

    def with_group(self, group: Hashable) -> RateTable:
        """Return the table with one more entry."""
        return self if self.most is None else evolve(self, groups=self.groups | {group})
