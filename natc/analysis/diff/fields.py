"""The fields of a packet beyond addresses, ports, marks and states, where rules ask for them.

A trace is asked about one kind of packet: a SYN, an echo request, with the usual type of service and time
to live. Where a rule asks for one of these, the packets of every class that rules tell apart are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain as chained
from itertools import combinations, product
from typing import Any

from natc.analysis.diff.asks import leaves
from natc.analysis.diff.differing import Written
from natc.netfilter.condition import Bits, Computed, Condition, In
from natc.netfilter.intervals import numbers
from natc.netfilter.packet import Open, Packet
from natc.netfilter.ruleset import Book
from natc.values import define, evolve, field

#: The words of rules that ask for a field.
_WORDS = {
    "flags": (" --tcp-flags ", " --syn", " -m ecn "),
    "tos": (" -m tos ", " -m dscp ", " -m ecn "),
    "ttl": (" -m ttl ", " -m hl "),
    "icmp_type": (" --icmp-type ", " --icmpv6-type "),
    "length": (" -m length ",),
}
_FLAGS = ("SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR")
_TCP, _ICMP = 6, (1, 58)
#: Bytes of the smallest header of each family.
_HEADER = {4: 20, 6: 40}
_ANY = numbers(0, 255)


@define(eq=False)
class Fields:
    """What the rules of both sides ask of such fields."""

    sides: Sequence[Mapping[str, Written]]
    _asked: dict[str, list[Condition]] = field(factory=dict)
    _values: dict[str, list[Any]] = field(factory=dict)

    def packets(self, packet: Packet) -> Iterator[Packet]:
        """Yield the packets of each class that a packet may be of, the packet itself first."""
        fields = ["tos", "ttl", *(["flags"] if packet.proto == _TCP else [])]
        opened = self._opened(packet)
        for values in product(*(self._of(name, getattr(packet, name)) for name in fields)):
            chosen: dict[str, Any] = dict(zip(fields, values, strict=True))
            yield evolve(packet, **chosen, **opened)

    def _opened(self, packet: Packet) -> dict[str, Any]:
        """Return the fields that are left open, so that rules split them."""
        opened: dict[str, Any] = {}
        if self._conditions("length"):
            opened["length"] = Open("length", "", numbers(_HEADER[packet.family], 0xFFFF))
        if packet.proto in _ICMP and self._conditions("icmp_type"):
            opened |= {"icmp_type": Open("ICMP type", "", _ANY), "icmp_code": Open("ICMP code", "", _ANY)}
        return opened

    def _of(self, name: str, usual: Any) -> list[Any]:
        """Return a value of each class of a field's values, the usual one first."""
        if name not in self._values:
            asked = self._conditions(name)
            values = [usual, *_every(name)] if asked else [usual]
            classes: dict[tuple[bool, ...], Any] = {}
            for value in values:
                classes.setdefault(tuple(_holds(one, name, value) for one in asked), value)
            self._values[name] = [*classes.values()]
        return self._values[name]

    def _conditions(self, name: str) -> list[Condition]:
        """Return the conditions on a field, of either side."""
        if name not in self._asked:
            found = (leaf for rule_leaves in self._leaves(name) for leaf in rule_leaves if _asks(leaf, name))
            self._asked[name] = [*dict.fromkeys(found)]
        return self._asked[name]

    def _leaves(self, name: str) -> Iterator[Iterable[Condition]]:
        words = _WORDS[name]
        places = _places(words)
        for side in self.sides:
            tables = [table for table in side.values() if table.base is None]
            books = {key: book for table in tables for key, book in table.books.items()}
            spoken_of = any(_may_say(book, words) for book in books.values())
            for table in side.values():
                chains = table.news if table.base else table.chains_with(places) if spoken_of else table.made
                for rule in (rule for chain in chains for rule in chain.rules):
                    yield leaves(rule.condition, None, Packet())


def _may_say(book: Book, words: Iterable[str]) -> bool:
    """Tell whether some line may have an option; looking for ten in 18.9 MB takes 0.06 s of CPU."""
    known = book.option_words
    return any(word.strip() in known if known is not None else word in book.text for word in words)


def _places(words: Iterable[str]) -> Callable[[str], Iterator[int]]:
    def found(text: str) -> Iterator[int]:
        for word in words:
            place = text.find(word)
            while place >= 0:
                yield place
                place = text.find(word, place + 1)

    return found


def _asks(leaf: Condition, name: str) -> bool:
    if isinstance(leaf, In | Bits):
        return leaf.field == name
    return isinstance(leaf, Computed) and leaf.needs == (name,)


def _every(name: str) -> Iterable[Any]:
    if name != "flags":
        return (*range(1, 256), 0)
    sizes = (combinations(_FLAGS, size) for size in (*range(1, len(_FLAGS) + 1), 0))
    return (frozenset(flags) for flags in chained.from_iterable(sizes))


def _holds(condition: Condition, name: str, value: Any) -> bool:
    if isinstance(condition, In):
        return value in condition.values
    if isinstance(condition, Bits):
        return bool(value & condition.mask == condition.value)
    assert isinstance(condition, Computed)
    return bool(condition.holds(evolve(Packet(), **{name: value})))
