"""What each pod gets of the connections that a balancer hands to its nodes.

A node's part is its weight over that of all nodes, times the odds with which its rules choose the pod.
Odds are whole numbers of 2^-31 multiplied, weights any ratios: the sums are exact fractions. What hangs on
the packet (its source) makes cases; what hangs on something unknown of a node widens a share to a range.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, product
from math import lcm
from typing import Any

from natc.analysis.own_address import ANY_NODE
from natc.analysis.shares import BROUGHT, Asked, NodeShares, Place, Way
from natc.errors import UsageError
from natc.netfilter.intervals import Intervals, union
from natc.netfilter.packet import Open
from natc.probability import Odds, total
from natc.trace.answer.outcome import Endpoint
from natc.trace.answer.wording import phrase
from natc.values import evolve, frozen

#: So many sets of conditions are worked out. Where each node masquerades all but its own pods, as with
#: kube-proxy's detection by NodeCIDR, there are as many as nodes: of interest is the rest of the world.
_MOST_CASES = 32


@frozen
class Node:
    """One node behind the balancer."""

    name: str
    weight: Fraction
    answer: NodeShares


@frozen
class Part:
    """A part of all connections; a range where something of a node is not known."""

    low: Fraction
    high: Fraction

    @property
    def exact(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high


NONE = Part(Fraction(0), Fraction(0))


@frozen(slots=False)
class BalanceCase:
    """What becomes of the connections under one set of conditions."""

    brought: Mapping[str, Intervals]
    parts: Mapping[Place, Part]
    """By pod and by the verdict of what gets to none; if all are exact they sum to 1."""
    seen: tuple[str, ...]
    """What pods may see as the source."""

    @cached_property
    def lost(self) -> dict[str, Part]:
        """What gets to no pod, by its verdict."""
        return {place: part for place, part in self.parts.items() if isinstance(place, str)}


@frozen(slots=False)
class Balance:
    """The whole answer."""

    asked: Asked
    nodes: tuple[Node, ...]
    weights: tuple[Fraction, ...]
    """Each node's part of the connections; 0 for one that fails its health check."""
    cases: tuple[BalanceCase, ...]
    """The widest set of sources first."""
    left_out: int = 0
    """How many narrower sets of conditions were not worked out."""

    @cached_property
    def pods(self) -> tuple[Endpoint, ...]:
        """Every pod that some node sends something to in some case."""
        found = {place for case in self.cases for place in case.parts if isinstance(place, Endpoint)}
        return tuple(sorted(found, key=str))

    def shares(self, case: BalanceCase) -> list[tuple[Endpoint, Part]]:
        """Return what each pod gets, the least first."""
        found = [(pod, case.parts.get(pod, NONE)) for pod in self.pods]
        return sorted(found, key=lambda entry: (entry[1].low, entry[1].high))

    def told(self, brought: Mapping[str, Intervals]) -> tuple[str, ...]:
        """Return conditions in words, those that ask nothing left out."""
        family = self.nodes[0].answer.family
        packet, values = self.asked.packet(ANY_NODE[family]), _values(self.asked, family)
        return tuple(
            phrase(packet, values[kind], domain)
            for kind, domain in brought.items()
            if domain != values[kind].domain
        )

    def unevenness(self, case: BalanceCase) -> Fraction | None:
        """Return how many times the least share the greatest is; None where the least is 0 or a range."""
        parts = [part for _, part in self.shares(case)]
        if not parts or not parts[0].low or not all(part.exact for part in parts):
            return None
        return parts[-1].low / parts[0].low


def balance(asked: Asked, nodes: Sequence[Node], *, health_check: bool = False) -> Balance:
    """Put the answers of nodes together; with ``health_check`` those without local endpoints get nothing.

    When that is all of them there are no cases. Raises :class:`~natc.errors.UsageError` when all weights
    are 0, or when the dumps are not all of one family.
    """
    if len({node.answer.family for node in nodes}) > 1:
        raise UsageError("the dumps are not all of one family", expected="all IPv4 or all IPv6")
    given = [
        Fraction(0) if health_check and not node.answer.local_endpoints else node.weight for node in nodes
    ]
    if not any(node.weight for node in nodes):
        raise UsageError("every node has weight 0: the balancer has none to choose")
    whole = sum(given)
    if not whole:
        return Balance(asked, tuple(nodes), tuple(given), ())
    weights = tuple(weight / whole for weight in given)
    groups = _grouped(nodes, weights)
    conditions = _conditions(_values(asked, nodes[0].answer.family), groups)
    cases = _merged([_case(groups, brought) for brought in conditions[:_MOST_CASES]])
    cases.sort(key=lambda case: _size(case.brought), reverse=True)
    return Balance(asked, tuple(nodes), weights, tuple(cases), len(conditions[_MOST_CASES:]))


_Groups = Mapping[tuple[Way, ...], Fraction]


def _grouped(nodes: Sequence[Node], weights: Sequence[Fraction]) -> _Groups:
    """Return the weight of the nodes that answer alike: often all of them do."""
    found: dict[tuple[Way, ...], Fraction] = {}
    for node, weight in zip(nodes, weights, strict=True):
        found[node.answer.ways] = found.get(node.answer.ways, Fraction(0)) + weight
    return found


# ---- cases


def _values(asked: Asked, family: int) -> dict[str, Open]:
    """Return what the question leaves open of what the packet brings, by its kind."""
    packet = asked.packet(ANY_NODE[family])
    brought = (packet.src, packet.sport, packet.in_interface)
    return {kind: value for kind, value in zip(BROUGHT, brought, strict=True) if isinstance(value, Open)}


def _conditions(values: Mapping[str, Open], groups: _Groups) -> list[dict[str, Intervals]]:
    """Return sets of conditions that exclude each other, the widest first.

    They are so fine that no node tells apart within one.
    """
    known: dict[str, dict[Intervals, None]] = {}
    for ways in groups:
        for way in ways:
            for kind, domain in way.brought:
                known.setdefault(kind, {})[domain] = None
    kinds = [kind for kind in values if kind in known]
    split = [_split([*known[kind], values[kind].domain]) for kind in kinds]
    chosen = (dict(zip(kinds, parts, strict=True)) for parts in product(*split))
    return sorted(chosen, key=_size, reverse=True)


def _split(domains: Sequence[Any]) -> list[Intervals]:
    """Return the coarsest sets of which each of some sets of ordered values is a union, in one sweep."""
    turns: dict[Any, int] = {}
    for number, domain in enumerate(domains):
        for edge in (edge for span in domain for edge in span):
            turns[edge] = turns.get(edge, 0) ^ 1 << number
    edges, inside = sorted(turns), 0
    found: dict[int, list[tuple[Any, Any]]] = {}
    for low, high in pairwise(edges):
        inside ^= turns[low]
        found.setdefault(inside, []).append((low, high))
    return [union(spans) for members, spans in found.items() if members]


def _case(groups: _Groups, brought: Mapping[str, Intervals]) -> BalanceCase:
    """Sum what the nodes do under some conditions."""
    whole = lcm(*(weight.denominator for weight in groups.values()))
    sums: dict[Place, tuple[list[Odds], list[Odds]]] = {}
    seen: dict[str, None] = {}
    for ways, weight in groups.items():
        times = int(weight * whole)
        possible = [way for way in ways if times and _holds(way, brought)]
        for way in possible:
            seen |= dict.fromkeys(way.seen)
        for place, (low, high) in _extremes(possible).items():
            lows, highs = sums.setdefault(place, ([], []))
            lows.append(Odds(low.num * times, low.exp))
            highs.append(Odds(high.num * times, high.exp))
    parts = {
        place: Part(_fraction(lows, whole), _fraction(highs, whole)) for place, (lows, highs) in sums.items()
    }
    return BalanceCase(dict(brought), parts, tuple(sorted(seen)))


def _holds(way: Way, brought: Mapping[str, Intervals]) -> bool:
    return all(brought[kind] & domain for kind, domain in way.brought)


def _extremes(ways: Sequence[Way]) -> dict[Place, tuple[Odds, Odds]]:
    """Return the least and the most that goes to each place, whichever of the ways is the node's."""
    if len(ways) == 1:
        return {place: (odds, odds) for place, odds in ways[0].parts}
    each = [dict(way.parts) for way in ways]
    places = dict.fromkeys(place for parts in each for place in parts)
    found = {place: [parts.get(place, Odds(0)) for parts in each] for place in places}
    return {place: (min(odds), max(odds)) for place, odds in found.items()}


def _fraction(parts: Iterable[Odds], whole: int) -> Fraction:
    odds = total(parts)
    return Fraction(odds.num, whole << odds.exp)


def _merged(cases: list[BalanceCase]) -> list[BalanceCase]:
    """Join cases with the same answer whose conditions differ in one value."""
    for kind in BROUGHT:
        groups: dict[Any, list[BalanceCase]] = {}
        for case in cases:
            rest = frozenset((other, domain) for other, domain in case.brought.items() if other != kind)
            groups.setdefault((rest, frozenset(case.parts.items())), []).append(case)
        cases = [_joined(group, kind) for group in groups.values()]
    return cases


def _joined(group: Sequence[BalanceCase], kind: str) -> BalanceCase:
    first, *others = group
    for other in others:
        domain = first.brought[kind] | other.brought[kind]
        seen = tuple(sorted({*first.seen, *other.seen}))
        first = evolve(first, brought={**first.brought, kind: domain}, seen=seen)
    return first


def _size(brought: Mapping[str, Intervals]) -> int:
    """Return of how many sources conditions are; without a word on the source they are of all."""
    spans = brought.get("source")
    return 1 << 128 if spans is None else sum(high - low for low, high in spans)
