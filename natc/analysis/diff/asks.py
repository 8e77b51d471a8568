"""What rules ask of a packet's destination: the sets of addresses, ports and protocols in their conditions.

Two packets that are in the same of these sets, of both rulesets, go the same way through both. So the
destinations fall into finitely many classes, and one packet of each says all there is to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import frozen

from natc.analysis.backwards import Wanted
from natc.analysis.diff.differing import Written
from natc.netfilter.condition import All, Condition, In, Not, Remembered, Some, conjuncts
from natc.netfilter.intervals import Intervals
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.netfilter.ruleset import Rule

#: Options that ask for the destination's address, and one that asks for a single port of it.
_ADDRESS = re.compile(r" (?:-d|--dst|--destination|--dst-range|--match-set|--set) ")
_PORT = re.compile(r"(?<!! )--dport (\d{1,5})(?: |$)")
FIELDS = ("dst", "dport", "proto")


@frozen
class Ask:
    """What one rule asks of the destination."""

    dst: Intervals | None = None
    """Where the rule can match at all; None for everywhere."""
    dport: Intervals | None = None
    proto: Intervals | None = None
    cuts: tuple[tuple[str, Intervals], ...] = ()
    """The sets it asks about, field by field."""

    def meets(self, field: str, values: Intervals) -> bool:
        """Tell whether the rule can match packets whose field is one of some values."""
        own: Intervals | None = getattr(self, field)
        return own is None or bool(own & values)


def asks_of(
    side: Mapping[str, Written], regions: Iterable[Wanted], memory: Memory | None, packet: Packet
) -> Iterator[Ask]:
    """Yield what the rules of one side ask of destinations in some regions.

    ``memory`` is what the node remembers, ``packet`` one whose destination is open: what sets hold that
    are known is asked of them.
    """
    wide = [region for region in regions if not all(map(_single, (region.dst, region.dport, region.proto)))]
    if not wide:
        return
    ports = {region.dport.spans[0][0] for region in wide if region.dport and _single(region.dport)}
    narrow = all(_single(region.dport) and _single(region.proto) for region in wide)
    seen: set[Ask] = set()
    for table in side.values():
        chains = table.chains_with(_lines_about(ports)) if narrow else table.table.chains.values()
        for rule in (rule for chain in chains for rule in chain.rules):
            ask = ask_of(rule, memory, packet)
            if ask.cuts and ask not in seen:
                seen.add(ask)
                yield ask


def _single(values: Intervals | None) -> bool:
    return values is not None and values.single is not None


def _lines_about(ports: set[int]) -> Callable[[str], Iterator[int]]:
    """Return what finds lines that may ask for an address of packets to some ports.

    Most of the rules of a large node are for another port: these need not be made. 20,000 lines looked at
    take 0.03 s of CPU, measured.
    """

    def places(text: str) -> Iterator[int]:
        for found in _ADDRESS.finditer(text):
            place = found.start()
            end = text.find("\n", place)
            port = _PORT.search(text, place, end)
            if port is None or int(port[1]) in ports:
                yield place

    return places


def ask_of(rule: Rule, memory: Memory | None, packet: Packet) -> Ask:
    """Return what a rule asks of the destination."""
    known: dict[str, Intervals] = {}
    condition = rule.condition
    for part in conjuncts(condition):
        if isinstance(part, In) and part.field in FIELDS and isinstance(part.values, Intervals):
            before = known.get(part.field)
            known[part.field] = part.values if before is None else before & part.values
    cuts = dict.fromkeys(
        (leaf.field, leaf.values)
        for leaf in leaves(condition, memory, packet)
        if isinstance(leaf, In) and leaf.field in FIELDS and isinstance(leaf.values, Intervals)
    )
    return Ask(known.get("dst"), known.get("dport"), known.get("proto"), tuple(cuts))


def leaves(condition: Condition, memory: Memory | None, packet: Packet) -> Iterator[Condition]:
    """Yield the conditions that a condition is made of, known sets as what they hold."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from leaves(part, memory, packet)
    elif isinstance(condition, Not):
        yield from leaves(condition.body, memory, packet)
    elif isinstance(condition, Remembered):
        spread = condition.spread(memory, packet) if memory is not None and condition.spread else None
        yield from leaves(spread or condition.unknown, memory, packet)
    else:
        yield condition
