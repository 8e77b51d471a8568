"""Rules that no packet can reach or match, each with its proof.

A rule is shadowed when an earlier rule of its chain takes every packet that it asks for and lets none
go on. Earlier rules are looked up by the destination, source or destination port that they ask for,
so a chain of 40,000 rules costs 40,000 look-ups; what is found is then proved on the full conditions
(:mod:`natc.analysis.implication`). Later fragments of a packet have no ports; netfilter puts packets
together again before its tables see them wherever connections are tracked, and they are not thought of.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

from natc.analysis.chains.graph import ALL_PROTOCOLS, ChainGraph
from natc.analysis.implication import Asked, implies, impossible
from natc.netfilter.condition import All, In
from natc.netfilter.intervals import Intervals
from natc.netfilter.kinds.numbers import Probability
from natc.netfilter.matches.addrtype import Addrtype
from natc.netfilter.matches.comment import Comment
from natc.netfilter.matches.conntrack import Conntrack
from natc.netfilter.matches.nfacct import Nfacct
from natc.netfilter.matches.recent import Recent
from natc.netfilter.matches.sctp import Sctp
from natc.netfilter.matches.statistic import Statistic
from natc.netfilter.matches.tcp import Tcp
from natc.netfilter.matches.udp import Udp
from natc.netfilter.rule import Part, Rule, Shape
from natc.values import define, field, frozen

#: Places of a chance that stand for "look at all of the rule" and "no need to look".
_LOOK, _HARMLESS = -1, -2
#: So many earlier rules are held against one rule at most.
_HELD = 64
_PORTS = frozenset({"--dport", "--destination-port", "--destination-ports"})
#: Matches that ask one thing each: alone, no value of theirs asks too much.
_SIMPLE: frozenset[type] = frozenset({Addrtype, Comment, Conntrack, Nfacct, Recent, Sctp, Tcp, Udp})


@frozen
class Shadow:
    """A rule that no packet reaches, and the earlier rule that takes them all."""

    rule: Rule
    by: Rule


def shadows(graph: ChainGraph, chain: str) -> Iterator[Shadow]:
    """Yield the rules of a chain that an earlier one provably shadows, each with one that does."""
    rules = graph.sheets.numbered(chain)
    index = _Index(128 if rules and rules[0].shape.family == 6 else 32)
    tracked = graph.sheets.table.name != "raw"
    for rule in rules:
        keys = index.keys(rule)
        if index.entries:
            by = _shadowing(index, keys, rule, tracked)
            if by is not None:
                yield Shadow(rule, by)
                continue
        leaving = graph.leaves(rule)
        if leaving:
            index.enter(keys, _Earlier(rule, leaving))


@define
class Impossible:
    """Tells which rules no packet matches; looks closely only at those that could ask too much."""

    _places: dict[Shape, int] = field(factory=dict)
    """Of each shape: the place of its chance, :data:`_LOOK` or :data:`_HARMLESS`."""

    def chance(self, shape: Shape) -> int | None:
        """Return the place of the chance that alone could make rules of a shape ask too much, if any."""
        place = self._place(shape)
        return None if place in (_LOOK, _HARMLESS) else place

    def must_look(self, shape: Shape) -> bool:
        """Tell whether rules of a shape could ask too much in other ways."""
        return self._place(shape) == _LOOK

    def _place(self, shape: Shape) -> int:
        if shape not in self._places:
            self._places[shape] = _place_of_chance(shape)
        return self._places[shape]

    def __contains__(self, rule: Rule) -> bool:
        place = self._place(rule.shape)
        if place == _HARMLESS:
            return False
        if place == _LOOK:
            return impossible(rule.condition)
        return is_zero(rule.values[place])


@define
class _Earlier:
    """A rule that lets none of the packets it takes go on, if they are of its protocols."""

    rule: Rule
    leaving: Intervals
    _asked: Asked | None = None

    @property
    def asked(self) -> Asked:
        """What it asks, its protocols included."""
        if self._asked is None:
            condition = self.rule.condition
            if self.leaving != ALL_PROTOCOLS:
                condition = All((condition, In("proto", self.leaving)))
            self._asked = Asked.of(condition)
        return self._asked


def _shadowing(index: _Index, keys: _Keys, rule: Rule, tracked: bool) -> Rule | None:
    asked: Asked | None = None
    for earlier in index.candidates(keys):
        if asked is None:
            asked = Asked.of(rule.condition)
        if implies(asked, earlier.asked, tracked=tracked):
            return earlier.rule
    return None


# ---- the index


@frozen
class _Keys:
    """What a rule asks for, where that is one network or one port; None where it is not."""

    destination: tuple[int, int] | None
    """Address and prefix length."""
    source: tuple[int, int] | None
    port: str | None


_Place = tuple[str, int, int, str | None]


@define
class _Index:
    """Earlier rules by what they ask for."""

    bits: int
    entries: dict[_Place, list[_Earlier]] = field(factory=dict)
    lengths: dict[str, set[int]] = field(factory=dict)
    """The prefix lengths that networks of entered rules have."""
    shapes: dict[Shape, tuple[int | None, int | None, int | None]] = field(factory=dict)

    def keys(self, rule: Rule) -> _Keys:
        """Read a rule's keys off its words."""
        places = self.shapes.get(rule.shape)
        if places is None:
            places = self.shapes[rule.shape] = _places(rule.shape)
        to, source, port = places
        return _Keys(
            None if to is None else self._network(rule.values[to]),
            None if source is None else self._network(rule.values[source]),
            None if port is None else rule.values[port],
        )

    def enter(self, keys: _Keys, earlier: _Earlier) -> None:
        """Enter a rule under the one key by which all that it can shadow will be looked up."""
        network = keys.destination or keys.source
        side = "d" if keys.destination else "s" if keys.source else ""
        address, length = network or (0, 0)
        self.lengths.setdefault(side, set()).add(length)
        self.entries.setdefault((side, address, length, keys.port), []).append(earlier)

    def candidates(self, keys: _Keys) -> Iterator[_Earlier]:
        """Yield the earlier rules that may ask for everything that a rule asks for."""
        left = _HELD
        for side, network in (("", (0, 0)), ("d", keys.destination), ("s", keys.source)):
            for length in self.lengths.get(side, ()) if network else ():
                address, own = network or (0, 0)
                if length > own:
                    continue
                address = address >> (self.bits - length) << (self.bits - length)
                for port in dict.fromkeys((keys.port, None)):  # the same answer in every process
                    for earlier in self.entries.get((side, address, length, port), ()):
                        if not left:
                            return
                        left -= 1
                        yield earlier

    def _network(self, text: str) -> tuple[int, int] | None:
        host, slash, mask = text.partition("/")
        if slash and not mask.isdecimal():
            return None
        try:
            packed = inet_pton(AF_INET if self.bits == 32 else AF_INET6, host)
        except OSError:
            return None
        length = int(mask) if slash else self.bits
        return int.from_bytes(packed, "big") >> (self.bits - length) << (self.bits - length), length


def _places(shape: Shape) -> tuple[int | None, int | None, int | None]:
    header = shape.header
    port = None
    for part in shape.matches:
        if part.kind in (Tcp, Udp, Sctp):
            port = _literal(part, _PORTS)
    return (
        _literal(header, frozenset({"-d", "--dst", "--destination"})),
        _literal(header, frozenset({"-s", "--src", "--source"})),
        port,
    )


def _literal(part: Part, names: frozenset[str]) -> int | None:
    for use in part.uses:
        if use.name in names and not use.inverted and isinstance(use.words[0], int):
            return use.words[0]
    return None


def _place_of_chance(shape: Shape) -> int:
    """Return where a rule could ask too much: its chance, everywhere or nowhere.

    It cannot where everything is asked once, by matches of which no value alone asks too much.
    """
    kinds = [part.kind for part in shape.matches]
    if len(set(kinds)) < len(kinds) or not all(kind in _SIMPLE or kind is Statistic for kind in kinds):
        return _LOOK
    chances = [part for part in shape.matches if part.kind is Statistic]
    if not chances:
        return _HARMLESS
    place = _literal(chances[0], frozenset({"--probability"}))
    return _LOOK if place is None else place


@lru_cache(maxsize=4096)
def is_zero(text: str) -> bool:
    """Tell whether a probability is none at all."""
    return Probability().parse([text]) == 0
