"""Tracing: a ruleset and a packet in, every outcome with its conditions and exact odds out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from natc.netfilter.packet import OWNER, Open, Packet
from natc.netfilter.ruleset import Ruleset
from natc.trace.answer.outcome import MASQUERADE, Caveats, Distribution, Endpoint, Outcome, Piece
from natc.trace.chain.effects import Effects
from natc.trace.chain.lists import Runs
from natc.trace.chain.program import Program
from natc.trace.chain.walk import ChainWalk, Tally
from natc.trace.node.view import NodeView, OpenNode
from natc.trace.search import CrowdedError, branches, merged
from natc.trace.starting import NOTHING_SHOWN, Start
from natc.trace.state import State
from natc.trace.tracking.tracker import FirstPacket, Tracker
from natc.trace.way import Way
from natc.values import changed, frozen

if TYPE_CHECKING:
    from natc.netfilter.node.host import Host
    from natc.trace.answer.listing import Listing

#: So many states of one packet that differ in what is known of open values are followed, no more: 31 sets
#: that nobody showed made 13,000 pieces and cases without end, their rules' questions 40.
_CROWD = 256
#: What a reader should know of an answer in which questions were put together.
_AT_ONCE = (
    "what a rule asks and the dump does not tell is one question each: some cases may contradict themselves"
)
#: What a reader should know of an answer from a dump of which only a part was read.
_LAZY = "only the chains that the packet reaches were read: the rest of the dump may be wrong in any way"
#: What the errors of sending mean.
_ERRORS = {
    "EINVAL": "the node refuses to send from that source to that destination",
    "EACCES": "the route prohibits it",
    "ENETUNREACH": "the node has no route there",
    "EHOSTUNREACH": "the route says it cannot be reached",
}


@frozen(eq=False)
class Machine:
    """A ruleset made ready for many traces."""

    program: Program
    node: NodeView = OpenNode()
    backend: str = "legacy"
    start: Start = NOTHING_SHOWN
    """What is known of the node's memory."""

    @classmethod
    def of(
        cls,
        ruleset: Ruleset,
        node: NodeView | None = None,
        *,
        backend: str = "legacy",
        use_index: bool = True,
        start: Start = NOTHING_SHOWN,
        list_by_list: bool = False,
    ) -> Machine:
        """Make a machine; ``node`` None leaves the node's addresses and routes open.

        ``list_by_list`` asks each list of ``-m recent`` by itself, however many a chain asks in a row.
        """
        lists = Runs(sys.maxsize) if list_by_list else Runs()
        program = Program(ruleset, use_index, backend, lists=lists)
        return cls(program, node or OpenNode(), backend, start)

    def trace(self, packet: Packet, origin: str = "network") -> Distribution:
        """Return what becomes of a packet that comes from the network, or from a local process."""
        tracker = self._tracker(packet, self.node.host)
        try:
            way, finals = self._explored(packet, origin, tracker)
        except CrowdedError:
            return self._at_once().trace(packet, origin)
        caveats = self._caveats(packet, origin, way)
        for final in finals:
            caveats.saw(final)
        return Distribution(
            packet=packet,
            origin=origin,
            pieces=tuple(Piece(final.facts, final.odds, outcome_of(packet, final)) for final in finals),
            questions=caveats.questions,
            assumptions=(*self._taken_for_granted(tracker, packet), *caveats.assumptions),
            rules_evaluated=way.chains.tally.rules,
        )

    def _explored(self, packet: Packet, origin: str, tracker: Tracker) -> tuple[Way, list[State]]:
        """Return all ends, explored again where a way asked what another had taken for granted."""
        node: NodeView | None = self.node.for_one_trace()
        most = None if self._last_resort else _CROWD
        while node is not None:
            way, start = self._prepared(packet, origin, tracker, node, rows=self.program.use_index)
            finals = merged(way.step, way.start(start), most)
            node = node.corrected()
        return way, finals

    def _caveats(self, packet: Packet, origin: str, way: Way) -> Caveats:
        from_wire = origin != "local" and packet.in_interface != "lo"
        return Caveats(packet, self.node, way.chains.tally, from_wire)

    @property
    def _last_resort(self) -> bool:
        """Whether questions cannot be put together any further."""
        return self.program.at_once or self.start is not NOTHING_SHOWN

    def _at_once(self) -> Machine:
        """Return the machine that makes one question of all that a rule asks and nobody can decide."""
        program = Program(self.program.ruleset, self.program.use_index, self.backend, at_once=True)
        return Machine(program, self.node, self.backend, self.start)

    def branches(self, packet: Packet, origin: str = "network", limit: int = 0) -> Listing:
        """Return every branch by itself, the most likely first, worked out as far as it is asked for.

        With a ``limit`` no more than so many are listed. All ways are explored together first, as a branch
        knows only what is asked on its own.
        """
        from natc.trace.answer.listing import Listing
        from natc.trace.bounds import bound_of

        tracker = self._tracker(packet, self.node.host)
        try:
            together, _ = self._explored(packet, origin, tracker)
        except CrowdedError:
            return self._at_once().branches(packet, origin, limit)
        way, start = self._prepared(packet, origin, tracker, together.node)
        way.chains.tally.asked.update(together.chains.tally.asked)
        finals = branches(way.step, way.start(start), bound_of(way))
        granted = self._taken_for_granted(tracker, packet)
        return Listing(packet, origin, limit, finals, self._caveats(packet, origin, way), granted)

    def _prepared(
        self, packet: Packet, origin: str, tracker: Tracker, node: NodeView, *, rows: bool = False
    ) -> tuple[Way, State]:
        way = self.way(tracker, node, rows=rows)
        packet = changed(packet, ctstate=None)
        if origin == "local":
            packet = _sent_here(packet)
        memory = (
            None if self.start is NOTHING_SHOWN else self.start.memory(self.program.ruleset, self.backend)
        )
        state = State(packet, local=origin == "local", hook_mark=packet.mark, memory=memory)
        if packet.family == 6 and not state.local:
            from natc.trace.node.martians import vanishes

            if gone := vanishes(packet):
                state = changed(state, verdict="NO_ROUTE", reason=gone)
        return way, state

    def _tracker(self, packet: Packet, host: Host | None) -> FirstPacket:
        """Look connections up where they were shown, unless the question gives a state that none has."""
        state = packet.ctstate or "NEW"
        if self.start.connections is None or state in ("INVALID", "RELATED"):
            return FirstPacket(state, host)
        from natc.trace.tracking.listed import ListedConnections

        has_nat = "nat" in self.program.ruleset.tables
        return ListedConnections(state, host, table=self.start.connections, has_nat=has_nat)

    def _taken_for_granted(self, tracker: FirstPacket, packet: Packet) -> tuple[str, ...]:
        lazy = (_LAZY,) if self.program.ruleset.lazy else ()
        at_once = (_AT_ONCE,) if self.program.at_once else ()
        return (*self.start.assumptions, *tracker.assumptions(packet), *lazy, *at_once)

    def way(self, tracker: Tracker, node: NodeView, *, rows: bool = False) -> Way:
        """Return the way through the hooks, for packets whose connections ``tracker`` knows.

        ``node`` is the machine's as one trace asks it. With ``rows``, which a search must be made for,
        endpoints that rules in a row lead to are one step.
        """
        nft = self.backend == "nft"
        chains = ChainWalk(self.program, node, Effects(tracker), Tally(), nft=nft, rows=rows)
        return Way(chains, node, tracker, self.backend)


def trace(
    ruleset: Ruleset,
    packet: Any,
    host: NodeView | None = None,
    *,
    origin: str = "network",
    backend: str = "legacy",
) -> Distribution:
    """Return what becomes of ``packet``: every outcome, its conditions, its exact odds.

    ``packet`` is natc's own or one of scapy's. ``origin`` is "network" or "local" (a process on the
    node sends it); ``backend`` is "legacy" or "nft". What the packet leaves open stays open in the
    answer. Raises :class:`~natc.errors.UsageError` for a packet of scapy's without an IP layer.
    """
    if not isinstance(packet, Packet):
        from natc.trace.scapy_packets import packet_of_scapy

        packet = packet_of_scapy(packet)
    own = ruleset.of_family(packet.family)
    return Machine.of(own, host, backend=backend).trace(packet, origin)


def _sent_here(packet: Packet) -> Packet:
    """Return the packet as a process here sends it: who that is stays open, its source is the node's."""
    fields: dict[str, Any] = {"in_interface": "", "link_source": None}
    if packet.uid is None:
        fields |= {
            "uid": Open("user of the sender", "", OWNER),
            "gid": Open("group of the sender", "", OWNER),
        }
    return changed(packet, **fields)


def outcome_of(packet: Packet, final: State) -> Outcome:
    """Return what a person wants to know of a state that has arrived."""
    after = final.packet
    mark, left = after.mark, final.verdict in ("FORWARD", "OUTPUT")
    unknown = final.masqueraded and isinstance(after.src, Open)
    return Outcome(
        verdict=final.verdict,
        out=after.out_interface if isinstance(after.out_interface, str) and left else None,
        dnat=_translated(packet, after, "dst", "dport"),
        snat=MASQUERADE if unknown else _translated(packet, after, "src", "sport"),
        mark=mark if isinstance(mark, int) else f"{mark.value:#x} with bits {mark.unknown:#x} as they came",
        drop_at=final.drop_at,
        reject=final.rejected,
        errno=final.errno,
        reason=final.reason or (_ERRORS.get(final.errno, final.errno) if final.errno else None),
        final=after,
        connection=final.binding.connection,
        direction=final.binding.direction,
        copies=final.copies.ended if final.copies else (),
        trail=final.trail,
        ways=final.ways,
    )


def _translated(before: Packet, after: Packet, address: str, port: str) -> Endpoint | None:
    old = getattr(before, address), getattr(before, port)
    new = getattr(after, address), getattr(after, port)
    if old == new:
        return None
    number = new[1]
    return Endpoint(after.show(new[0]), number.kind if isinstance(number, Open) else number)
