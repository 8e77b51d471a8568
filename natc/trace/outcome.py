"""The answer to a trace: what can become of the packet, under which conditions, with which odds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from natc.netfilter.packet import Domain, Facts, Open, Packet
from natc.netfilter.rule import Rule
from natc.probability import Odds, total
from natc.trace.state import Step, Trail
from natc.values import define, field, frozen, value

if TYPE_CHECKING:
    from natc.netfilter.connection import Connection
    from natc.trace.tee import Copied

#: Stands for "the address the packet leaves by, whichever that is".
MASQUERADE = "masquerade"
#: Verdicts of packets that come to nowhere.
LOST = frozenset({"DROP", "REJECT", "NO_ROUTE"})


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


@define(eq=False)
class Listing:
    """The first of a packet's branches, and whether there are more: of 64 coins in a row there are 2^64."""

    branches: Iterator[Piece]
    limit: int
    """How many are listed at most; 0 for all."""
    has_more: bool = False
    """Known once all that are listed were asked for."""
    _listed: float = 0.0
    _conditional: bool = False

    def __iter__(self) -> Iterator[Piece]:
        for piece in islice(self.branches, self.limit or None):
            self._listed += float(piece.odds)
            self._conditional |= bool(piece.facts.known)
            yield piece
        self.has_more = next(self.branches, None) is not None

    @property
    def rest(self) -> float | None:
        """The odds of what was not listed; None where they differ from condition to condition."""
        return None if self._conditional else max(0.0, 1 - self._listed)


@frozen(eq=False)
class Case:
    """One set of conditions. The odds of its outcomes sum to exactly 1."""

    known: Mapping[Open, Domain]
    outcomes: tuple[tuple[Odds, Outcome], ...]
    conditions: tuple[str, ...] = ()
    """The conditions in words; none when the case is the only one."""


@frozen
class Question:
    """Something that rules ask and nothing given decides, with the first rule to ask it."""

    text: str
    value: Open
    rule: Rule | None = None


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
        from natc.trace.cases import cases_of

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
