"""A chain's index: which rules a packet could match, in file order.

The index is a superset filter. It sorts rules by their only destination address and by their only
destination port, both read from the rule's own words without building the rule; every candidate is
then evaluated in full and in order, so the answer is that of the linear scan.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_pton

from attrs import field

from natc.netfilter.packet import Packet
from natc.netfilter.ruleset import Part, Rule, Shape
from natc.values import frozen

#: Chains shorter than this are scanned.
_WORTH_IT = 16
_DST = frozenset({"-d", "--dst", "--destination"})
_DPORT = frozenset({"--dport", "--destination-port", "--destination-ports"})
#: Matches that change nothing and draw nothing: a port asked behind them may be asked before them.
_PURE = frozenset({"comment", "tcp", "udp", "sctp", "addrtype", "conntrack", "mark"})

Places = tuple[int | None, int | None]


@frozen
class ChainIndex:
    """Rule numbers, from 0, by what they ask of the destination."""

    by_address: dict[int, list[int]] = field(factory=dict)
    by_port: dict[int, list[int]] = field(factory=dict)
    others: list[int] = field(factory=list)
    length: int = 0

    def following(self, start: int, packet: Packet) -> int:
        """Return the first candidate from ``start`` on, or the chain's length."""
        dst, dport = packet.dst, packet.dport
        if not isinstance(dst, int) or not (dport is None or isinstance(dport, int)):
            return start
        lists = (self.by_address.get(dst), self.others, None if dport is None else self.by_port.get(dport))
        best = self.length
        for numbers in lists:
            if numbers:
                place = bisect_left(numbers, start)
                if place < len(numbers) and numbers[place] < best:
                    best = numbers[place]
        return best


def index_of(rules: Sequence[Rule]) -> ChainIndex | None:
    """Build the index of a chain, or return None for one that is quicker to scan."""
    if len(rules) < _WORTH_IT:
        return None
    index = ChainIndex(length=len(rules))
    places: dict[Shape, Places] = {}
    for number, rule in enumerate(rules):
        shape = rule.shape
        found = places.get(shape)
        if found is None:
            found = places[shape] = _places(shape)
        _enter(index, number, rule.values, found, shape.family)
    return index


def _enter(index: ChainIndex, number: int, values: Sequence[str], places: Places, family: int) -> None:
    dst, dport = places
    address = None if dst is None else _single_address(values[dst], family)
    if address is not None:
        index.by_address.setdefault(address, []).append(number)
    elif dport is not None and values[dport].isdecimal():
        index.by_port.setdefault(int(values[dport]), []).append(number)
    else:
        index.others.append(number)


def _single_address(text: str, family: int) -> int | None:
    host, slash, mask = text.partition("/")
    if slash and mask != ("32" if family == 4 else "128"):
        return None
    try:
        return int.from_bytes(inet_pton(AF_INET if family == 4 else AF_INET6, host), "big")
    except OSError:
        return None


def _places(shape: Shape) -> Places:
    """Where a rule of this shape says its destination address and port, if it can be looked up."""
    dport = None
    for part in shape.matches:
        dport = _literal(part, _DPORT)
        if dport is not None or part.kind.name not in _PURE:
            break
    return _literal(shape.header, _DST), dport


def _literal(part: Part, names: frozenset[str]) -> int | None:
    for use in part.uses:
        if use.name in names and not use.inverted and isinstance(use.words[0], int):
            return use.words[0]
    return None
