"""The answer to a trace: what can become of the packet, under which conditions, with which odds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from natc.netfilter.packet import Domain, Facts, Open, Packet
from natc.netfilter.rule import Rule
from natc.probability import Odds, total
from natc.trace.answer.wording import phrase
from natc.trace.chain.lists import FirstList
from natc.trace.node.view import LOOPBACK4, NodeView, OpenNode, local_question
from natc.trace.state import State, Step, Trail
from natc.values import define, field, frozen, value

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection
    from natc.trace.chain.walk import Tally
    from natc.trace.tee import Copied

#: Stands for "the address the packet leaves by, whichever that is".
MASQUERADE = "masquerade"
#: Verdicts of packets that come to nowhere.
LOST = frozenset({"DROP", "REJECT", "NO_ROUTE"})

#: Open values that a question leaves open by itself; all others are questions that rules raise.
_FIELDS = frozenset(
    {
        "source",
        "source port",
        "destination port",
        "incoming interface",
        "outgoing interface",
        "user of the sender",
        "group of the sender",
    }
)


@value
class Endpoint:
    """An address and port in text; the port is None for protocols without ports."""

    ip: str
    port: int | str | None = None
    """A number, or in words what is known of it."""

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip and self.port is not None else self.ip
        return host if self.port is None else f"{host}:{self.port}"


@value
class Outcome:
    """One end of the way. Two outcomes are equal when the packet ends alike, whatever the path."""

    verdict: str
    """FORWARD, OUTPUT, INPUT, DROP, REJECT, NO_ROUTE, STOLEN, or OPEN where natc cannot tell."""
    out: str | None
    """The interface it left by; None when it did not leave or the interface is not known."""
    dnat: Endpoint | None
    snat: Endpoint | str | None
    """The translated source; :data:`MASQUERADE` when it is an address that is not known."""
    mark: int | str
    drop_at: str | None = None
    reject: str | None = None
    errno: str | None = None
    reason: str | None = None
    """Why routing did not send it on."""
    connection: Connection | None = None
    """The entry of the connection table that the packet is of; None for a first packet."""
    direction: int = 0
    """1 where the packet goes the way of that connection's replies."""
    copies: tuple[Copied, ...] = ()
    """The copies that TEE sent of it, where they came to their ends."""
    final: Packet | None = field(default=None, eq=False)
    trail: Trail = field(default=Trail(), eq=False, repr=False)
    """The ways there."""
    known: Mapping[Open, Domain] = field(factory=dict, eq=False, repr=False)
    """The conditions it is asked under: they choose among the ways."""
    ways: int = field(default=1, eq=False)
    """How many branches end so."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The path and, in between, the random rules that were passed by."""
        return tuple(self.trail.steps(self.known))

    @property
    def path(self) -> tuple[Step, ...]:
        """The rules that matched and the policies that applied, in order."""
        return tuple(self.trail.path(self.known))

    @property
    def passed_by(self) -> int:
        """How many random rules on the way did not match."""
        return sum(part.passed for part in self.trail.parts(self.known))

    @property
    def factors(self) -> tuple[Step, ...]:
        """The random rules on the way and on its copies' ways, those that did not match included."""
        steps = (*self.steps, *(step for copy in self.copies for step in copy.final.trail.steps(self.known)))
        return tuple(step for step in steps if step.odds is not None)


@value(eq=False)
class Piece:
    """An outcome with the odds it has wherever its facts hold; pieces may overlap."""

    facts: Facts
    odds: Odds
    outcome: Outcome


@frozen(eq=False, slots=False)
class Case:
    """One set of conditions. The odds of its outcomes sum to exactly 1."""

    packet: Packet
    known: Mapping[Open, Domain]
    outcomes: tuple[tuple[Odds, Outcome], ...]

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The conditions in words; none when the case is the only one."""
        from natc.trace.answer.wording import condition_texts

        return condition_texts(self.packet, self.known)


@frozen
class Question:
    """Something that rules ask and nothing given decides, with the first rule to ask it."""

    text: str
    value: Open
    rule: Rule | None = None


@define(eq=False)
class Caveats:
    """Gathers from the ends of a packet's ways what is to be said beside them: questions and assumptions.

    Both ways to explore, merged and branch by branch, show it their ends and so say the same.
    """

    packet: Packet
    node: NodeView
    tally: Tally
    from_wire: bool
    """The packet comes from the network, over anything but lo."""
    _asked: dict[Open, None] = field(factory=dict)
    _elsewhere: dict[int, Packet] = field(factory=dict)
    """The addresses that packets are sent on to and that nobody asked about."""
    _arrived: bool = False
    _forwarded: bool = False
    _to_loopback: bool = False

    def saw(self, final: State) -> None:
        """Note a state that has arrived."""
        self._asked.update((value, None) for value in final.facts.known if value.kind not in _FIELDS)
        self._note_destination(final)
        if self.from_wire and final.verdict not in ("DROP", "NO_ROUTE"):
            self._arrived = True
            self._forwarded |= final.verdict == "FORWARD"
            self._to_loopback |= _to_loopback(final.packet)

    def _note_destination(self, final: State) -> None:
        packet, address = final.packet, final.packet.dst
        if final.verdict not in ("FORWARD", "OUTPUT") or not isinstance(address, int):
            return
        if address in self._elsewhere or not isinstance(self.node, OpenNode):
            return
        if self.node.left_open(packet, address) and local_question(packet, address) not in final.facts.known:
            self._elsewhere[address] = packet

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the rules asked that neither packet nor node decides."""
        questions = [Question(self._text(value), value, self.tally.asked.get(value)) for value in self._asked]
        aside = self.tally.aside.items()
        return (*questions, *(Question(text, Open("aside", text), rule) for text, rule in aside))

    def _text(self, value: Open) -> str:
        if value.domain is None:
            return value.subject
        if isinstance(value, FirstList):
            return value.asks
        if value.kind == "address type":
            return f"of what type is {value.subject} for the node"
        return phrase(self.packet, value, frozenset({True})) if value.subject else value.kind

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken for granted of the node and of its letting the packet in."""
        return (*self._of_addresses(), *(self._let_in() if self._arrived else ()))

    def _of_addresses(self) -> tuple[str, ...]:
        """Return what an open node takes for granted: addresses nobody asked about are not its own."""
        if len(self._elsewhere) > 1:
            return (f"none of the {len(self._elsewhere)} addresses packets are sent on to is the node's own",)
        return tuple(
            f"{packet.show(address)} is not the node's own address"
            for address, packet in self._elsewhere.items()
        )

    def _let_in(self) -> Sequence[str]:
        """Return what is taken for granted for the node to let a packet from the wire in."""
        packet, known_node = self.packet, self.node.host is not None
        said = []
        if isinstance(packet.src, Open):
            kinds = "loopback, multicast" + (", broadcast, 0.0.0.0" if packet.family == 4 else "")
            said.append(f"the source is no martian ({kinds}, the node's own)")
        if not known_node:
            sysctls = ["rp_filter lets the source in"] if packet.family == 4 else []
            sysctls += ["route_localnet lets it in"] if self._to_loopback else []
            sysctls += ["the node forwards packets"] if self._forwarded else []
            said += [" and ".join(sysctls)] if sysctls else []
        return said


def _to_loopback(packet: Packet) -> bool:
    """Tell whether a packet is delivered to 127.0.0.0/8, which from the wire hangs on ``route_localnet``."""
    return packet.family == 4 and isinstance(packet.dst, int) and packet.dst >> 24 == LOOPBACK4


@define(eq=False, slots=False)
class Distribution:
    """The answer to one trace."""

    packet: Packet
    origin: str
    """"network" or "local"."""
    pieces: tuple[Piece, ...]
    questions: tuple[Question, ...] = ()
    """What is open, other than the fields the question itself left open."""
    assumptions: tuple[str, ...] = ()
    """What was taken for granted without a node."""
    rules_evaluated: int = 0

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The answer by conditions: cases exclude each other and leave nothing out."""
        from natc.trace.answer.cases import cases_of

        return cases_of(self.packet, self.pieces)

    @property
    def arrives_translated(self) -> bool:
        """Whether the packet is translated and let through in some case."""
        outcomes = (outcome for case in self.cases for _, outcome in case.outcomes)
        return any(outcome.dnat and outcome.verdict not in LOST for outcome in outcomes)

    def targets(self) -> tuple[tuple[Endpoint, tuple[tuple[Case, Odds], ...]], ...]:
        """Each DNAT target with its summed odds under each case in which it can be chosen."""
        return self._targets

    @cached_property
    def _targets(self) -> tuple[tuple[Endpoint, tuple[tuple[Case, Odds], ...]], ...]:
        found: dict[Endpoint, list[tuple[Case, Odds]]] = {}
        for case, shared in self.shares():
            for target, odds in shared.items():
                found.setdefault(target, []).append((case, odds))
        return tuple((target, tuple(rows)) for target, rows in found.items())

    def shares(self) -> Iterator[tuple[Case, dict[Endpoint, Odds]]]:
        """Yield each case with the summed odds of the DNAT targets that can be chosen in it."""
        for case in self.cases:
            sums: dict[Endpoint, list[Odds]] = {}
            for odds, outcome in case.outcomes:
                if outcome.dnat is not None:
                    sums.setdefault(outcome.dnat, []).append(odds)
            yield case, {target: total(parts) for target, parts in sums.items()}
