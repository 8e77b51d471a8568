"""Every service path that reaches a pod: ``trace`` turned round.

Candidates come from :mod:`natc.analysis.backwards`; each is traced, and what the traces say of the pod
is the answer. So odds, conditions and masquerade are those of ``natc trace`` for the same destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, summarize_address_range
from typing import TYPE_CHECKING

from natc.analysis.backwards import Address, Candidate, Wanted, candidates
from natc.analysis.own_address import ANY_NODE, own_address
from natc.netfilter.intervals import Intervals
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.packet import Open, question_packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.probability import Odds, total
from natc.trace.answer.outcome import MASQUERADE, Case, Endpoint, Outcome
from natc.trace.answer.wording import service_of
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import NodeView, OpenNode
from natc.trace.starting import NOTHING_SHOWN, Start
from natc.values import define, evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.ipset.all_sets import Sets
    from natc.netfilter.node.host import Host

#: What a pod sees as a packet's source: the sender's own address, or the node's.
OWN, NODE = "own", "node"
#: Outcomes in which the packet gets to where it was sent.
_ARRIVED = frozenset({"FORWARD", "OUTPUT", "INPUT", "OPEN"})
#: Protocols a trace is made for where no rule asks for one.
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
#: More single ports than this are traced as one question, and more addresses of a network by one of them.
_MOST = 64


@frozen
class Path:
    """One way to the pod: a destination, the conditions, and the odds under them."""

    dst: str
    """ADDRESS:PORT, NETWORK:PORT (traced with its first host), or :PORT for an address of the node;
    without a port where rules ask for none. Of more than 64 ranges "NETWORK and N more ranges"."""
    proto: str
    origin: str
    """"network", or "local" for packets that processes on the node send."""
    to: str
    """The pod's address and port."""
    odds: Odds
    conditions: tuple[str, ...]
    source_seen: str
    """:data:`OWN`, :data:`NODE`, or the address it is translated to."""
    open: bool
    """Whether natc cannot tell if the packet arrives."""
    name: str
    """The service by the rule's comment, empty without one."""
    comment: str
    rule: Rule = field(eq=False)
    """The rule that asks for the destination."""
    anywhere: bool = field(default=False, eq=False)
    """Whether the rules take any address for that of the node, because they do not ask for it."""


def who(
    ruleset: Ruleset,
    ip: str,
    port: int | None = None,
    *,
    host: Host | None = None,
    sets: Sets | None = None,
) -> tuple[Path, ...]:
    """Return every service path to ``ip``, or only to one port of it, in the order of the rules.

    Paths are translations of the destination; packets sent to the pod itself are none. ``host`` and
    ``sets`` are what is known of the node. Raises :class:`ValueError` for what is no IP address.
    """
    address = ip_address(ip)
    own = ruleset.of_family(address.version)
    if own.family != address.version or "nat" not in own.tables:
        return ()
    start = NOTHING_SHOWN if sets is None else Start(sets=sets)
    asker = _Asker(own, address, port, host, start)
    return tuple(
        path
        for candidate in candidates(own.tables["nat"], address)
        for question in asker.questions(candidate)
        for path in asker.paths(question, candidate)
    )


@frozen
class _Question:
    """What is traced for a candidate."""

    address: str
    ours: bool
    """Whether the address stands for any of the node's own."""
    port: int | None
    proto: str
    origin: str
    dst: str = field(eq=False)


def _mapped(dst: Intervals, kept: tuple[int, int], bits: int) -> Iterator[tuple[str, str, bool]]:
    """Yield the addresses that NETMAP makes the target of; of very many the first, as the whole network."""
    hosts, value = kept
    for low, high in dst:
        first = low + (value - low & hosts)
        found = range(first, high, hosts + 1)
        if len(found) <= _MOST:
            yield from (_single(each, bits) for each in found)
        else:
            yield str(address_of(first, bits)), _network(low, high, bits), False


def _mapped_from_anywhere(
    hosts: int, value: int, bits: int, own: Iterable[str] | None, *, ours: bool
) -> Iterator[tuple[str, str, bool]]:
    """Yield the addresses that NETMAP of a rule for all networks makes the target of: those of ``own``.

    Without them one, as all networks.
    """
    if own is not None:
        numbers = (int(ip_address(text)) for text in own)
        yield from (_single(number, bits) for number in numbers if number & hosts == value)
        return
    usual, whole = int(ip_address(ANY_NODE[4 if bits == 32 else 6])), (1 << bits) - 1
    yield str(address_of(usual & ~hosts & whole | value, bits)), _network(0, whole + 1, bits), ours


def _ranges(dst: Intervals, bits: int, *, ours: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield each range by its first host, a single address as itself: masks with holes make several.

    Of very many the first, and in words how many more there are.
    """
    more = len(dst.spans) - 1
    few = more < _MOST
    for low, high in dst.spans if few else dst.spans[:1]:
        whole = high - low == 1
        host, shown, _ = _single(low if whole else low + 1, bits)
        shown = shown if whole else _network(low, high, bits)
        yield host, shown if few else f"{shown} and {more:,} more ranges", ours


def _single(number: int, bits: int) -> tuple[str, str, bool]:
    host = str(address_of(number, bits))
    return host, f"[{host}]" if bits == 128 else host, False


def _network(low: int, high: int, bits: int) -> str:
    """Return the addresses from ``low`` on, below ``high``, as they are shown."""
    first, last = ip_address(address_of(low, bits)), ip_address(address_of(high - 1, bits))
    networks = [str(network) for network in summarize_address_range(first, last)]
    shown = networks[0] if len(networks) == 1 else f"{first}-{last}"
    return f"[{shown}]" if bits == 128 else shown


def _protocols(proto: Intervals | None) -> list[str]:
    return [name for number, name in _PROTOCOLS.items() if proto is None or number in proto]


def _ports(dport: Intervals | None) -> list[int | None]:
    """Return the ports to ask about, or None for one question that leaves the port open."""
    if dport is None or sum(high - low for low, high in dport) > _MOST:
        return [None]
    return [port for low, high in dport for port in range(low, high)]


@define
class _Asker:
    ruleset: Ruleset
    target: Address
    port: int | None
    host: Host | None
    start: Start
    _asked: set[_Question] = field(factory=set)
    _machines: dict[str, Machine] = field(factory=dict)
    """By an address that is the node's own, empty for none."""

    def questions(self, candidate: Candidate) -> Iterator[_Question]:
        """Yield what is to be traced for a candidate."""
        wanted = candidate.wanted
        for host, shown, ours in self._hosts(wanted):
            for number in _protocols(wanted.proto):
                for port in _ports(wanted.dport):
                    dst = shown if port is None else f"{shown}:{port}"
                    yield _Question(host, ours, port, number, candidate.origin, dst)

    def _hosts(self, wanted: Wanted) -> Iterator[tuple[str, str, bool]]:
        """Yield each address to trace, how it is shown, and whether it stands for the node's own."""
        bits = self.target.max_prefixlen
        if wanted.dst is None and wanted.kept is not None:
            own = self.host.addresses if wanted.local and self.host else None
            yield from _mapped_from_anywhere(*wanted.kept, bits, own, ours=wanted.local)
        elif wanted.dst is None:
            yield own_address(self.ruleset, self.host), "", True
        elif wanted.dst.single is not None:
            yield _single(wanted.dst.single, bits)
        elif wanted.kept is not None:
            yield from _mapped(wanted.dst, wanted.kept, bits)
        elif wanted.local and self.host:
            numbers = (int(ip_address(text)) for text in self.host.addresses)
            yield from (_single(number, bits) for number in numbers if number in wanted.dst)
        else:
            yield from _ranges(wanted.dst, bits, ours=wanted.local)

    def paths(self, question: _Question, candidate: Candidate) -> Iterator[Path]:
        """Yield what a trace says of the target, the first time that question is asked."""
        if question in self._asked:
            return
        self._asked.add(question)
        packet = question_packet(question.address, question.port, proto=question.proto)
        for case in self._machine(question).trace(packet, question.origin).cases:
            for (to, seen, is_open), odds in self._reaching(case).items():
                rule = candidate.rule
                yield Path(
                    question.dst, question.proto, question.origin, to, total(odds), case.conditions, seen,
                    is_open, service_of(rule) or "", comment_of(rule), rule,
                    question.ours and not candidate.wanted.local,
                )  # fmt: skip

    def _machine(self, question: _Question) -> Machine:
        own = question.address if question.ours and self.host is None else ""
        if own not in self._machines:
            known = next(iter(self._machines.values()), None) or Machine.of(self.ruleset, start=self.start)
            self._machines[own] = evolve(known, node=self._node(own))
        return self._machines[own]

    def _node(self, own: str) -> NodeView:
        if self.host is not None:
            return HostNode(self.host)
        return OpenNode(frozenset({int(ip_address(own))}) if own else None)

    def _reaching(self, case: Case) -> dict[tuple[str, str, bool], list[Odds]]:
        sums: dict[tuple[str, str, bool], list[Odds]] = {}
        for odds, outcome in case.outcomes:
            to = outcome.dnat
            if to is not None and outcome.verdict in _ARRIVED and self._is_target(to, outcome):
                is_open = outcome.verdict == "OPEN" or to.ip != str(self.target)
                sums.setdefault((str(to), _seen(outcome), is_open), []).append(odds)
        return sums

    def _is_target(self, to: Endpoint, outcome: Outcome) -> bool:
        """Tell whether a packet may have got to the target: of a range it can be any address."""
        if self.port is not None and isinstance(to.port, int) and to.port != self.port:
            return False
        sent = None if outcome.final is None else outcome.final.dst
        if isinstance(sent, Open):
            return sent.domain is None or int(self.target) in sent.domain
        return sent == int(self.target)


def _seen(outcome: Outcome) -> str:
    source = outcome.snat
    if source is None:
        return OWN
    return NODE if source == MASQUERADE else str(source)
