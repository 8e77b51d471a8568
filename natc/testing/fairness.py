"""Assertions about where a ruleset sends the packets of a service.

What fair means. Packets that begin a connection ("first packets") are spread by chance: each of n targets
must get 1/n, as far as the kernel's random numbers allow. They are whole numbers of 2^-31, so each of the
chances 1/n, 1/(n-1), ... is off by 2^-31 at most and a part by less than two such: within 2^-30 of 1/n.

Under session affinity a client that a list of ``-m recent`` remembers is not spread: every packet of it
must go to one target, one that first packets can reach. And each of these must remember its clients,
or affinity would hold for some of them and not for others.

What is no matter of fairness: which targets there are (``targets`` says it), and packets that are dropped
or refused before they reach any. Where an answer hangs on what is left open, such as the source, all this
must hold for each case by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from natc.netfilter.packet import Packet, question_packet
from natc.netfilter.targets.dnat import Dnat
from natc.probability import CERTAIN, Odds
from natc.trace.answer.outcome import Case, Distribution, Outcome
from natc.trace.answer.wording import service_of
from natc.trace.chain.lists import says_yes
from natc.trace.machine import trace
from natc.trace.node.view import OpenNode
from natc.values import define, field

if TYPE_CHECKING:
    from natc.netfilter.ruleset import Ruleset

#: How far from 1/n the kernel's 31-bit random numbers can take a part.
EXACT = 2.0**-30


def assert_fair(  # noqa: PLR0913 - one parameter a thing that can be asked
    ruleset: Ruleset,
    dst: str,
    *,
    proto: str = "tcp",
    src: str | None = None,
    local: bool = False,
    node_ips: Iterable[str] = (),
    targets: Iterable[str] | None = None,
    affinity: bool | None = None,
    within: float = EXACT,
) -> Distribution:
    """Assert that connections to ``dst`` (``IP:PORT``, ``[IPV6]:PORT``) are shared out fairly.

    First packets must be spread evenly over the targets of DNAT, each part at most ``within`` from 1/n;
    a client that a list remembers must go to one of these targets. With ``targets`` these (``IP:PORT``)
    and no others must be reached; ``affinity`` True or False asserts that clients are remembered or that
    none is (of one target there is nothing to remember). ``local`` means that a process on the node
    sends; ``node_ips`` are the node's addresses, which NodePorts need.

    Returns the whole answer. Raises AssertionError, naming the service, the parts expected and found and
    the lines of the rules behind them, when it does not hold, when no packet is translated, or when the
    ruleset alone cannot tell.
    """
    packet = _packet(dst, proto, src)
    own = frozenset(int(ip) for text in node_ips if (ip := ip_address(text)).version == packet.family)
    answer = trace(ruleset, packet, OpenNode(own) if own else None, origin="local" if local else "network")
    judge = _Judge(_named(answer, dst, proto), within)
    for case in answer.cases:
        judge.hear(case)
    judge.conclude(None if targets is None else set(targets), affinity)
    return answer


def _packet(dst: str, proto: str, src: str | None) -> Packet:
    host, _, port = dst.rpartition(":")
    return question_packet(host.strip("[]"), int(port), proto=proto, src=src)


def _named(answer: Distribution, dst: str, proto: str) -> str:
    outcomes = (outcome for case in answer.cases for _, outcome in case.outcomes[:1])
    names = (service_of(step.rule) for outcome in outcomes for step in outcome.path if step.rule)
    name = next(filter(None, names), None)
    return f"{name} ({dst}/{proto})" if name else f"{dst}/{proto}"


@define
class _Share:
    """What one target gets in one case."""

    odds: Odds
    outcome: Outcome
    """The likeliest way to it."""

    @property
    def lines(self) -> str:
        """The lines of the random rules on the way and of the translation."""
        steps = self.outcome.path
        found = [s.rule.line for s in steps if s.rule and (s.odds or isinstance(s.rule.target, Dnat))]
        return f"line {', '.join(map(str, found))}" if found else ""


@define
class _Judge:
    """Collects what the cases of an answer reach, and complains of the first that is not fair."""

    name: str
    within: float
    spread: set[str] = field(factory=set)
    """The targets of first packets."""
    remembered: set[str] = field(factory=set)
    """The targets that a remembered client is sent back to."""

    def hear(self, case: Case) -> None:
        shares = self._shares(case)
        known = any(says_yes(value, domain) for value, domain in case.known.items())
        if known and len(shares) == 1:
            ((target, share),) = shares.items()
            if share.odds != CERTAIN:
                raise self._complaint(case, "does not keep a client it remembers", shares)
            self.remembered.add(target)
            return
        if not all(self._is_even(share.odds, len(shares)) for share in shares.values()):
            raise self._complaint(case, "is not shared evenly", shares)
        self.spread |= shares.keys()

    def conclude(self, wanted: set[str] | None, affinity: bool | None) -> None:
        reached = self.spread | self.remembered
        if not reached:
            raise AssertionError(f"{self.name} leads to no target")
        if self.remembered and self.spread and self.remembered != self.spread:
            forgetful = sorted(self.spread - self.remembered)
            stray = sorted(self.remembered - self.spread)
            text = f"no list sends clients back to {forgetful}" if forgetful else ""
            other = f"a list sends clients to {stray}, which no first packet reaches" if stray else ""
            raise AssertionError(f"{self.name}: {'; '.join(filter(None, [text, other]))}")
        if wanted is not None and reached != wanted:
            lacking, surplus = sorted(wanted - reached), sorted(reached - wanted)
            raise AssertionError(f"{self.name} does not reach {lacking} and does reach {surplus}")
        if affinity is not None and len(reached) > 1 and affinity is not bool(self.remembered):
            verb = "remembers no client" if affinity else "remembers its clients"
            raise AssertionError(f"{self.name} {verb}")

    def _shares(self, case: Case) -> dict[str, _Share]:
        shares: dict[str, _Share] = {}
        for odds, outcome in case.outcomes:
            if outcome.verdict == "OPEN":
                text = "what becomes of the packet is not decided by the ruleset"
                raise AssertionError(f"{self.name}{_when(case)}: {text}")
            if outcome.dnat is not None:
                target = str(outcome.dnat)
                before = shares.get(target)
                shares[target] = _Share(before.odds + odds if before else odds, outcome)
        return shares

    def _is_even(self, part: Odds, count: int) -> bool:
        """Tell in whole numbers whether a part is no further from 1/count than allowed."""
        most, scale = self.within.as_integer_ratio()
        distance = abs(part.num * count - (1 << part.exp))
        return distance * scale <= most * count << part.exp

    def _complaint(self, case: Case, what: str, shares: dict[str, _Share]) -> AssertionError:
        expected = f"expected {1 / len(shares):.4%} for each of {len(shares)}, within {self.within:.3g}"
        return AssertionError(
            "\n".join([f"{self.name} {what}{_when(case)}: {expected}; found", *_listed(shares)])
        )


def _listed(shares: dict[str, _Share]) -> Iterator[str]:
    for target, share in shares.items():
        yield f"  {target}  {float(share.odds):.4%}  {share.odds}  {share.lines}".rstrip()


def _when(case: Case) -> str:
    return f" when {' and '.join(case.conditions)}" if case.conditions else ""
