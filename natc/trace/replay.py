"""Replaying packets through a node whose state is known: the offline twin of asking the kernel.

A node file, a dump, a list of packets: every packet meets what the ones before it left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from natc.errors import NatcError
from natc.netfilter.conntrack.datagrams import TABLE
from natc.netfilter.conntrack.tracker import Connections, Settings
from natc.netfilter.defragmentation import gathered
from natc.netfilter.ipset.all_sets import Sets
from natc.netfilter.ipset.lookup import SETS
from natc.netfilter.ipv6_headers import is_refused
from natc.netfilter.memory import Memory
from natc.netfilter.node.host import Host
from natc.netfilter.ruleset import Ruleset
from natc.probability import Odds
from natc.text.checks import check_loadable
from natc.trace.bounds import bound_of
from natc.trace.chain.program import Program, ReadyRule
from natc.trace.injection import Sender, Sent, reply_entry
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.packet_entries import Entry, entries_of
from natc.trace.responses import Response, response_to
from natc.trace.results import MOST_BRANCHES, Result, open_result, result_of
from natc.trace.search import branches
from natc.trace.starting import NOTHING_SHOWN, Lists, Start, asks_for_counts, with_lists
from natc.trace.state import State
from natc.trace.tracking.table import TableTracker
from natc.trace.way import Way
from natc.values import changed, define, evolve, field, frozen

#: Seconds between two packets of a replay: small against every --seconds, yet time goes on.
_TICK = 0.001


@frozen
class Delivery:
    """What became of one packet."""

    result: Result
    is_open: bool = False
    """Its answer is open, so it has left nothing behind."""
    is_answered: bool = False
    """The node answered it itself."""


@define(eq=False)
class Replay:
    """One node under one ruleset, packet after packet."""

    host: Host
    ruleset: Ruleset
    backend: str = "legacy"
    ipsets: Sets | None = None
    """The node's sets; without them rules that ask for one stay open."""
    clock: float | None = None
    """Seconds since 1970 when the replay begins; without it rules about time stay open."""
    start: Start = NOTHING_SHOWN
    """What the node remembers before the first packet; connections of a replay begin from these."""
    counts: bool = field(default=False, init=False)
    """A rule asks, or has asked, what connections carry: new ones count it."""
    memory: Memory = field(init=False)
    sender: Sender = field(init=False)
    _earlier: frozenset[str] = field(default=frozenset(), init=False)
    """The tables that stand as a dump before the last one said."""
    _program: Program = field(init=False)
    _way: Way = field(init=False)
    _bound: Callable[[State], Odds] = field(init=False)

    def __attrs_post_init__(self) -> None:
        remembered: dict[Hashable, Any] = {TABLE: self._connections()}
        sets = self.ipsets if self.ipsets is not None else self.start.sets
        if sets is not None:
            remembered[SETS] = sets
        self.memory = Memory(remembered, start=self.clock)
        self.sender = Sender(self.host)
        check_loadable(self.ruleset, self.backend)
        self._load(self.ruleset, self.start.lists)

    def _connections(self) -> Connections:
        """Return the table that the replay begins with, under the node's settings."""
        settings, shown = self._settings(), self.start.connections
        return Connections(settings) if shown is None else shown.copy(settings).apart()

    def _settings(self) -> Settings:
        host = self.host
        counts = self.counts or host.counts_connections
        return Settings(host.tcp_loose, host.tcp_be_liberal, host.checks_checksums, counts)

    def load(self, ruleset: Ruleset) -> None:
        """Replace the tables that a ruleset has; the others and what the kernel remembers stay.

        Raises DumpError where the kernel would refuse it.
        """
        check_loadable(ruleset, self.backend)
        earlier = self._program
        self._earlier = frozenset(self.ruleset.tables.keys() - ruleset.tables.keys())
        kept = {name: self.ruleset.tables[name] for name in self._earlier}
        self._load(evolve(ruleset, tables=kept | ruleset.tables), {})
        self._program.keep(earlier, self._earlier)

    def _load(self, ruleset: Ruleset, lists: Lists) -> None:
        self.ruleset = ruleset
        self.memory = with_lists(self.memory, ruleset, self.backend, lists).settled(self.memory.now)
        self.counts = self.counts or asks_for_counts(ruleset)
        self.memory.get(TABLE).settings = self._settings()
        machine = Machine.of(ruleset, HostNode(self.host), backend=self.backend)
        self._program = machine.program
        self._way = machine.way(TableTracker(self.host, "nat" in ruleset.tables), machine.node)
        self._bound = bound_of(self._way)

    # ---- a sequence

    def run(self, entries: Sequence[Entry]) -> list[Result]:
        """Send the packets in order; return one result for each, several where one is repeated."""
        results: list[Result] = []
        for entry in entries:
            if "op" in entry:
                results.append(self._operate(entry))
                continue
            for turn in range(entry.get("repeat", 1)):
                results.append(self.send(_turned(entry, turn), results))
        return results

    def send(self, entry: Entry, results: Sequence[Result] = ()) -> Result:
        """Send one packet and keep what it leaves behind."""
        if entry.get("flush", "reply_to" not in entry):
            self._forget_connections()
        if "reply_to" in entry:
            entry = reply_entry(entry, results)
        return _placed(self.deliver(self.sender.packet(entry)), self._earlier)

    def deliver(self, sent: Sent, now: float | None = None) -> Result:
        """Send one packet, at a time in seconds, and keep what it leaves behind."""
        return self.delivered(sent, now).result

    def delivered(self, sent: Sent, now: float | None = None) -> Delivery:
        """Do what :meth:`deliver` does; without a time, a little passes with every packet."""
        if now is not None:
            self.memory = self.memory.settled(max(now, self.memory.now))
        ways = self.ways(sent)
        final = next(ways)
        if others := list(islice(ways, MOST_BRANCHES)):
            return Delivery(open_result(sent.packet, [final, *others]), is_open=True)
        return self.keep(sent, final, now)

    def ways(self, sent: Sent) -> Iterator[State]:
        """Yield every way that a packet may go, the likeliest first, leaving nothing behind."""
        return branches(self._way.step, self._starts(sent), self._bound)

    def keep(self, sent: Sent, final: State, now: float | None = None) -> Delivery:
        """Take one of a packet's ways for the one it went, and keep what it leaves behind."""
        for copy in final.copies.ended if final.copies else ():  # what a rule rejects is answered, a copy too
            answer = self._response(changed(copy.final, memory=final.memory))
            final = changed(final, memory=answer.final.memory) if answer else final
        response = self._response(final)
        self.memory = (response.final if response else final).memory or self.memory
        self.memory = self.memory.settled(self.memory.now + (_TICK if now is None else 0))
        self.memory.get(TABLE).settle()
        return Delivery(result_of(sent.packet, final, response), is_answered=response is not None)

    def rules_met(self, sent: Sent, now: float) -> tuple[Delivery, list[ReadyRule]]:
        """Do what :meth:`delivered` does; return too the rules whose conditions were evaluated."""
        tally = self._way.chains.tally
        tally.met = []
        try:
            return self.delivered(sent, now), tally.met
        finally:
            tally.met = None

    def _starts(self, sent: Sent) -> list[State]:
        state = State(
            sent.packet,
            local=sent.local,
            header_included=sent.local,
            memory=self.memory,
            hook_mark=sent.packet.mark,
        )
        if not sent.local and (is_refused(sent.packet) or HostNode(self.host).refused(state)):
            return [State(sent.packet, verdict="LOST")]
        return [_held(started) for started in self._way.start(state)]

    def _response(self, final: State, fallen: Mapping[str, bool] | None = None) -> Response | None:
        """Follow the node's own answer, if it gives one, on the likeliest way.

        In one branch, ``fallen``, a random rule does to the answer what it did to the packet, and nothing
        where the packet did not meet it: this is how a kernel is made to go through branches one by one.
        """
        state = response_to(self.host, final)
        if state is None:
            return None
        ends = branches(self._way.step, self._way.start(state), self._bound)
        likeliest = end = next(ends)
        if fallen is not None:
            some = chain([likeliest], islice(ends, MOST_BRANCHES))
            end = next((each for each in some if _agree(_coins(each), fallen)), likeliest)
        further = self._response(end, fallen)  # a reset that OUTPUT rejects is answered once more
        arrived = end.verdict in ("OUTPUT", "INPUT")
        return Response(end.packet, arrived, further.final if further else end)

    def _forget_connections(self) -> None:
        """Forget the connections of earlier packets; those the node came with stay."""
        self.memory = self.memory.with_value(TABLE, self._connections()).settled(self.memory.now)

    # ---- every branch

    def all_branches(self, entry: Entry) -> list[Result]:
        """Return every random branch of a packet: its odds, which random rules were taken, its result."""
        self._forget_connections()
        sent = self.sender.packet(entry)
        return [self._branch(sent, final) for final in self.ways(sent)]

    def _branch(self, sent: Sent, final: State) -> Result:
        taken = _coins(final)
        result = result_of(sent.packet, final, self._response(final, taken))
        return {"num": final.odds.num, "exp2": final.odds.exp, "taken": taken, "result": result}

    # ---- operations

    def _operate(self, entry: Entry) -> Result:
        name = entry["op"]
        if name == "sleep":
            self.memory = self.memory.settled(self.memory.now + float(entry["s"]))
        elif name == "flush":
            self._forget_connections()
        elif name == "restore":
            from natc.text.reader import read

            self.load(read(entry["dump"], family=self.host.family))
        else:
            raise NatcError(f"the operation {name!r} cannot be replayed")
        return {"op": name}


def _held(state: State) -> State:
    """Hold a fragment for the others of its packet, before any table of its first hook sees it."""
    packet = state.packet
    if state.verdict or not (packet.fragment & 0x3FFF or packet.extensions or packet.malformed):
        return state
    found = gathered(packet)
    return changed(state, verdict=found) if isinstance(found, str) else changed(state, packet=found)


def _placed(result: Result, earlier: frozenset[str]) -> Result:
    """Return a result without the lines of rules that stand in no text but an earlier dump's."""
    if not earlier:
        return result
    path = [step.split(" @")[0] if step.split()[0] in earlier else step for step in result["path"]]
    return result | {"path": path}


def _coins(final: State) -> dict[str, bool]:
    """Return what the random rules on the way did, by their lines."""
    return {
        str(step.rule.line): step.taken
        for step in final.trail.steps()
        if step.odds is not None and step.rule is not None
    }


def _agree(coins: Mapping[str, bool], fallen: Mapping[str, bool]) -> bool:
    return all(fallen.get(line, False) == taken for line, taken in coins.items())


def _turned(entry: Entry, turn: int) -> Entry:
    """Return the entry for one turn of a repeated packet: each from the next source port."""
    varied = "sport" in entry and entry.get("vary", True) and entry.get("repeat", 1) > 1
    return {**entry, "sport": entry["sport"] + turn} if varied else entry


def replay(
    ruleset: Ruleset,
    node: Mapping[str, Any] | Host,
    packets: Mapping[str, Any] | Sequence[Entry],
    **options: Any,
) -> Iterator[Result]:
    """Yield the results of the packets in order, in the form of the recorded answers.

    ``node`` and ``packets`` are the contents of a node file, or a host, and a packets file. With mode
    "branches" each result is ``{"branches": [...]}``. Raises :class:`EntryError` for packets
    that are none, and :class:`NatcError` for anything else that makes no sense.
    """
    host = node if isinstance(node, Host) else Host.from_node(node)
    listed = entries_of(packets, host)
    run = Replay(host, ruleset, **options)
    if isinstance(packets, Mapping) and packets.get("mode") == "branches":
        for entry in listed:
            yield {"branches": run.all_branches(entry)}
    else:
        yield from run.run(listed)
