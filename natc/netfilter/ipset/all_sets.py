"""The sets of a node: what ``-m set --match-set NAME DIRECTIONS`` and ``-j SET`` ask of them.

Facts: net/netfilter/ipset/ip_set_core.c and ip_set_list_set.c, net/netfilter/xt_set.c of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from natc.netfilter.ipset.members import Entry
from natc.netfilter.ipset.one_set import IpSet
from natc.netfilter.ipset.probe import Probe
from natc.values import frozen


@frozen
class CounterLimits:
    """``--packets-eq`` and its fellows: what a member's counters must be. None asks nothing."""

    packets: Callable[[int], bool] | None = None
    bytes: Callable[[int], bool] | None = None

    def allow(self, entry: Entry) -> bool:
        """Return whether the counters of a member are as asked."""
        return (self.packets is None or self.packets(entry.packets or 0)) and (
            self.bytes is None or self.bytes(entry.bytes or 0)
        )


_NO_LIMITS = CounterLimits()


class Sets:
    """The sets of a node, by name in the order they were created."""

    def __init__(self, sets: Iterable[IpSet] = ()) -> None:
        self._sets = {found.name: found for found in sets}
        self._borrowed: set[str] = set()

    def copy(self) -> Sets:
        """Return sets that can be changed without changing these."""
        other = Sets(self._sets.values())
        self._borrowed = set(self._sets)
        other._borrowed = set(self._sets)
        return other

    def at(self, now: float) -> Sets:
        """Return the sets as they are at a time, in seconds of the replay's clock: what has ended is gone."""
        ended = [found.name for found in self if found.next_end <= now]
        sets = self.copy() if ended else self
        for name in ended:
            sets.own(name).expire(now)
        return sets

    def __iter__(self) -> Iterator[IpSet]:
        return iter(self._sets.values())

    def same_as(self, other: Sets) -> bool:
        """Return whether nothing was changed since one was copied from the other."""
        return self._sets == other._sets

    def get(self, name: str) -> IpSet | None:
        """Return the set of that name, None when it is not known."""
        return self._sets.get(name)

    def put(self, found: IpSet) -> None:
        """Add a set, or replace the one of that name."""
        self._sets[found.name] = found
        self._borrowed.discard(found.name)

    def destroy(self, name: str) -> None:
        """Forget a set, if it is there."""
        self._sets.pop(name, None)

    def own(self, name: str) -> IpSet:
        """Return a set that may be changed; raises KeyError when it is not known."""
        if name in self._borrowed:
            self.put(self._sets[name].copy())
        return self._sets[name]

    def matches(
        self,
        name: str,
        directions: tuple[str, ...],
        probe: Probe,
        *,
        return_nomatch: bool = False,
        limits: CounterLimits = _NO_LIMITS,
        count: bool = True,
    ) -> bool | None:
        """Return whether a packet is in a set, None when the set is not known.

        ``return_nomatch`` asks for the exceptions instead. ``count``: the member's counters go up.
        """
        found = self.get(name)
        if found is None:
            return None
        if found.type == "list:set":
            return self._list_matches(found, directions, probe, return_nomatch, limits, count)
        entry = found.find(probe, directions) if found.sees(probe, directions) else None
        if entry is None:
            return False
        if entry.nomatch:
            return return_nomatch
        if not limits.allow(entry):
            return False
        if None in entry.parts:
            self.own(name).complete(entry, probe.link_src if directions[1] == "src" else probe.link_dst)
        if count and found.options.counters:
            self.own(name).count(entry, probe.length)
        return not (return_nomatch and "net" in found.dimensions)

    def _list_matches(
        self,
        found: IpSet,
        directions: tuple[str, ...],
        probe: Probe,
        return_nomatch: bool,
        limits: CounterLimits,
        count: bool,
    ) -> bool | None:
        """A list holds what one of its sets holds; unknown when only a set that is missing could."""
        unknown = False
        for entry in found:
            inside = self.matches(
                str(entry.parts[0]), directions, probe,
                return_nomatch=return_nomatch, limits=limits, count=count,
            )  # fmt: skip
            if inside:
                return True
            unknown = unknown or inside is None
        return None if unknown else False

    def add_packet(
        self,
        name: str,
        directions: tuple[str, ...],
        probe: Probe,
        *,
        exist: bool = False,
        timeout: int | None = None,
        now: float = 0.0,
    ) -> bool:
        """``-j SET --add-set``: add what a packet shows; False when nothing was added."""
        found = self.get(name)
        if found is None or not directions:
            return False
        if found.type == "list:set":
            names = [str(entry.parts[0]) for entry in found]
            return any(
                self.add_packet(n, directions, probe, exist=exist, timeout=timeout, now=now) for n in names
            )
        entry = found.entry_of(probe, directions, timeout, now) if found.sees(probe, directions) else None
        return entry is not None and self.own(name).add(entry, exist=exist)

    def delete_packet(self, name: str, directions: tuple[str, ...], probe: Probe) -> bool:
        """``-j SET --del-set``: delete what a packet shows; False when nothing was deleted."""
        found = self.get(name)
        if found is None:
            return False
        if found.type == "list:set":
            return any(self.delete_packet(str(entry.parts[0]), directions, probe) for entry in found)
        entry = found.entry_of(probe, directions, None) if found.sees(probe, directions) else None
        return entry is not None and self.own(name).delete(entry.parts)
