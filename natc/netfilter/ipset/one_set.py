"""One set: which of its members decides about a packet, and what changes it.

Facts: net/netfilter/ipset/ip_set_hash_gen.h and the set types of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from natc.netfilter.ipset.members import TYPES, Device, Entry, Part, Parts, SetOptions
from natc.netfilter.ipset.probe import READERS, Probe
from natc.netfilter.node.iproute import Prefix
from natc.values import evolve

#: Types whose sets hold no family of their own and so look at packets of both.
_ANY_FAMILY = frozenset({"hash:mac", "bitmap:port", "list:set"})


class IpSet:
    """One set. Members keep the order in which they were added."""

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - the word ipset itself uses
        options: SetOptions | None = None,
        entries: Iterable[Entry] = (),
    ) -> None:
        self.name = name
        self.type = type
        self.dimensions = TYPES[type]
        self.options = options or SetOptions()
        self._members = {entry.parts: entry for entry in entries}
        self._lengths: list[tuple[int, ...]] | None = None
        self._next_end: float | None = None

    def copy(self) -> IpSet:
        """Return a set that can be changed without changing this one."""
        other = IpSet(self.name, self.type, self.options, self._members.values())
        other._next_end = self._next_end
        return other

    @property
    def next_end(self) -> float:
        """A time before which no member's timeout ends."""
        if self._next_end is None:
            self._next_end = min((entry.end for entry in self), default=inf)
        return self._next_end

    def expire(self, now: float) -> None:
        """Forget the members whose timeout has ended."""
        self._members = {entry.parts: entry for entry in self if entry.end > now}
        self._lengths = self._next_end = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._members.values())

    # ---- packets

    def sees(self, probe: Probe, directions: tuple[str, ...]) -> bool:
        """Return whether this set can hold such a packet at all: enough directions, its own family."""
        family = self.type in _ANY_FAMILY or self.options.family == probe.family
        return len(directions) >= len(self.dimensions) and family

    def find(self, probe: Probe, directions: tuple[str, ...]) -> Entry | None:
        """Return the member that decides about a packet, which may be an exception; None: there is none.

        Of networks the most specific decides.
        """
        parts = self.parts_of(probe, directions)
        return None if parts is None else self.lookup(parts, probe, directions)

    def lookup(self, parts: Parts, probe: Probe, directions: tuple[str, ...]) -> Entry | None:
        """Return the member for what a packet shows in each dimension."""
        if "iface" in self.dimensions:
            return self._find_device(parts, probe, directions)
        for lengths in self._all_lengths():
            found = self._members.get(_shortened(parts, lengths))
            if found is not None:
                return found
        # A member without a hardware address takes that of its first packet (bitmap:ip,mac).
        return self._members.get((parts[0], None)) if self.type == "bitmap:ip,mac" else None

    def complete(self, entry: Entry, hardware: Part) -> None:
        """Give a member of bitmap:ip,mac the hardware address it came without."""
        del self._members[entry.parts]
        parts = (entry.parts[0], hardware)
        self._members[parts] = evolve(entry, parts=parts, text=None)

    def by_precedence(self) -> list[Entry]:
        """Return the members in the order in which they decide: the most specific first.

        For whoever has to work with open values: the first member that fits a packet decides about it.
        """
        places = self._network_places()
        return sorted(self, key=lambda entry: tuple(-_length(entry.parts[i]) for i in places))

    def _find_device(self, parts: Parts, probe: Probe, directions: tuple[str, ...]) -> Entry | None:
        inward = directions[1] == "src"
        plain = probe.in_interface if inward else probe.out_interface
        port = probe.bridge_port_in if inward else probe.bridge_port_out
        if not plain and not port:
            return None
        network = parts[0]
        assert isinstance(network, Prefix)
        nearest: dict[bool, Prefix] = {}
        for entry in self.by_precedence():
            held, device = entry.parts
            assert isinstance(held, Prefix)
            assert isinstance(device, Device)
            if network.address not in held:
                continue
            # Wider networks are looked at only where none is nearer. Ports of bridges count by themselves:
            # "physdev" is a part of what the kernel's table is ordered by.
            if nearest.setdefault(device.physdev, held) != held:
                continue
            name = port if device.physdev else plain
            if name and device.fits(name):
                return entry
        return None

    def parts_of(self, probe: Probe, directions: tuple[str, ...]) -> Parts | None:
        """Return what a packet shows in each dimension, None where it has no such thing."""
        parts = []
        for dimension, direction in zip(self.dimensions, directions, strict=False):
            part = READERS[dimension](self, probe, direction == "src")
            if part is None:
                return None
            parts.append(part)
        return tuple(parts)

    def _all_lengths(self) -> list[tuple[int, ...]]:
        """Return the combinations of prefix lengths that members have, the longest first."""
        if self._lengths is None:
            places = self._network_places()
            self._lengths = sorted(
                {tuple(_length(entry.parts[i]) for i in places) for entry in self}, reverse=True
            )
        return self._lengths

    def _network_places(self) -> tuple[int, ...]:
        return tuple(i for i, kind in enumerate(self.dimensions) if kind in ("ip", "net"))

    # ---- changes

    def add(self, entry: Entry, *, exist: bool = False) -> bool:
        """Add a member; False when it is there already or the set is full. ``exist`` replaces it."""
        there = entry.parts in self._members
        if (there and not exist) or (not there and len(self._members) >= self.options.maximum):
            return False
        self._members[entry.parts] = entry
        self._lengths = None
        self._next_end = min(self.next_end, entry.end)
        return True

    def move(self, parts: Parts, beside: Parts, *, behind: bool) -> bool:
        """Move a member of a list next to another; False when there is no such other."""
        if beside not in self._members or beside == parts:
            return False
        order = [entry for entry in self if entry.parts != parts]
        at = next(i for i, entry in enumerate(order) if entry.parts == beside) + behind
        self._members = {e.parts: e for e in (*order[:at], self._members[parts], *order[at:])}
        return True

    def delete(self, parts: Parts) -> bool:
        """Delete a member; False when there is none."""
        self._lengths = None
        return self._members.pop(parts, None) is not None

    def count(self, entry: Entry, length: int) -> None:
        """Count a packet of ``length`` bytes for a member, if the set has counters."""
        if self.options.counters:
            packets, octets = (entry.packets or 0) + 1, (entry.bytes or 0) + length
            self._members[entry.parts] = evolve(entry, packets=packets, bytes=octets, text=None)

    def entry_of(
        self, probe: Probe, directions: tuple[str, ...], timeout: int | None, now: float = 0.0
    ) -> Entry | None:
        """Return the member that ``-j SET`` adds or deletes for a packet; None when it has no such thing.

        Networks get the most specific length that the set has.
        """
        parts = self.parts_of(probe, directions)
        if parts is None:
            return None
        if "net" in self.dimensions:
            parts = self._with_set_lengths(parts)
        if self.dimensions[-1] == "iface":
            inward = directions[1] == "src"
            parts = (parts[0], Device(probe.in_interface if inward else probe.out_interface))
        default = self.options.timeout
        given = default if timeout is None or default is None else timeout  # without one the set has none
        counted = 0 if self.options.counters else None
        return Entry(parts, timeout=given, packets=counted, bytes=counted, since=now)

    def _with_set_lengths(self, parts: Parts) -> Parts:
        longest = list(self._all_lengths()[0]) if self._members else []
        if not longest:
            return parts
        places = self._network_places()
        lengths = tuple(
            length if self.dimensions[place] == "net" else self.options.bits
            for place, length in zip(places, longest, strict=True)
        )
        return _shortened(parts, lengths)


def _length(part: Part) -> int:
    assert isinstance(part, Prefix)
    return part.length


def _shortened(parts: Parts, lengths: tuple[int, ...]) -> Parts:
    """Return the parts with the addresses, in their order, cut to these lengths."""
    remaining = iter(lengths)
    return tuple(_cut(part, next(remaining)) if isinstance(part, Prefix) else part for part in parts)


def _cut(part: Prefix, length: int) -> Prefix:
    if length == part.length:
        return part
    mask = ((1 << length) - 1) << (part.bits - length)
    return Prefix(part.address & mask, length, part.bits)
