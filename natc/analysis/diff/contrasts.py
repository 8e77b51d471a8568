"""How two rulesets treat one open packet: the smallest packets that tell them apart, or what may."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice

from natc.analysis.diff.fates import Fate
from natc.analysis.diff.joint import Pair, Point, Shares
from natc.analysis.diff.listed import CommonLists, asks_each_once
from natc.analysis.diff.sides import Answer, Side
from natc.analysis.diff.witness import Witness, witness_of
from natc.netfilter.node.sending import route_output
from natc.netfilter.packet import Open, Packet
from natc.netfilter.rule import Rule
from natc.probability import NEVER, Odds, total
from natc.trace.answer.outcome import MASQUERADE, Endpoint
from natc.trace.node.host_node import HostNode
from natc.trace.node.policy import flow_of
from natc.trace.state import State
from natc.values import changed, evolve, field, frozen

#: So many packets are looked at for more contrasts, beside one that is there already.
_TRIED = 6
#: So many contrasts of where packets to one destination end are told.
_MOST = 2


@frozen(eq=False)
class Contrast:
    """A packet that tells two rulesets apart, and what each does with it."""

    witness: Witness
    a: Shares
    b: Shares
    name: str = ""
    """The service by the comment of a rule on the way; empty without one."""
    comment: str = ""
    of_usual_source: bool | None = None
    """Whether a process of the node that chose no address sends such packets, too.

    None where the nodes do not say which source routing gives it, or the packet has a certain one.
    """

    @property
    def on_node(self) -> bool:
        """Whether the destination has to be an address of the node."""
        packet = self.witness.packet
        return self.witness.needs_own(packet.show(packet.dst))

    @property
    def kind(self) -> Hashable:
        """Equal for contrasts that say the same of packets to different destinations."""
        asked = {value: of for value, of in self.witness.known.items() if value.kind != "address type"}
        return _ends(self.a), _ends(self.b), self.witness.origin, frozenset(asked.items())

    @property
    def is_of_place(self) -> bool:
        """Whether packets end elsewhere, not only with another source or in another form."""
        return not _can_be_one(placed(self.a), placed(self.b))

    @property
    def needs_chosen_source(self) -> bool:
        """Whether the node itself sends the packet and only masquerading makes the difference.

        Then there mostly is none for a process that chose no address: routing gives its packets one of the
        interface they leave by (fib_result_prefsrc), as masquerading does (inet_select_addr). Only a route
        with a source of its own, or another way after translation, makes these two addresses; of nodes that
        are known it is asked which address routing gives.
        """
        if self.of_usual_source is not None:
            return not self.of_usual_source
        return self.witness.origin == "local" and _unmasqueraded(self.a) == _unmasqueraded(self.b)


@frozen(eq=False)
class Unsure:
    """A question that may make a difference and that natc cannot decide."""

    question: str
    side: str
    """"a" or "b": whose rule asks it."""
    rule: Rule | None
    dst: str
    """The first destination for which it may."""


@frozen(eq=False)
class Contest:
    """One open packet, from one origin, on both sides."""

    sides: tuple[Side, Side]
    packet: Packet
    origin: str
    _first: tuple[Answer, Answer] = field(init=False)
    """What each side says of the packet in its own words."""
    lists: CommonLists | None = field(init=False)
    """The lists of ``-m recent`` that the two ask in a row; None where each is a question by itself."""
    answers: tuple[Answer, Answer] = field(init=False)
    _sent_before: dict[tuple[Packet, frozenset[int] | None], tuple[Answer, Answer]] = field(factory=dict)
    """What became of packets as traces were asked about them: several cells may have one smallest packet."""

    @_first.default
    def _each_alone(self) -> tuple[Answer, Answer]:
        a, b = (side.answer(self.packet, self.origin) for side in self.sides)
        return a, b

    @lists.default
    def _lists(self) -> CommonLists | None:
        a, b = self._first
        if not (asks_each_once(a.values) and asks_each_once(b.values)):
            return None
        return CommonLists.of(a.values, b.values)

    @answers.default
    def _answers(self) -> tuple[Answer, Answer]:
        return self._answered(self.packet) if self.lists is None else self._in_common(*self._first)

    def _answered(self, packet: Packet, own: frozenset[int] | None = None) -> tuple[Answer, Answer]:
        alone = self.lists is None
        a, b = (side.answer(packet, self.origin, own, list_by_list=alone) for side in self.sides)
        return self._in_common(a, b)

    def _in_common(self, a: Answer, b: Answer) -> tuple[Answer, Answer]:
        return (a.in_common(self.lists, 0), b.in_common(self.lists, 1)) if self.lists else (a, b)

    def contrasts(self) -> tuple[list[Contrast], list[Unsure]]:
        """Return the contrasts, or without one the questions that may make one.

        First those of where packets end, each other than those before; then one of packets that end in
        the same places and look different there.
        """
        a, b = (answer.terms for answer in self.answers)
        fine = Pair(a, b)
        if not fine.differs:
            return [], []
        coarse = Pair([term.coarse for term in a], [term.coarse for term in b])
        found = _unlike_each_other(self._certain(coarse))
        others = self._certain(fine)
        if found:
            others = (one for one in islice(others, _TRIED) if not one.is_of_place)
        found += islice(others, 1)
        return found, [] if found else [*self._unsure(fine)]

    def _certain(self, pair: Pair) -> Iterator[Contrast]:
        """Yield packets that meet different fates whatever each side's own questions come to."""
        cells = pair.cells()
        witnesses = [witness_of(self.packet, self.origin, cell.known, pair.values) for cell in cells]
        for witness in sorted(witnesses, key=lambda one: one.rank):
            ways = pair.shares(_shared(pair, witness.point))
            if not _may_be_one(*ways):
                contrast = self._sent(witness)
                if contrast is not None:
                    yield contrast

    def _sent(self, witness: Witness) -> Contrast | None:
        """Return what becomes of the packet as a trace is asked about it, None if that may be the same.

        A node that is known may refuse a packet with the source that it has to have.
        """
        packet, own = witness.as_asked, witness.own
        if self.origin == "network" and all(side.refuses(packet) for side in self.sides):
            return None
        if (packet, own) not in self._sent_before:
            self._sent_before[packet, own] = self._answered(packet, own)
        answers = self._sent_before[packet, own]
        pair = Pair(*(answer.terms for answer in answers))
        ways = pair.shares(_shared(pair, witness.point))
        if _may_be_one(*ways):
            return None
        name, comment = next((found for answer in answers if (found := answer.names())[0]), ("", ""))
        (a, *_), (b, *_) = pair.shares(witness.point)  # of all these ways those that its conditions say
        return Contrast(witness, a, b, name, comment, self._is_of_usual_source(witness))

    def _is_of_usual_source(self, witness: Witness) -> bool | None:
        """Tell whether the packet with the source that routing gives it tells the sides apart, too."""
        packet = witness.as_asked
        source = self._usual_source(packet)
        if source is None or not isinstance(packet.src, Open):
            return None
        answers = self._answered(evolve(packet, src=source), witness.own)
        pair = Pair(*(answer.terms for answer in answers))
        ways = pair.shares(_shared(pair, {**witness.point, packet.src: source}))
        text = packet.show(source)
        a, b = ([_same_source(shares, text) for shares in side] for side in ways)
        return not _may_be_one(a, b)

    def _usual_source(self, packet: Packet) -> int | None:
        """Return the source of a process that chose none, where both nodes are known and give the same."""
        hosts = [side.node.host for side in self.sides if isinstance(side.node, HostNode)]
        if self.origin != "local" or len(hosts) < len(self.sides) or not isinstance(packet.src, Open):
            return None
        flow = evolve(flow_of(State(packet)), source=0, source_open=False)
        found = [route_output(host, flow, may_broadcast=True) for host in hosts]
        sources = {0 if one.error or one.uncertain else one.source for one in found}
        return sources.pop() or None if len(sources) == 1 else None

    def _unsure(self, pair: Pair) -> Iterator[Unsure]:
        """Yield the questions that only one side asks, if there are packets that they may tell apart."""
        if not pair.cells():
            return
        asked = [set(answer.asked) for answer in self.answers]
        for side, answer, other in zip("ab", self.answers, reversed(asked), strict=True):
            for value, rule in answer.asked.items():
                if value not in other:
                    yield Unsure(value.subject or value.kind, side, rule, self.packet.show(self.packet.dst))


def _unlike_each_other(contrasts: Iterator[Contrast]) -> list[Contrast]:
    """Return the first contrasts, each with other ends than those before."""
    found: dict[Hashable, Contrast] = {}
    for one in islice(contrasts, _TRIED):
        found.setdefault((_ends(placed(one.a)), _ends(placed(one.b))), one)
        if len(found) == _MOST:
            break
    return [*found.values()]


def _shared(pair: Pair, point: Point) -> Point:
    return {value: chosen for value, chosen in point.items() if value not in pair.unshared}


def _may_be_one(a: Iterable[Shares], b: Iterable[Shares]) -> bool:
    """Tell whether some way of one side may be one of the other's."""
    return any(_can_be_one(one, other) for one in a for other in b)


def _can_be_one(a: Shares, b: Shares) -> bool:
    """Tell whether two distributions may be the same: what natc cannot tell may be anything."""
    doubt_a, doubt_b = _doubt(a, b), _doubt(b, a)
    return all(
        a.get(fate, NEVER) <= b.get(fate, NEVER) + doubt_b
        and b.get(fate, NEVER) <= a.get(fate, NEVER) + doubt_a
        for fate in {**a, **b}
        if fate.verdict != "OPEN"
    )


def _doubt(own: Shares, other: Shares) -> Odds:
    return total(odds for fate, odds in own.items() if fate.verdict == "OPEN" and other.get(fate) != odds)


def _ends(shares: Shares) -> frozenset[tuple[Fate, Odds]]:
    """Return where packets end and with which source, whatever the packet was."""
    sums: dict[Fate, Odds] = {}
    for fate, odds in shares.items():
        end = evolve(fate, final=None, copies=fate.place.copies)
        sums[end] = sums.get(end, NEVER) + odds
    return frozenset(sums.items())


def _unmasqueraded(shares: Shares) -> Shares:
    """Return the fates as if masquerading gave a packet the source that it has."""
    sums: dict[Fate, Odds] = {}
    for fate, odds in shares.items():
        masqueraded = fate.snat == MASQUERADE and fate.final is not None
        kept = changed(fate.final, src=None, sport=None) if masqueraded else fate.final
        end = evolve(fate, snat=None if masqueraded else fate.snat, final=kept)
        sums[end] = sums.get(end, NEVER) + odds
    return sums


def _same_source(shares: Shares, source: str) -> Shares:
    """Return the fates as if a translation to the source that a packet has were none, whatever its port."""
    sums: dict[Fate, Odds] = {}
    for fate, odds in shares.items():
        same = isinstance(fate.snat, Endpoint) and fate.snat.ip == source and fate.final is not None
        end = evolve(fate, snat=None, final=changed(fate.final, src=None, sport=None)) if same else fate
        sums[end] = sums.get(end, NEVER) + odds
    return sums


def placed(shares: Shares) -> Shares:
    """Return where packets end, whatever they then look like."""
    sums: dict[Fate, Odds] = {}
    for fate, odds in shares.items():
        sums[fate.place] = sums.get(fate.place, NEVER) + odds
    return sums
