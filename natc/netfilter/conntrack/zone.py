"""Conntrack zones: where two connections of the same tuple are two (nf_conntrack_zones.h of Linux 6.18)."""

from __future__ import annotations

from natc.values import evolve, frozen

#: Stands for the zone that the packet's mark names, by its lower 16 bits, when it is tracked.
MARK_ZONE = -1


@frozen
class Zone:
    """A conntrack zone, and the directions of a connection it tells apart."""

    id: int = 0
    original: bool = True
    reply: bool = True

    def of(self, direction: int) -> int:
        """Return the zone of one direction; 0 where it does not hold."""
        return self.id if (self.reply if direction else self.original) else 0

    def named(self, mark: int) -> Zone:
        """Return the zone of a packet with this mark."""
        return evolve(self, id=mark & 0xFFFF) if self.id == MARK_ZONE else self


NO_ZONE = Zone()
