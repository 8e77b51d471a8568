"""Destinations that NETMAP tells apart: it replaces the network, so rules behind it ask for the last bits.

Where a rule is for a network of its own, the addresses that are mapped into a set are made one by one. For
all addresses these would be millions: there the last bits are told apart, alike in every network.
Fact: net/netfilter/xt_NETMAP.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from natc.analysis.diff.asks import Ask, conjunct_of
from natc.analysis.diff.differing import Written
from natc.netfilter.intervals import Intervals, all_addresses, numbers, union
from natc.netfilter.kinds.addresses import Network
from natc.netfilter.targets.netmap import Netmap
from natc.values import frozen

#: More stretches than this are not made of one set of addresses.
_MOST = 1 << 10


@frozen
class Ends:
    """Addresses by their last bits."""

    mask: int
    values: Intervals

    def __contains__(self, address: int) -> bool:
        return bool((address & self.mask) in self.values)

    def within(self, low: int, high: int) -> Iterator[Intervals]:
        """Yield some of the addresses from ``low`` on, below ``high``, that end so.

        Those of the first network and of the last; one between says what all others do.
        """
        size, first = self.mask + 1, low & ~self.mask
        for base in dict.fromkeys((first, min(first + size, high - 1 & ~self.mask), high - 1 & ~self.mask)):
            yield Intervals(((low, high),)) & _moved(self.values, base)


def first_address(addresses: Intervals, ends: Sequence[Ends]) -> int | None:
    """Return the smallest of some addresses that ends so, None if none does; the longest ends first."""
    if not ends:
        return addresses.spans[0][0] if addresses else None
    parts = (part for span in addresses for part in ends[0].within(*span))
    found = (first_address(part, ends[1:]) for part in parts if part)
    return next((one for one in found if one is not None), None)


def _moved(values: Intervals, base: int) -> Intervals:
    return Intervals(tuple((base + low, base + high) for low, high in values))


@frozen
class Mapping:
    """A rule with NETMAP: the network it maps to, and the destinations it can be for."""

    network: Network
    dst: Intervals | None

    @property
    def hosts(self) -> int:
        """The bits of an address that are kept."""
        return self.network.mask ^ (1 << self.network.bits) - 1

    @property
    def region(self) -> Intervals:
        return all_addresses(self.network.bits) if self.dst is None else self.dst

    @property
    def is_wide(self) -> bool:
        """Whether the destinations are more networks than can be told apart one by one."""
        networks = [(high - low) // (self.hosts + 1) + 1 for low, high in self.region]
        return bool(sum(networks) > _MOST)

    def ends(self, values: Intervals) -> Intervals:
        """Return the last bits of the addresses that are mapped into a set."""
        first = self.network.address & self.network.mask
        inside = values & numbers(first, first | self.hosts)
        return Intervals(tuple((low - first, high - first) for low, high in inside))

    def before(self, values: Intervals) -> Intervals:
        """Return the destinations that are mapped into a set; only of a mapping that is not wide."""
        ends, whole = self.ends(values), self.hosts + 1
        return self.region & union(
            (base + low, base + high)
            for start, stop in self.region
            for base in range(start & ~self.hosts, stop, whole)
            for low, high in ends
        )


def mappings_of(side: dict[str, Written], bits: int) -> Iterator[Mapping]:
    """Yield what rules of one side map."""
    chains = side["nat"].table.chains.values() if "nat" in side else ()
    for rule in (rule for chain in chains for rule in chain.rules):
        if rule.shape.target is not None and rule.shape.target.kind is Netmap:
            target = rule.target
            if isinstance(target, Netmap) and target.to is not None and target.to.bits == bits:
                yield Mapping(target.to, conjunct_of(rule.condition, "dst"))


def asks_before(mappings: Iterable[Mapping], asked: Sequence[Intervals]) -> Iterator[Ask]:
    """Yield what mappings of some networks make of the sets that are asked for behind them."""
    for mapping in mappings:
        if not mapping.is_wide:
            yield Ask(cuts=tuple(("dst", found) for one in asked if (found := mapping.before(one))))


def cuts_by_ends(
    mappings: Iterable[Mapping], asked: Sequence[Intervals]
) -> list[tuple[int, list[Intervals]]]:
    """Return how many last bits mappings of whole ranges of networks keep, the most first, as masks.

    With each the sets of last bits that are told apart behind them.
    """
    found: dict[int, dict[Intervals, None]] = {}
    for mapping in mappings:
        if mapping.is_wide and mapping.hosts:
            whole = numbers(0, mapping.hosts)
            cuts = (ends for each in asked if (ends := mapping.ends(each)) and ends != whole)
            found.setdefault(mapping.hosts, {}).update(dict.fromkeys(cuts))
    return [(mask, [*found[mask]]) for mask in sorted(found, reverse=True) if found[mask]]
