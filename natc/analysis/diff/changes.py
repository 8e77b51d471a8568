"""What two rulesets do differently, destination by destination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import evolve, field, frozen

from natc.analysis.backwards import Wanted
from natc.analysis.diff.asks import asks_of
from natc.analysis.diff.classes import DestinationClass, classes_of
from natc.analysis.diff.contrasts import Contrast, Unsure, contrasts
from natc.analysis.diff.differing import Compared, compared
from natc.analysis.diff.reach import covering, regions_of
from natc.analysis.diff.sides import Answer, Side
from natc.netfilter.header import PROTOCOLS
from natc.netfilter.intervals import ALL_PORTS, all_addresses
from natc.netfilter.kinds import address_of
from natc.netfilter.packet import Open, Packet, open_mark, question_packet
from natc.trace.starting import NOTHING_SHOWN

_NAMES = {number: name for name, number in reversed(PROTOCOLS.items())}
ORIGINS = ("network", "local")


@frozen(eq=False)
class Change:
    """A destination whose packets the two rulesets treat differently."""

    destination: DestinationClass
    address: str
    """The destination of the packets shown."""
    contrasts: tuple[Contrast, ...]
    """The first is that of the smallest packet."""
    name: str = ""
    """The service by the comment of a rule on the way; empty without one."""
    comment: str = ""

    @property
    def on_node(self) -> bool:
        """Whether it is a change for addresses of the node, whichever they are."""
        return self.contrasts[0].witness.needs_own(self.address)

    @property
    def proto(self) -> str:
        """The protocol by name, or by number where it has none."""
        return _NAMES.get(self.destination.protocol, str(self.destination.protocol))

    @property
    def dst(self) -> str:
        """IP:PORT, or :PORT for every address of the node."""
        return self._joined("" if self.on_node else self._host)

    @property
    def _host(self) -> str:
        return f"[{self.address}]" if ":" in self.address and self.destination.port else self.address

    def _joined(self, host: str) -> str:
        port = self.destination.port
        return host if port is None else f"{host}:{port}"

    def options(self, contrast: Contrast) -> tuple[str, ...]:
        """Return the words for ``natc trace`` that ask about a packet of this destination."""
        proto = () if self.proto == "tcp" else ("--proto", self.proto)
        return ("--dst", self._joined(self._host), *proto, *contrast.witness.options)


@frozen(eq=False)
class Difference:
    """What a comparison came to."""

    changes: tuple[Change, ...] = ()
    unsure: tuple[Unsure, ...] = ()
    """Questions that natc cannot decide and that may make more changes."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.unsure)


def compare(a: Side, b: Side, within: Wanted | None = None) -> Difference:
    """Return every destination whose packets meet different fates, and what cannot be told.

    ``within`` says which destinations are compared, None for all.
    """
    found, unsure = list[Change](), dict[tuple[str, str], Unsure]()
    comparison = _Comparison(a, b)
    for destination in comparison.classes(within or Wanted()):
        change, doubts = comparison.compared(destination)
        if change:
            found.append(change)
        for one in doubts:
            unsure.setdefault((one.question, one.side), one)
    return Difference(tuple(_told(found)), tuple(unsure.values()))


@frozen(eq=False)
class _Comparison:
    a: Side
    b: Side
    open_state: bool = field(init=False)
    """Whether packets of every state are compared; not where the connections are known."""

    @open_state.default
    def _open_state(self) -> bool:
        return all(side.start.connections is None for side in (self.a, self.b))

    def classes(self, within: Wanted) -> Iterator[DestinationClass]:
        """Yield the classes of destinations that may be treated differently."""
        family = self.a.ruleset.family
        found = compared(self.a.ruleset, self.b.ruleset)
        regions = self._regions(found, family) if found.alike and self._same_node else [Wanted()]
        asks = [
            ask
            for side, written in zip((self.a, self.b), found.sides, strict=True)
            for ask in asks_of(written, regions, *_asked(side))
        ]
        return classes_of(list(dict.fromkeys(asks)), regions, within, family, kept=False)

    @property
    def _same_node(self) -> bool:
        return self.a.node == self.b.node and self.a.start == self.b.start

    @staticmethod
    def _regions(found: Compared, family: int) -> list[Wanted]:
        return covering(region for side in found.sides for region in regions_of(side, family))

    def compared(self, destination: DestinationClass) -> tuple[Change | None, list[Unsure]]:
        """Compare what becomes of packets of a class from the network and from the node itself."""
        packet = open_packet(destination, open_state=self.open_state)
        found, unsure, answers = list[Contrast](), list[Unsure](), list[Answer]()
        for origin in ORIGINS:
            answers += (self.a.answer(packet, origin), self.b.answer(packet, origin))
            contrasting, doubts = contrasts(*answers[-2:])
            found += contrasting
            unsure += doubts
        if not found:
            return None, unsure
        names = (answer.names() for answer in answers)
        name, comment = next((given for given in names if given[0]), ("", ""))
        address = packet.show(packet.dst)
        found.sort(key=lambda one: not one.is_of_place)
        return Change(destination, address, tuple(found), name, comment), unsure


def _asked(side: Side) -> tuple[Any, Packet]:
    family = side.ruleset.family
    whole = all_addresses(32 if family == 4 else 128)
    packet = Packet(family, dst=Open("destination", "", whole), dport=Open("destination port", "", ALL_PORTS))
    nothing = side.start is NOTHING_SHOWN
    return None if nothing else side.start.memory(side.ruleset, side.backend), packet


def open_packet(destination: DestinationClass, *, open_state: bool = True) -> Packet:
    """Return the packet to a class of destinations that leaves open whatever a packet may be."""
    bits = 32 if destination.family == 4 else 128
    packet = question_packet(
        str(address_of(destination.address, bits)), destination.port, proto=destination.protocol,
        ctstate=None if open_state else "NEW",
    )  # fmt: skip
    return evolve(packet, mark=open_mark())


def _told(changes: Sequence[Change]) -> Iterator[Change]:
    """Put changes together that people take for one: every address of a node, loopback among them."""
    own = {(one.destination.ports, one.destination.protocols) for one in changes if one.on_node}
    seen = set[Any]()
    for change in sorted(changes, key=lambda one: (one.destination.special, one.name, one.on_node)):
        of = change.destination
        where = (of.ports, of.protocols)
        if (of.special and where in own) or (change.on_node and where in seen):
            continue
        if change.on_node:
            seen.add(where)
        yield change
