"""A chain's index: which rules a packet could match, in file order.

The index is a superset filter. It sorts rules by their only destination address and by their only
destination port, both read from the rule's own words without building the rule; every candidate is
then evaluated in full and in order, so the answer is that of the linear scan.

The rules of a chain that still stands in a text are found by their lines, and made when one of them is looked
at (:mod:`natc.trace.chain.lines_by_address`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from natc.netfilter.kinds.addresses import text_of
from natc.netfilter.packet import Open, Packet
from natc.netfilter.rule import Part, Rule, Shape
from natc.netfilter.ruleset import Book, Chain
from natc.values import define, field, frozen

if TYPE_CHECKING:
    from natc.trace.chain.lines_by_address import LinesByAddress

#: Chains of fewer rules are scanned.
_WORTH_IT = 16
_DST = frozenset({"-d", "--dst", "--destination"})
_DPORT = frozenset({"--dport", "--destination-port", "--destination-ports"})
#: Matches that change nothing and draw nothing: a port asked behind them may be asked before them.
_PURE = frozenset({"comment", "tcp", "udp", "sctp", "addrtype", "conntrack", "mark"})

#: An address as the index has it: of IPv4 as it is written, which saves reading it; of IPv6 its number.
Address = str | int
DOTTED = r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}"

Places = tuple[int | None, int | None]


@frozen
class ChainIndex:
    """Rule numbers, from 0, by what they ask of the destination."""

    by_address: dict[Address, list[int]] = field(factory=dict)
    by_port: dict[int, list[int]] = field(factory=dict)
    others: list[int] = field(factory=list)
    length: int = 0
    in_text: LinesByAddress | None = None
    """The rules for one address that still stand in a text, and in none of these lists."""

    def following(self, start: int, packet: Packet) -> int:
        """Return the first candidate from ``start`` on, or the chain's length."""
        dst, dport = packet.dst, packet.dport
        if not isinstance(dst, int) or not (dport is None or isinstance(dport, int)):
            return start
        return self._first(start, dst if packet.family == 6 else text_of(dst, 32), dport)

    def following_crowd(self, start: int, addresses: frozenset[Address], packet: Packet) -> int | None:
        """Return the first candidate for a packet to any of ``addresses``; None where a rule names one."""
        dport = packet.dport
        if isinstance(dport, Open):
            return start
        unnamed = addresses.isdisjoint(self.by_address) and not (
            self.in_text and self.in_text.names(addresses)
        )
        return self._first(start, None, dport) if unnamed else None

    def _first(self, start: int, address: Address | None, dport: int | None) -> int:
        lists = (
            None if address is None else self.by_address.get(address),
            None if address is None or self.in_text is None else self.in_text.numbers(address),
            self.others,
            None if dport is None else self.by_port.get(dport),
        )
        best = self.length
        for numbers in lists:
            if numbers:
                place = bisect_left(numbers, start)
                if place < len(numbers) and numbers[place] < best:
                    best = numbers[place]
        return best


def indexed(chain: Chain, family: int) -> tuple[Sequence[Rule], ChainIndex | None]:
    """Return the rules of a chain and their index, which is None for a chain that is quicker to scan."""
    passage = chain.passage
    found = _indexed_lines(*passage, family) if passage else None
    return found or (chain.rules, index_of(chain.rules))


def index_of(rules: Sequence[Rule]) -> ChainIndex | None:
    """Build the index of a chain, or return None for one that is quicker to scan."""
    if len(rules) < _WORTH_IT:
        return None
    index = ChainIndex(length=len(rules))
    places: dict[Shape, Places] = {}
    for number, rule in enumerate(rules):
        _enter(index, number, rule, places)
    return index


def _indexed_lines(book: Book, start: int, end: int, family: int) -> tuple[Sequence[Rule], ChainIndex] | None:
    """Return what :func:`indexed` does for lines; None if they are few, or one of them is several rules."""
    lines = book.text[start : end - 1].split("\n")
    if len(lines) < _WORTH_IT:
        return None
    from natc.trace.chain.lines_by_address import LinesByAddress

    rules = RulesInText(book, lines, book.number_at(start))
    in_text = LinesByAddress(book.text, start, end, family)
    index = ChainIndex(length=len(rules), in_text=in_text)
    places: dict[Shape, Places] = {}
    for number in in_text.others():
        if not rules.is_one(number):
            return None
        _enter(index, number, rules[number], places)
    return rules, index


@define(eq=False)
class RulesInText(Sequence[Rule]):
    """The rules of some lines, one each, made when they are looked at."""

    book: Book
    lines: list[str]
    number: int
    """The number of the first line."""
    _made: dict[int, list[Rule]] = field(factory=dict)

    def is_one(self, place: int) -> bool:
        """Tell whether a line holds one rule, and not several for a list of addresses."""
        return len(self._rules(place)) == 1

    def _rules(self, place: int) -> list[Rule]:
        if place not in self._made:
            self._made[place] = self.book.rules_of([self.lines[place]], self.number + place)
        return self._made[place]

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, place: int) -> Rule: ...
    @overload
    def __getitem__(self, place: slice) -> list[Rule]: ...
    def __getitem__(self, place: int | slice) -> Rule | list[Rule]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._rules(place)[0]


def _enter(index: ChainIndex, number: int, rule: Rule, places: dict[Shape, Places]) -> None:
    shape, values = rule.shape, rule.values
    found = places.get(shape)
    if found is None:
        found = places[shape] = _places(shape)
    dst, dport = found
    address = None if dst is None else single_address(values[dst], shape.family)
    if address is not None:
        index.by_address.setdefault(address, []).append(number)
    elif dport is not None and values[dport].isdecimal():
        index.by_port.setdefault(int(values[dport]), []).append(number)
    else:
        index.others.append(number)


def single_address(text: str, family: int) -> Address | None:
    """Return the only address that ``text`` means; None when there are more, or it is written unusually."""
    host, slash, mask = text.partition("/")
    if slash and mask != ("32" if family == 4 else "128"):
        return None
    if family == 4:
        return host if re.fullmatch(DOTTED, host) else None
    from socket import AF_INET6, inet_pton

    try:
        return int.from_bytes(inet_pton(AF_INET6, host), "big")
    except OSError:
        return None


def _places(shape: Shape) -> Places:
    """Where a rule of this shape says its destination address and port, if it can be looked up."""
    dport = None
    for part in shape.matches:
        if part.kind.name == "dccp":  # it asks the payload for its ports
            break
        dport = _literal(part, _DPORT)
        if dport is not None or part.kind.name not in _PURE:
            break
    return _literal(shape.header, _DST), dport


def _literal(part: Part, names: frozenset[str]) -> int | None:
    for use in part.uses:
        if use.name in names and not use.inverted and isinstance(use.words[0], int):
            return use.words[0]
    return None
