"""What two rulesets do differently, destination by destination."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from natc.analysis.backwards import Wanted
from natc.analysis.diff.asks import Ask, asks_of, asks_of_node, keeps
from natc.analysis.diff.classes import Cuts, DestinationClass, classes_of, united
from natc.analysis.diff.contrasts import Contest, Contrast, Unsure
from natc.analysis.diff.differing import Compared, compared
from natc.analysis.diff.fields import Fields
from natc.analysis.diff.mapped import asks_before, cuts_by_ends, mappings_of
from natc.analysis.diff.reach import covering, regions_of
from natc.analysis.diff.sides import Side
from natc.netfilter.header import PROTOCOLS
from natc.netfilter.intervals import ALL_PORTS, all_addresses, name, union
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.packet import INCOMING, OWNER, Open, Packet, open_mark, question_packet
from natc.trace.starting import NOTHING_SHOWN
from natc.values import evolve, field, frozen

if TYPE_CHECKING:
    from natc.text.revised import Revision

_NAMES = {number: name for name, number in reversed(PROTOCOLS.items())}
_TCP = 6
#: The letter of an id and the word for whose it is.
_SENDER = (("u", "user"), ("g", "group"))
ORIGINS = ("network", "local")


@frozen(eq=False)
class Change:
    """A destination whose packets the two rulesets treat differently."""

    classes: tuple[DestinationClass, ...]
    """The destinations, that of the packets shown first; the others act in the same way."""
    contrasts: tuple[Contrast, ...]
    """The first is that of the smallest packet."""

    @property
    def name(self) -> str:
        """The service by the comment of a rule on the way; empty without one."""
        return self.contrasts[0].name

    @property
    def destination(self) -> DestinationClass:
        """The class of the packets shown."""
        return self.classes[0]

    @property
    def address(self) -> str:
        """The destination of the packets shown."""
        return str(address_of(self.destination.address, 32 if self.destination.family == 4 else 128))

    @property
    def on_node(self) -> bool:
        """Whether it is a change for addresses of the node, whichever they are."""
        return self.contrasts[0].on_node

    @property
    def proto(self) -> str:
        """The protocol by name, or by number where it has none."""
        return _NAMES.get(self.destination.protocol, str(self.destination.protocol))

    @property
    def dst(self) -> str:
        """IP:PORT, or :PORT for every address of the node."""
        return self._joined("" if self.on_node and self.destination.port is not None else self._host)

    @property
    def _host(self) -> str:
        with_port = self.destination.port is not None
        return f"[{self.address}]" if ":" in self.address and with_port else self.address

    def _joined(self, host: str) -> str:
        port = self.destination.port
        return host if port is None else f"{host}:{port}"

    def options(self, contrast: Contrast) -> tuple[str, ...]:
        """Return the words for ``natc trace`` that ask about a packet of this destination."""
        expression = contrast.witness.expression
        if expression:
            return ("--packet", expression, *contrast.witness.options)
        proto = () if self.proto == "tcp" else ("--proto", self.proto)
        return ("--dst", self._joined(self._host), *proto, *contrast.witness.options)

    @property
    def kind(self) -> Hashable:
        """Equal for changes that people take for one, where the same becomes of packets.

        Those for the node's addresses, loopback among them; those of ranges of addresses, for whichever
        ports; those of all ports and protocols of one address.
        """
        of = self.destination
        where: tuple[Hashable, ...] = (of.addresses, *((of.ports, of.protocols) if of.narrow else ()))
        if self.on_node or of.loopback:
            where = (of.ports, of.protocols)
        elif of.special or of.addresses.single is None:
            where = ()
        return self.name, where, self._fates

    @property
    def _fates(self) -> Hashable:
        return tuple(contrast.kind for contrast in self.contrasts)

    def is_part_of(self, other: Change) -> bool:
        """Tell whether the same becomes of its packets as of some of another's for the same ports."""
        mine, its = self.destination, other.destination
        same = (self.name, mine.ports, mine.protocols) == (other.name, its.ports, its.protocols)
        return same and {one.kind for one in self.contrasts} <= {one.kind for one in other.contrasts}

    @property
    def kind_of_address(self) -> Hashable:
        """Equal for changes of one address where the same becomes of packets; None if it is of more."""
        of = self.destination
        several = self.on_node or of.special or of.addresses.single is None
        return None if several else (self.name, of.addresses, self._fates)


@frozen(eq=False)
class Difference:
    """What a comparison came to."""

    changes: tuple[Change, ...] = ()
    unsure: tuple[Unsure, ...] = ()
    """Questions that natc cannot decide and that may make more changes."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.unsure)


def compare(a: Side, b: Side, within: Wanted | None = None, revision: Revision | None = None) -> Difference:
    """Return every destination whose packets meet different fates, and what cannot be told.

    ``within`` says which destinations are compared, None for all; ``revision`` in which lines the two texts
    differ, if reading has shown it.
    """
    found, unsure = list[Change](), dict[tuple[str, str], Unsure]()
    comparison = _Comparison(a, b, revision)
    for destination in comparison.classes(within or Wanted()):
        changes, doubts = comparison.compared(destination)
        found += changes
        for one in doubts:
            unsure.setdefault((one.question, one.side), one)
    return Difference(tuple(_told(found)), tuple(unsure.values()))


def together(parts: Iterable[Difference]) -> Difference:
    """Return the differences of several families as one."""
    found = [*parts]
    return Difference(
        tuple(change for part in found for change in part.changes),
        tuple(one for part in found for one in part.unsure),
    )


@frozen(eq=False)
class _Comparison:
    a: Side
    b: Side
    revision: Revision | None = None
    written: Compared = field(init=False)
    fields: Fields = field(init=False)

    @written.default
    def _written(self) -> Compared:
        return compared(self.a.ruleset, self.b.ruleset, self.revision)

    @fields.default
    def _fields(self) -> Fields:
        return Fields(self.written.sides)

    @property
    def _incoming(self) -> Open:
        """The interface that packets come in by: of two nodes that are known, one that both have."""
        hosts = [side.node.host for side in (self.a, self.b) if side.node and side.node.host]
        if len(hosts) < 2:
            return INCOMING
        names = [{interface.name for interface in host.interfaces} - {"lo"} for host in hosts]
        return Open(INCOMING.kind, "", union(span for one in names[0] & names[1] for span in name(one)))

    def classes(self, within: Wanted) -> Iterator[DestinationClass]:
        """Yield the classes of destinations that may be treated differently."""
        family, found = self.a.ruleset.family, self.written
        regions = self._regions(found, family) if found.alike and self._same_node else [Wanted()]
        kept = any(map(keeps, found.sides))
        asks = [
            ask
            for side, written in zip((self.a, self.b), found.sides, strict=True)
            for ask in (*asks_of_node(side.node), *asks_of(written, regions, *_asked(side), kept=kept))
        ]
        asked = list(dict.fromkeys(asks))
        by_ends = self._mapped(asked, family) if kept else ()
        return classes_of(asked, regions, within, family, by_ends)

    def _mapped(self, asked: list[Ask], family: int) -> Cuts:
        """Add what NETMAP makes of addresses that rules behind it ask for; return what it makes of ends."""
        behind = [values for ask in asked for field, values in ask.cuts if field == "dst"]
        bits = 32 if family == 4 else 128
        mappings = [one for side in self.written.sides for one in mappings_of(side, bits)]
        asked += asks_before(mappings, behind)
        return cuts_by_ends(mappings, behind)

    @property
    def _same_node(self) -> bool:
        (node, sets), (other, others) = (
            (side.node.host if side.node and side.node.host else side.node, side.start.sets)
            for side in (self.a, self.b)
        )
        alike = sets.same_as(others) if sets is not None and others is not None else sets is others
        return bool(node == other and alike)

    @staticmethod
    def _regions(found: Compared, family: int) -> list[Wanted]:
        return covering(region for side in found.sides for region in regions_of(side, family))

    def compared(self, destination: DestinationClass) -> tuple[list[Change], list[Unsure]]:
        """Compare what becomes of packets of a class from the network and from the node itself.

        What holds for addresses of the node only is a change by itself.
        """
        sides = self.a, self.b
        found, unsure = list[Contrast](), list[Unsure]()
        for origin in ORIGINS:
            packet = evolve(open_packet(destination, origin), in_interface=self._incoming)
            for one in self.fields.packets(packet):
                contrasting, doubts = Contest(sides, one, origin).contrasts()
                found += contrasting
                unsure += doubts
        groups: dict[bool, dict[Hashable, Contrast]] = {}
        for contrast in sorted(found, key=lambda one: not one.is_of_place):
            groups.setdefault(contrast.on_node, {}).setdefault(contrast.kind, contrast)
        return [Change((destination,), tuple(group.values())) for group in groups.values()], unsure


def _asked(side: Side) -> tuple[Any, Packet]:
    family = side.ruleset.family
    whole = all_addresses(32 if family == 4 else 128)
    packet = Packet(family, dst=Open("destination", "", whole), dport=Open("destination port", "", ALL_PORTS))
    nothing = side.start is NOTHING_SHOWN
    return None if nothing else side.start.memory(side.ruleset, side.backend), packet


def open_packet(destination: DestinationClass, origin: str) -> Packet:
    """Return the packet to a class of destinations that leaves open whatever a packet may be."""
    bits = 32 if destination.family == 4 else 128
    packet = question_packet(
        str(address_of(destination.address, bits)), destination.port, proto=destination.protocol,
        ctstate=None,
    )  # fmt: skip
    sender: dict[str, Any] = {}
    if origin == "local":
        sender = {f"{short}id": Open(f"{whose} of the sender", "", OWNER) for short, whose in _SENDER}
    return evolve(packet, mark=open_mark(), **sender)


def _told(changes: Sequence[Change]) -> Iterator[Change]:
    """Put changes together that are one."""
    groups: dict[Hashable, list[Change]] = {}
    for change in sorted(
        changes, key=lambda one: (one.destination.special, one.destination.protocol != _TCP)
    ):
        groups.setdefault(change.kind, []).append(change)
    told = [
        evolve(group[0], classes=tuple(one.destination for one in group))
        for group in _of_whole_addresses(groups.values())
    ]
    yield from sorted(_as_for_the_node(told), key=lambda one: (one.name, one.on_node))


def _as_for_the_node(changes: Iterable[Change]) -> list[Change]:
    """Put what packets to everybody meet with the same change for the node: they are delivered, too."""
    found = list(changes)
    for change in [one for one in found if one.destination.everybody]:
        for place, other in enumerate(found):
            if other.on_node and change.is_part_of(other):
                found[place] = evolve(other, classes=(*other.classes, *change.classes))
                found.remove(change)
                break
    return found


def _of_whole_addresses(groups: Iterable[list[Change]]) -> Iterator[list[Change]]:
    """Put together what is of all ports of one address: rules about other addresses cut these in classes."""
    of_address: dict[Hashable, list[list[Change]]] = {}
    for group in groups:
        kind = group[0].kind_of_address
        if kind is None:
            yield group
        else:
            of_address.setdefault(kind, []).append(group)
    for same in of_address.values():
        classes = united(one.destination for group in same for one in group)
        wide = union(span for one in classes if not one.narrow for span in one.protocols)
        parts = [group for group in same if any(one.destination.protocols - wide for one in group)]
        whole = [one for group in same if group not in parts for one in group]
        yield from filter(None, [sorted(whole, key=_usual_first), *parts])


def _usual_first(change: Change) -> tuple[bool, int]:
    return change.destination.protocol != _TCP, change.destination.port or 0
