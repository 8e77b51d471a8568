"""The classes of destinations that two rulesets tell apart, and one packet of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import Any

from natc.analysis.backwards import Wanted
from natc.analysis.diff.asks import FIELDS, Ask
from natc.analysis.diff.mapped import Ends, first_address
from natc.netfilter.intervals import ALL_PORTS, Intervals, all_addresses, number, numbers, union
from natc.netfilter.packet import TRANSPORT_PORTS
from natc.values import evolve, frozen

#: What a packet is made of where no rule asks for its protocol: the first of these that is in the class.
_USUAL = {4: (6, 17, 1, 132, 253), 6: (6, 17, 58, 132, 253)}
_ICMP = {4: 1, 6: 58}
_EVERYBODY = number(0xFFFFFFFF)
#: Addresses that are of one type on every node: this network, loopback, groups, broadcast (RFC 6890).
_SPECIAL = {
    4: (numbers(0, 0), numbers(0, 0xFFFFFF), numbers(0x7F000000, 0x7FFFFFFF),
        numbers(0xE0000000, 0xEFFFFFFF), numbers(0xF0000000, 0xFFFFFFFF), _EVERYBODY),
    6: (number(0), number(1), numbers(0xFE80 << 112, (0xFEC0 << 112) - 1),
        numbers(0xFF << 120, (1 << 128) - 1)),
}  # fmt: skip

#: Masks of last bits, the longest first, with the sets of them that are told apart.
Cuts = Sequence[tuple[int, Sequence[Intervals]]]
_LOOPBACK = {4: numbers(0x7F000000, 0x7FFFFFFF), 6: number(1)}


@frozen
class DestinationClass:
    """Destinations that no rule of either ruleset tells apart."""

    addresses: Intervals
    ports: Intervals | None
    """None for protocols without ports."""
    protocols: Intervals
    family: int = 4
    ends: tuple[Ends, ...] = ()
    """Of the addresses only those that end in all of these ways, the longest first."""

    def __contains__(self, address: int) -> bool:
        return address in self.addresses and all(address in one for one in self.ends)

    @property
    def address(self) -> int:
        """The smallest address of the class, one that packets are sent to where it has such."""
        usual = first_address(self.addresses - _special(self.family), self.ends)
        found = first_address(self.addresses, self.ends) if usual is None else usual
        assert found is not None, "there is no class without addresses"
        return found

    @property
    def special(self) -> bool:
        """Whether the addresses are all of those that no packet to another node has."""
        return not self.addresses - _special(self.family)

    @property
    def loopback(self) -> bool:
        """Whether the addresses are all of loopback, and so the node's own."""
        return not self.addresses - _LOOPBACK[self.family]

    @property
    def everybody(self) -> bool:
        """Whether the address is the one that is delivered to every node of a network."""
        return self.family == 4 and self.addresses == _EVERYBODY

    @property
    def narrow(self) -> bool:
        """Whether it is about some ports only."""
        return self.ports is not None and self.ports != ALL_PORTS

    @property
    def port(self) -> int | None:
        """The smallest port of the class, 0 only if it is the only one."""
        if self.ports is None:
            return None
        return next((max(low, 1) for low, high in self.ports if high > 1), 0)

    @property
    def protocol(self) -> int:
        """The protocol of the class that people know best."""
        usual = (one for one in _USUAL[self.family] if one in self.protocols)
        return int(next(usual, self.protocols.spans[0][0]))


def _special(family: int) -> Intervals:
    return union(span for special in _SPECIAL[family] for span in special)


def smallest_address(addresses: Intervals, family: int) -> int:
    """Return the smallest address, one that is not special where there is such."""
    usual = addresses - _special(family)
    return int((usual or addresses).spans[0][0])


def classes_of(
    asks: Sequence[Ask],
    regions: Sequence[Wanted],
    within: Wanted,
    family: int,
    by_ends: Cuts = (),
) -> Iterator[DestinationClass]:
    """Yield the classes of the destinations in some regions, as far as they are within another.

    ``by_ends``: the sets of last bits of addresses that are told apart, too.
    """
    asks = [*asks, *map(_ask_of_region, regions)]  # so that what lies in two regions is one class
    seen = set[DestinationClass]()
    for region in regions:
        both = _intersection(region, within)
        for whole in _in_region(asks, both, family) if both else ():
            for one in _by_ends(whole, by_ends):
                if one not in seen:
                    seen.add(one)
                    yield one


def _by_ends(whole: DestinationClass, cuts: Cuts) -> Iterator[DestinationClass]:
    """Split a class by the last bits of addresses."""
    if whole.addresses.single is not None:
        yield whole
        return
    levels = [[Ends(mask, values) for values in atoms(numbers(0, mask), sets)] for mask, sets in cuts]
    for ends in product(*levels):
        if first_address(whole.addresses, ends) is not None:
            yield evolve(whole, ends=ends)


def _ask_of_region(region: Wanted) -> Ask:
    fields = {name: getattr(region, name) for name in FIELDS}
    return Ask(**fields, cuts=tuple((name, values) for name, values in fields.items() if values))


def _intersection(one: Wanted, other: Wanted) -> Wanted | None:
    """Return the destinations in both, None if there are none."""
    fields = {}
    for name in FIELDS:
        mine, theirs = getattr(one, name), getattr(other, name)
        fields[name] = theirs if mine is None else mine if theirs is None else mine & theirs
        if fields[name] is not None and not fields[name]:
            return None
    return Wanted(**fields)


def _in_region(asks: Sequence[Ask], region: Wanted, family: int) -> Iterator[DestinationClass]:
    for protocols, ported in _protocols(asks, region, family):
        asking = [ask for ask in asks if ask.meets("proto", protocols)]
        if not ported:
            if region.dport is None:
                for addresses in _addresses(asking, region, family):
                    yield DestinationClass(addresses, None, protocols, family)
            continue
        by_port = _ByPort.of(asking)
        cuts = (values for ask in asking for values in _sets(ask, "dport"))
        for ports in atoms(ALL_PORTS if region.dport is None else region.dport, cuts):
            for addresses in _addresses(by_port.asking(ports), region, family):
                yield DestinationClass(addresses, ports, protocols, family)


def _protocols(asks: Iterable[Ask], region: Wanted, family: int) -> Iterator[tuple[Intervals, bool]]:
    """Yield the classes of protocols, and whether they have ports."""
    ported = union((one, one + 1) for one in TRANSPORT_PORTS)
    whole = numbers(0, 255) if region.proto is None else region.proto
    cuts = (values for ask in asks for values in _sets(ask, "proto"))
    for protocols in atoms(whole, [ported, number(_ICMP[family]), *cuts]):
        yield protocols, protocols.spans[0][0] in ported


def _addresses(asks: Iterable[Ask], region: Wanted, family: int) -> list[Intervals]:
    whole = all_addresses(32 if family == 4 else 128) if region.dst is None else region.dst
    cuts = dict.fromkeys(values for ask in asks for values in _sets(ask, "dst"))
    return atoms(whole, [*_SPECIAL[family], *cuts])


def _sets(ask: Ask, field: str) -> Iterator[Intervals]:
    return (values for name, values in ask.cuts if name == field)


@frozen
class _ByPort:
    """Asks, by the only port that their rule can match."""

    single: dict[int, list[Ask]]
    others: list[Ask]

    @classmethod
    def of(cls, asks: Iterable[Ask]) -> _ByPort:
        out = cls({}, [])
        for ask in asks:
            port = None if ask.dport is None or ask.translated else ask.dport.single
            (out.others if port is None else out.single.setdefault(port, [])).append(ask)
        return out

    def asking(self, ports: Intervals) -> list[Ask]:
        """Return the asks of rules that can match some port of a class, and so all of them."""
        own = self.single.get(ports.spans[0][0], [])
        return [*own, *(ask for ask in self.others if ask.meets("dport", ports))]


def atoms(whole: Intervals, cuts: Iterable[Intervals]) -> list[Intervals]:
    """Return the classes of values that are in the same of some sets, the smallest value's first."""
    events: dict[int, set[int]] = {}
    for place, values in enumerate(dict.fromkeys([whole, *cuts])):
        for low, high in values & whole:
            events.setdefault(low, set()).add(place)
            events.setdefault(high, set()).add(place)
    inside = set[int]()
    found: dict[frozenset[int], list[tuple[int, int]]] = {}
    points = sorted(events)
    for point, behind in pairwise(points):
        inside ^= events[point]
        if inside:
            found.setdefault(frozenset(inside), []).append((point, behind))
    return [union(spans) for spans in found.values()]


def united(classes: Iterable[DestinationClass]) -> list[DestinationClass]:
    """Return the same destinations in fewer classes: those that differ in one field put together."""
    found = [*classes]
    for field in ("addresses", "ports", "protocols"):
        groups: dict[DestinationClass, list[Intervals | None]] = {}
        for one in found:
            groups.setdefault(_with(one, field, None), []).append(getattr(one, field))
        found = [_with(rest, field, _union(values)) for rest, values in groups.items()]
    return found


def _with(one: DestinationClass, field: str, values: Intervals | None) -> DestinationClass:
    changes: dict[str, Any] = {field: values}
    return evolve(one, **changes)


def _union(values: Sequence[Intervals | None]) -> Intervals | None:
    sets = [one for one in values if one is not None]
    return union(span for one in sets for span in one) if sets else None
