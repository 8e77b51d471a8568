"""One of the nodes behind a balancer: where it sends the first packets of connections.

The answer is plain data without rules, small and the same in every process, so that thousands of nodes
can be asked on many cores or machines and put together (:mod:`natc.analysis.balance`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from natc.analysis.own_address import own_address
from natc.analysis.who import NODE, OWN
from natc.errors import DumpError, Span
from natc.netfilter.intervals import Intervals, union
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.packet import Open, Packet, question_packet
from natc.netfilter.ruleset import Ruleset
from natc.probability import Odds
from natc.trace.answer.cases import cases_of
from natc.trace.answer.outcome import MASQUERADE, Case, Distribution, Endpoint, Outcome, Piece
from natc.trace.answer.wording import phrase
from natc.trace.chain.lists import is_of_lists, says_yes
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from natc.trace.starting import NOTHING_SHOWN, Start
from natc.trace.state import Step, Trail
from natc.values import evolve, frozen

if TYPE_CHECKING:
    from natc.netfilter.node.host import Host

#: What a packet brings to whichever node it comes, by the kinds of open values.
BROUGHT = ("source", "source port", "incoming interface")
#: Ends of the way at which a packet has not got to where it was sent.
_LOST = frozenset({"DROP", "REJECT", "NO_ROUTE", "STOLEN", "OPEN"})
#: What kube-proxy says where the policy Local leaves a node without endpoints, and where there are none.
_NO_ENDPOINTS = re.compile(r"(\S+) has no (local )?endpoints$")
#: Where it says so for what comes from outside: from 1.24 on in filter, before in a chain of nat.
_EXTERNAL = re.compile(r"KUBE-EXTERNAL-SERVICES$|KUBE-XLB-")
_HEALTH = "{} health check node port"

Place = Endpoint | str
"""Where packets end: a target of DNAT, or the verdict of those that get to none. INPUT is then a process
on the node itself, FORWARD sent on to where they were going."""
Brought = tuple[tuple[str, Intervals], ...]
"""What is known of what the packet brings, by the kind of value."""


@frozen
class Asked:
    """The first packet of a connection, as a balancer hands it to a node."""

    dst: str | None
    """The address it is sent to, None for an address of the node itself."""
    port: int | None
    proto: str = "tcp"
    src: str | None = None
    interface: str | None = None
    family: int | None = None
    """Of which family the node's own address is to be; None for that of its dump."""

    def packet(self, own: str) -> Packet:
        """Return the packet; ``own`` is the node's address."""
        return question_packet(
            self.dst or own, self.port, proto=self.proto, src=self.src, in_interface=self.interface
        )


@frozen
class Way:
    """What a node does with the packet under some conditions."""

    brought: Brought
    depends: tuple[str, ...]
    """What else it depends on, in words: something of this node that is not known."""
    parts: tuple[tuple[Place, Odds], ...]
    """Where packets end. The odds sum to exactly 1."""
    seen: tuple[str, ...]
    """What targets may see as the source: :data:`~natc.analysis.who.OWN`, ``NODE``, or an address."""


@frozen
class NodeShares:
    """The answer of one node."""

    family: int
    ways: tuple[Way, ...]
    local_endpoints: bool
    """False where the rules say that traffic policy Local leaves this node nothing to send packets to."""
    questions: tuple[tuple[str, int | None, str], ...] = ()
    """What the rules ask that nothing decides: the question, line and text of the first rule to ask it."""
    assumptions: tuple[str, ...] = ()


def node_shares(ruleset: Ruleset, asked: Asked, host: Host | None = None, sets: Any = None) -> NodeShares:
    """Return where a node sends first packets; ``host`` and ``sets`` are what is known of it.

    Without a host a packet to the node itself goes to an address of its own that takes NodePorts,
    whichever that is. A first packet is of no connection and no list of ``-m recent`` remembers its sender.
    """
    own = own_address(ruleset, host)
    packet = asked.packet(own)
    answer = _machine(ruleset, own, asked, host, sets).trace(packet)
    pieces = [piece for piece in answer.pieces if not _remembered(piece)]
    return NodeShares(
        packet.family,
        tuple(_way(packet, case, pieces) for case in _cases(packet, pieces, own)),
        not any(
            _says_no_local(ruleset, piece) for piece in pieces if isinstance(_place(piece.outcome, own), str)
        ),
        _questions(answer),
        (*_not_its_own(asked, host), *answer.assumptions),
    )


def shares_of(content: bytes, name: str, asked: Asked, *, table: str | None = None) -> NodeShares:
    """Return where a node sends first packets, by what its dump or bundle holds and by nothing else.

    ``name`` is what errors call it, ``table`` that of lines that name none. Raises
    :class:`~natc.errors.NatcError` for what cannot be read.
    """
    from natc.text.files import source_of
    from natc.text.pasted import read_pasted
    from natc.text.shapes.delivered import known_shapes

    source = source_of(content, name)
    read, _ = read_pasted(source.text, file=name, table=table, cache=known_shapes())
    family = ip_address(asked.dst).version if asked.dst else asked.family or read.family
    ruleset = read.of_family(family)
    if ruleset.family != family:
        raise DumpError(f"is of IPv{ruleset.family}, the question of IPv{family}", Span(name))
    bundle = source.bundle
    return node_shares(
        ruleset, asked, bundle.host(family) if bundle else None, bundle.sets() if bundle else None
    )


def _machine(ruleset: Ruleset, own: str, asked: Asked, host: Host | None, sets: Any) -> Machine:
    start = NOTHING_SHOWN if sets is None else Start(sets=sets)
    if host is not None:
        from natc.trace.node.host_node import HostNode

        return Machine.of(ruleset, HostNode(host), start=start)
    addresses = frozenset[int]() if asked.dst else frozenset({int(ip_address(own))})
    return Machine.of(ruleset, OpenNode(addresses), start=start)


def _not_its_own(asked: Asked, host: Host | None) -> tuple[str, ...]:
    """Return what is taken for granted of a balancer's address, on a node of which nothing is known."""
    return (f"{asked.dst} is not the node's own address",) if asked.dst and host is None else ()


# ---- what becomes of the packets


def _remembered(piece: Piece) -> bool:
    return any(says_yes(value, known) for value, known in piece.facts.known.items())


def _cases(packet: Packet, pieces: Iterable[Piece], own: str) -> tuple[Case, ...]:
    """Return the conditions that make a difference to where packets end."""
    bare = [evolve(piece, outcome=_bare(piece.outcome, own), facts=_without_lists(piece)) for piece in pieces]
    return cases_of(packet, list(_united(packet, bare)))


def _without_lists(piece: Piece) -> Any:
    facts = piece.facts
    for value in [value for value in facts.known if is_of_lists(value)]:
        facts = facts.without(value)
    return facts


def _bare(outcome: Outcome, own: str) -> Outcome:
    """Return where a packet ends, and nothing else of it."""
    place = _place(outcome, own)
    if isinstance(place, str):
        return Outcome(place, None, None, None, 0)
    return Outcome("FORWARD", None, place, None, 0)


def _place(outcome: Outcome, own: str) -> Place:
    to = outcome.dnat
    if outcome.verdict in _LOST or to is None:
        return outcome.verdict
    return "INPUT" if to.ip == own and outcome.verdict == "INPUT" else to


def _united(packet: Packet, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join pieces that end alike for sources that exclude each other.

    The hairpin rule of each of n endpoints cuts its own address out of the source. Where it makes no
    difference to where packets end that would be n + 1 cases, to be compared n times n.
    """
    source = packet.src
    groups: dict[Any, list[Piece]] = {}
    for piece in pieces:
        rest = piece.facts.without(source) if isinstance(source, Open) else piece.facts
        groups.setdefault((piece.outcome, piece.odds, rest), []).append(piece)
    for (_, _, rest), group in groups.items():
        joined = _joined(source, group) if isinstance(source, Open) and len(group) > 1 else None
        if joined is None:
            yield from group
        else:
            assert isinstance(source, Open)
            yield evolve(group[0], facts=rest.with_domain(source, joined))


def _joined(source: Open, group: Sequence[Piece]) -> Intervals | None:
    """Return all sources of some pieces, None where a source is of several."""
    domains = [piece.facts.domain(source) for piece in group]
    spans = sorted(span for domain in domains if isinstance(domain, Intervals) for span in domain)
    if any(high > low for (_, high), (low, _) in pairwise(spans)):
        return None
    return union(spans)


def _way(packet: Packet, case: Case, pieces: Iterable[Piece]) -> Way:
    brought, depends = dict[str, Intervals](), list[str]()
    for value, known in case.known.items():
        if value.kind in BROUGHT and isinstance(known, Intervals):
            brought[value.kind] = known
        else:
            depends.append(phrase(packet, value, known))
    parts = tuple((outcome.dnat or outcome.verdict, odds) for odds, outcome in case.outcomes)
    seen = {_seen(piece.outcome) for piece in pieces if _arrives(piece) and _possible(piece, case)}
    return Way(tuple(sorted(brought.items())), tuple(depends), parts, tuple(sorted(seen)))


def _arrives(piece: Piece) -> bool:
    return piece.outcome.dnat is not None and piece.outcome.verdict not in _LOST


def _possible(piece: Piece, case: Case) -> bool:
    """Tell whether a piece can be under the conditions of a case."""
    return all(
        piece.facts.domain(value) is None or known & piece.facts.domain(value)  # type: ignore[operator]
        for value, known in case.known.items()
    )


def _seen(outcome: Outcome) -> str:
    if outcome.snat is None:
        return OWN
    return NODE if outcome.snat == MASQUERADE else str(outcome.snat)


def _questions(answer: Distribution) -> tuple[tuple[str, int | None, str], ...]:
    return tuple(
        (one.text, one.rule.line if one.rule else None, one.rule.text if one.rule else "")
        for one in answer.questions
        if not is_of_lists(one.value)
    )


# ---- traffic policy Local


def _says_no_local(ruleset: Ruleset, piece: Piece) -> bool:
    """Tell whether the way of lost packets goes by a rule that is for want of endpoints of this node."""
    return any(_is_for_want_of_local(ruleset, step) for step in _all_steps(piece.outcome.trail))


def _is_for_want_of_local(ruleset: Ruleset, step: Step) -> bool:
    """Tell what a rule says of the policy Local.

    Of a service without any endpoint the rules say the same under both policies. Only one of policy Local
    has a health check port, which filter lets in from 1.21 on.
    """
    said = _NO_ENDPOINTS.match(comment_of(step.rule)) if step.rule and _EXTERNAL.match(step.chain) else None
    if said is None:
        return False
    return bool(said[2]) or _HEALTH.format(said[1]) in _health_checks(ruleset)


def _health_checks(ruleset: Ruleset) -> set[str]:
    table = ruleset.tables.get("filter")
    chain = table.chains.get("KUBE-NODEPORTS") if table else None
    return {comment_of(rule) for rule in chain.rules} if chain else set()


def _all_steps(trail: Trail) -> Iterator[Step]:
    """Yield the steps of every way to the end of a trail."""
    waiting, seen = [trail], set[int]()
    while waiting:
        one: Trail | None = waiting.pop()
        while one is not None and id(one) not in seen:
            seen.add(id(one))
            if one.step is not None:
                yield one.step
            waiting += [way for _, _, way in one.ways]
            waiting += one.joined or ()
            one = one.before
