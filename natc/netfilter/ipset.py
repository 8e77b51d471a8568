"""ipset: the sets of a node, what is in them, and whether a packet is.

* :class:`IpSet` is one set: its type, options and members. :class:`Sets` holds the sets of a node by name
  and answers ``-m set --match-set NAME DIRECTIONS`` and ``-j SET``; it is forked with ``copy()``, which costs
  nothing until one of the two is changed.
* :class:`Probe` is what a set looks at in a packet.

A member is an :class:`Entry`, whose ``parts`` are values in the order of the set's dimensions:
:class:`~natc.netfilter.iproute.Prefix` for addresses and networks, :class:`PortPart`, :class:`Device`,
bytes for hardware addresses, numbers for marks, texts for the names of sets. There is no clock: members do
not time out. Reading and writing the text of ``ipset save`` is in :mod:`natc.text.ipset`.

Facts: net/netfilter/ipset/ of Linux 6.18 (ip_set_core.c, ip_set_hash_gen.h and the set types),
net/netfilter/xt_set.c; the man page ipset(8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import evolve, field

from natc.netfilter.iproute import Prefix
from natc.values import frozen

#: The dimensions of each type of set.
TYPES: dict[str, tuple[str, ...]] = {
    "hash:ip": ("ip",),
    "hash:mac": ("mac",),
    "hash:ip,mac": ("ip", "mac"),
    "hash:net": ("net",),
    "hash:net,net": ("net", "net"),
    "hash:ip,port": ("ip", "port"),
    "hash:net,port": ("net", "port"),
    "hash:ip,port,ip": ("ip", "port", "ip"),
    "hash:ip,port,net": ("ip", "port", "net"),
    "hash:ip,mark": ("ip", "mark"),
    "hash:net,port,net": ("net", "port", "net"),
    "hash:net,iface": ("net", "iface"),
    "bitmap:ip": ("ip",),
    "bitmap:ip,mac": ("ip", "mac"),
    "bitmap:port": ("port",),
    "list:set": ("set",),
}
#: Types whose sets hold no family of their own and so look at packets of both.
_ANY_FAMILY = frozenset({"hash:mac", "bitmap:port", "list:set"})

_ICMP, _ICMPV6 = 1, 58
_PORTED = frozenset({6, 17, 132, 136})


@frozen
class PortPart:
    """A protocol and a port; for ICMP type and code, ``type << 8 | code``; else 0."""

    proto: int
    port: int


@frozen
class Device:
    """The interface of a hash:net,iface member."""

    name: str
    physdev: bool = False
    """The port of a bridge, not the bridge."""
    wildcard: bool = False
    """Every interface whose name begins so."""

    def fits(self, name: str) -> bool:
        """Return whether an interface of that name is meant."""
        return name.startswith(self.name) if self.wildcard else name == self.name


Part = Prefix | PortPart | Device | bytes | int | str | None
Parts = tuple[Part, ...]


@frozen
class Entry:
    """One member of a set and what it carries along."""

    parts: Parts
    nomatch: bool = False
    """An exception: what falls under it is not in the set, whatever larger network holds it."""
    timeout: int | None = None
    """Seconds left."""
    packets: int | None = None
    bytes: int | None = None
    comment: str | None = None
    extras: tuple[tuple[str, str], ...] = ()
    """The words of skbmark, skbprio and skbqueue."""
    text: str | None = field(default=None, eq=False)
    """How it was written, for as long as nothing changed."""


@frozen
class SetOptions:
    """What ``create`` says of a set."""

    family: int = 4
    netmask: int | None = None
    """The mask laid over addresses before they are looked up (``netmask`` or ``bitmask``)."""
    mark_mask: int = 0xFFFFFFFF
    first: int | None = None
    """The range of a bitmap set: addresses or ports."""
    last: int | None = None
    timeout: int | None = None
    counters: bool = False
    maximum: int = 65536
    words: tuple[str, ...] = ()
    """Everything behind the type, as it was written."""

    @property
    def bits(self) -> int:
        return 32 if self.family == 4 else 128


@frozen
class Probe:
    """What sets look at in a packet. Addresses are integers."""

    family: int
    src: int
    dst: int
    proto: int
    sport: int = 0
    dport: int = 0
    icmp: int = 0
    """For ICMP: ``type << 8 | code``."""
    in_interface: str = ""
    out_interface: str = ""
    bridge_port_in: str = ""
    bridge_port_out: str = ""
    mark: int = 0
    link_src: bytes | None = None
    """Hardware addresses; None where the packet has none (sent by the node, or over lo)."""
    link_dst: bytes | None = None
    later_fragment: bool = False
    length: int = 0


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

    def copy(self) -> IpSet:
        """Return a set that can be changed without changing this one."""
        return IpSet(self.name, self.type, self.options, self._members.values())

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
            part = _READERS[dimension](self, probe, direction == "src")
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

    def entry_of(self, probe: Probe, directions: tuple[str, ...], timeout: int | None) -> Entry | None:
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
        given = self.options.timeout if timeout is None else timeout
        counted = 0 if self.options.counters else None
        return Entry(parts, timeout=given, packets=counted, bytes=counted)

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


# ---- what a packet shows in a dimension


def _address(found: IpSet, probe: Probe, source: bool) -> Part:
    address = probe.src if source else probe.dst
    bits = found.options.bits
    if found.type.startswith("bitmap:"):
        return _bitmap_address(found, address)
    if found.options.netmask is not None:
        address &= found.options.netmask
    # The address 0 stands for none in these sets.
    return Prefix(address, bits, bits) if address else None


def _bitmap_address(found: IpSet, address: int) -> Part:
    options = found.options
    if not (options.first or 0) <= address <= (options.last or 0):
        return None
    return Prefix(address & (0xFFFFFFFF if options.netmask is None else options.netmask), 32, 32)


def _network(found: IpSet, probe: Probe, source: bool) -> Part:
    return Prefix(probe.src if source else probe.dst, found.options.bits, found.options.bits)


def _port(found: IpSet, probe: Probe, source: bool) -> Part:
    port = probe.sport if source else probe.dport
    if found.type == "bitmap:port":
        usable = probe.proto in (6, 17) and not probe.later_fragment
        inside = (found.options.first or 0) <= port <= (found.options.last or 0)
        return PortPart(0, port) if usable and inside else None
    if probe.proto in _PORTED:
        return None if probe.later_fragment else PortPart(probe.proto, port)
    if probe.proto in (_ICMP, _ICMPV6):
        return PortPart(probe.proto, probe.icmp)
    return PortPart(probe.proto, 0)


def _hardware(found: IpSet, probe: Probe, source: bool) -> Part:
    address = probe.link_src if source else probe.link_dst
    return address if address and any(address) else None


def _mark(found: IpSet, probe: Probe, source: bool) -> Part:
    return probe.mark & found.options.mark_mask


def _device(found: IpSet, probe: Probe, source: bool) -> Part:
    return Device(probe.in_interface if source else probe.out_interface)


_READERS: dict[str, Callable[[IpSet, Probe, bool], Part]] = {
    "ip": _address,
    "net": _network,
    "port": _port,
    "mac": _hardware,
    "mark": _mark,
    "iface": _device,
}


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
    ) -> bool:
        """``-j SET --add-set``: add what a packet shows; False when nothing was added."""
        found = self.get(name)
        if found is None or not directions:
            return False
        if found.type == "list:set":
            names = [str(entry.parts[0]) for entry in found]
            return any(self.add_packet(n, directions, probe, exist=exist, timeout=timeout) for n in names)
        entry = found.entry_of(probe, directions, timeout) if found.sees(probe, directions) else None
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
