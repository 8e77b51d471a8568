"""What rules ask of a packet's destination: the sets of addresses, ports and protocols in their conditions.

Two packets that are in the same of these sets, of both rulesets, go the same way through both. So the
destinations fall into finitely many classes, and one packet of each says all there is to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from natc.analysis.backwards import Wanted
from natc.analysis.diff.differing import Written
from natc.netfilter.condition import All, Condition, In, Not, Remembered, Some, conjuncts
from natc.netfilter.effect import Translate
from natc.netfilter.intervals import Intervals, number, numbers
from natc.netfilter.memory import Memory
from natc.netfilter.node.iproute import PolicyRule, Prefix
from natc.netfilter.packet import Packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain
from natc.netfilter.targets.dnat import Dnat
from natc.netfilter.targets.redirect import Redirect
from natc.trace.node.view import NodeView, OpenNode
from natc.values import frozen

#: Options that ask for the destination's address, and one that asks for a single port of it.
_ADDRESS = re.compile(r" (?:-d|--dst|--destination|--dst-range|--match-set|--set) ")
_PORT = re.compile(r"(?<!! )--dport (\d{1,5})(?: |$)")
#: Translations of the destination but for those to one port, of one address or the node itself: they keep
#: the port, choose it from a range, or keep a part of the address.
_KEEPING = re.compile(
    r" -j (?:DNAT|REDIRECT|NETMAP)\b"
    r"(?! --to-destination (?:[\d.]+|\[[\da-fA-F:.]+\]):\d+$| --to-ports \d+$)",
    re.MULTILINE,
)
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
    translated: bool = False
    """Whether packets may come to it with a port or a part of an address that a translation has kept: what
    else it asks of the destination is then no matter of the packet as it was sent."""

    def meets(self, field: str, values: Intervals) -> bool:
        """Tell whether the rule can match packets that were sent with one of some values in a field."""
        own: Intervals | None = getattr(self, field)
        return own is None or (self.translated and field != "proto") or bool(own & values)


def asks_of(
    side: Mapping[str, Written],
    regions: Iterable[Wanted],
    memory: Memory | None,
    packet: Packet,
    *,
    kept: bool,
) -> Iterator[Ask]:
    """Yield what the rules of one side ask of destinations in some regions.

    ``memory`` is what the node remembers, ``packet`` one whose destination is open: what sets hold that
    are known is asked of them. ``kept``: whether a translation of either side keeps the destination's port,
    or a part of its address. What a table's base asks is left out, unless it may be another thing here.
    """
    wide = [region for region in regions if not all(map(_single, (region.dst, region.dport, region.proto)))]
    if not wide:
        return
    ports = {region.dport.spans[0][0] for region in wide if region.dport and _single(region.dport)}
    narrow = all(_single(region.dport) and _single(region.proto) for region in wide)
    seen: set[Ask] = set()
    for name, table in side.items():
        late = kept and name != "nat"
        if table.base is not None and not kept:
            chains: Iterable[Chain] = table.news
        elif kept or not narrow:
            chains = table.table.chains.values()
        else:
            chains = table.chains_with(_lines_about(ports))
        behind = _behind_translation(table) if kept and name == "nat" else frozenset()
        for chain in chains:
            for rule in chain.rules:
                ask = ask_of(rule, memory, packet, translated=late or chain.name in behind)
                if ask.cuts and ask not in seen:
                    seen.add(ask)
                    yield ask


def keeps(side: Mapping[str, Written]) -> bool:
    """Tell whether a translation of one side keeps the destination's port, or a part of its address."""
    return "nat" in side and side["nat"].says(_KEEPING)


def _behind_translation(nat: Written) -> frozenset[str]:
    """Return the chains of nat to which packets come with a translated destination."""
    chains = nat.table.chains
    found, waiting = set[str](), ["INPUT", "POSTROUTING"]
    while waiting:
        name = waiting.pop()
        if name not in found and name in chains:
            found.add(name)
            waiting += (rule.jump for rule in chains[name].rules if rule.jump is not None)
    return frozenset(found)


def asks_of_node(node: NodeView | None) -> Iterator[Ask]:
    """Yield what a node that is known asks of destinations: its addresses, routes and policy rules."""
    if isinstance(node, OpenNode):
        yield Ask(cuts=tuple(("dst", number(address)) for address in node.addresses or ()))
    elif node is not None and node.host is not None:
        for route in node.host.fib.routes:
            yield Ask(cuts=(("dst", _network(route.destination)),))
        for rule in node.host.rules:
            yield Ask(cuts=tuple(_policy_sets(rule)))


def _policy_sets(rule: PolicyRule) -> Iterator[tuple[str, Intervals]]:
    if rule.destination is not None:
        yield "dst", _network(rule.destination)
    if rule.dports is not None:
        yield "dport", numbers(*rule.dports)
    if rule.protocol is not None:
        yield "proto", number(rule.protocol)


def _network(prefix: Prefix) -> Intervals:
    return numbers(prefix.address, prefix.address | (1 << prefix.bits - prefix.length) - 1)


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


def ask_of(rule: Rule, memory: Memory | None, packet: Packet, *, translated: bool = False) -> Ask:
    """Return what a rule asks of the destination; of a translation to a range of ports, that range."""
    condition = rule.condition
    dst, dport, proto = (conjunct_of(condition, name) for name in FIELDS)
    cuts = dict.fromkeys(
        (leaf.field, leaf.values)
        for leaf in leaves(condition, memory, packet)
        if isinstance(leaf, In) and leaf.field in FIELDS and isinstance(leaf.values, Intervals)
    )
    cuts |= dict.fromkeys(("dport", ports) for ports in _kept_ports(rule))
    return Ask(dst, dport, proto, tuple(cuts), translated)


def conjunct_of(condition: Condition, name: str) -> Intervals | None:
    """Return the values of a field for which a condition can hold; None for all."""
    values: Intervals | None = None
    for part in conjuncts(condition):
        if isinstance(part, In) and part.field == name and isinstance(part.values, Intervals):
            values = part.values if values is None else values & part.values
    return values


def _kept_ports(rule: Rule) -> Iterator[Intervals]:
    """Yield the ports that a translation to a range keeps."""
    target = rule.shape.target
    if target is not None and target.kind in (Dnat, Redirect):
        effect = rule.target.effect() if isinstance(rule.target, Dnat | Redirect) else None
        ports = effect.to.ports if isinstance(effect, Translate) else getattr(effect, "ports", None)
        if ports is not None and ports.low < ports.high:
            yield numbers(ports.low, ports.high)


def leaves(condition: Condition, memory: Memory | None, packet: Packet) -> Iterator[Condition]:
    """Yield the conditions that a condition is made of, known sets as what they hold."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from leaves(part, memory, packet)
    elif isinstance(condition, Not):
        yield from leaves(condition.body, memory, packet)
    elif isinstance(condition, Remembered):
        known = memory is not None and condition.key is not None and memory.get(condition.key) is not None
        spread = condition.spread(memory, packet) if known and memory and condition.spread else None
        yield from leaves(spread or condition.unknown, memory, packet)
    else:
        yield condition
