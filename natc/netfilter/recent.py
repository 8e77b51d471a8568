"""The lists of ``-m recent``: addresses, each with the times it was seen, the least recent first.

Facts: net/netfilter/xt_recent.c.
"""

from __future__ import annotations

from natc.values import evolve, frozen

#: Addresses a list holds (ip_list_tot); a new one then pushes out the least recent.
_LONGEST = 100
#: Times kept of one address when no rule asks for more hits (a power of two).
DEFAULT_STAMPS = 32


@frozen
class Entry:
    """One address of a list."""

    address: int
    ttl: int
    stamps: tuple[float, ...]
    """A ring of times in seconds; ``place`` is where the next one goes."""
    place: int

    def stamped(self, now: float, size: int) -> Entry:
        """Return the entry after it was seen once more."""
        place = self.place % size
        stamps = list(self.stamps)
        stamps[place : place + 1] = [now]
        return evolve(self, stamps=tuple(stamps), place=place + 1)

    @property
    def last(self) -> float:
        """When it was last seen."""
        return self.stamps[self.place - 1]


@frozen
class RecentList:
    """One list by name."""

    mask: int
    """What of an address counts: the mask of the first rule that named the list, for all its rules."""
    entries: tuple[Entry, ...] = ()
    stamps: int = DEFAULT_STAMPS
    """How many times of an address it keeps: as many as the largest --hitcount asks for."""

    def grown(self, stamps: int) -> RecentList:
        """Return the list for rules that ask for more hits; making room empties it."""
        return evolve(self, entries=(), stamps=stamps) if stamps > self.stamps else self

    def find(self, address: int, ttl: int | None) -> Entry | None:
        """Return the address's entry; with ``ttl`` only one that came with the same."""
        for entry in self.entries:
            if entry.address == address and (ttl is None or ttl == 0 or entry.ttl in (0, ttl)):
                return entry
        return None

    def with_new(self, address: int, ttl: int, now: float) -> RecentList:
        """Enter an address that is not there."""
        kept = self.entries if len(self.entries) < _LONGEST else self.entries[1:]
        return evolve(self, entries=(*kept, Entry(address, ttl, (now,), 1)))

    def updated(self, entry: Entry, ttl: int, now: float) -> RecentList:
        """Note that an address was seen again; it becomes the most recent."""
        seen = evolve(entry.stamped(now, self.stamps), ttl=ttl)
        return evolve(self, entries=(*self._but(entry), seen))

    def without(self, entry: Entry) -> RecentList:
        """Remove an address."""
        return evolve(self, entries=self._but(entry))

    def reaped(self, before: float) -> RecentList:
        """Remove the least recent address if it was last seen before a time."""
        if self.entries and self.entries[0].last < before:
            return evolve(self, entries=self.entries[1:])
        return self

    def _but(self, entry: Entry) -> tuple[Entry, ...]:
        return tuple(other for other in self.entries if other is not entry)
