"""What becomes of packets, as far as anybody outside the node can see it, and under which facts.

Chains, rules, lines and marks are means and no difference; where a packet ends, what it then looks
like, by which interface it leaves and how it is refused is. So is what somebody gets of its copies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from natc.analysis.diff.answered import is_answered
from natc.netfilter.node.special_addresses import LIMITED_BROADCAST
from natc.netfilter.packet import YES_OR_NO, Domain, Open, Packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.probability import Odds
from natc.trace.answer.outcome import Distribution, Endpoint, Outcome, Piece
from natc.trace.chain.lists import FirstList
from natc.trace.node.view import NodeView
from natc.trace.state import Step
from natc.trace.tee import Copied
from natc.values import changed, evolve, frozen

Known = Mapping[Open, Domain]
#: A rule in the text of a question that each rule asks for itself.
_LINE = re.compile(r" \(line (\d+)\)\Z")
#: A protocol and destination that nobody answers.
_NO_PEER = 6, LIMITED_BROADCAST
#: Verdicts whose packet goes on, with what it then looks like.
_SEEN_AFTER = frozenset({"FORWARD", "OUTPUT", "INPUT"})
#: Verdicts of copies of which nobody gets anything.
_UNSEEN_BY_ANYBODY = frozenset({"DROP", "NO_ROUTE"})
#: Fields in which two packets that look alike on the wire may differ.
_UNSEEN: dict[str, Any] = {"mark": 0, "in_interface": "", "ctstate": None, "bridge_port_in": "",
                           "bridge_port_out": "", "link_source": None, "uid": None, "gid": None}  # fmt: skip


@frozen
class Fate:
    """One end of a packet's way as it is seen from outside."""

    verdict: str
    dnat: Endpoint | None = None
    snat: Endpoint | str | None = None
    reject: str | None = None
    errno: str | None = None
    held_by: str = ""
    """What takes the packet from netfilter, or why natc cannot tell what becomes of it."""
    final: Packet | None = None
    """The packet as it leaves or is delivered; None for one that is not seen any more."""
    copies: tuple[tuple[str, Fate], ...] = ()
    """What becomes of the copies that TEE sends, each with its gateway, but of those that are dropped."""

    @property
    def place(self) -> Fate:
        """Where the packet ends, whatever it then looks like and whoever has its address."""
        verdict = "ARRIVES" if self.verdict in _SEEN_AFTER else self.verdict
        copies = _in_order((gateway, copy.place) for gateway, copy in self.copies)
        return evolve(self, verdict=verdict, snat=None, final=None, copies=copies)


@frozen
class Term:
    """A fate and the part of the packets that meet it wherever the facts hold."""

    facts: Known
    odds: Odds
    fate: Fate

    @property
    def coarse(self) -> Term:
        """The same of where packets end, whatever they then look like."""
        return Term(self.facts, self.odds, self.fate.place)


class Questions:
    """Gives the questions that rules ask names that hold for both rulesets.

    A question of a rule's own is named by its line. The rule of the other ruleset that says the same asks
    the same question; of several in one ruleset that say the same, the first asks what the first asks.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._names: dict[int, str] = {}
        self._rules: dict[int, Rule] = {}

    def common(self, value: Open) -> Open:
        """Return the question by its common name."""
        found = _LINE.search(value.subject)
        if found is None:
            return value
        text = value.subject[: found.start()]
        said = self._name(int(found[1]))
        return Open(value.kind, text if said in text else f"{text}: {said}", value.domain)

    def _name(self, line: int) -> str:
        if not self._names:
            seen: dict[str, int] = {}
            for rule in self._ruleset.rules():
                text = _said(rule)
                seen[text] = seen.get(text, 0) + 1
                self._names[rule.line] = text if seen[text] == 1 else f"{text} ({seen[text]})"
        return self._names.get(line, "")


def _said(rule: Rule) -> str:
    """Return what a rule says, its comment and counters left out; of one that could not be read its line."""
    if rule.shape.unread:
        return rule.text
    from natc.netfilter.matches.comment import Comment

    words = [*rule.header.words()]
    for match in rule.matches:
        if not isinstance(match, Comment):
            words += ["-m", match.shown_name, *match.words()]
    return " ".join(["-A", rule.chain, *words, rule.save().rpartition(" -j ")[2]])


def terms_of(answer: Distribution, questions: Questions, node: NodeView) -> list[Term]:
    """Return the pieces of an answer of a node as they look from outside; their facts may overlap."""
    return [_term(answer.packet, piece, questions, node) for piece in answer.pieces]


def _term(sent: Packet, piece: Piece, questions: Questions, node: NodeView) -> Term:
    facts = {questions.common(value): domain for value, domain in piece.facts.known.items()}
    if _is_ignored(piece.outcome) or (
        piece.outcome.verdict == "REJECT" and not is_answered(piece.outcome, piece.facts, node)
    ):
        return Term(facts, piece.odds, Fate("DROP", copies=_copies(sent, piece.outcome)))
    return Term(facts, piece.odds, _fate(sent, piece.outcome))


def _is_ignored(outcome: Outcome) -> bool:
    """Tell whether a packet is delivered and never answered: TCP to a broadcast (tcp_v4_conn_request)."""
    packet = outcome.final
    return outcome.verdict == "INPUT" and packet is not None and (packet.proto, packet.dst) == _NO_PEER


def _fate(sent: Packet, outcome: Outcome) -> Fate:
    verdict, copies = outcome.verdict, _copies(sent, outcome)
    unclear = next((copy.held_by for _, copy in copies if copy.verdict == "OPEN"), None)
    if unclear is not None:
        return Fate("OPEN", held_by=unclear)
    if verdict not in _SEEN_AFTER:
        held = _holder(outcome.path) if verdict in ("STOLEN", "OPEN") else ""
        return Fate(verdict, reject=outcome.reject, errno=outcome.errno, held_by=held, copies=copies)
    assert outcome.final is not None
    final = _seen(sent, outcome.final)
    return Fate(verdict, outcome.dnat, outcome.snat, final=final, copies=copies)


def _copies(sent: Packet, outcome: Outcome) -> tuple[tuple[str, Fate], ...]:
    """Return what becomes of the copies of a packet, as far as somebody sees it, in an order of their own."""
    found = ((one.gateway, _of_copy(sent, one, outcome.known)) for one in outcome.copies)
    return _in_order((gateway, fate) for gateway, fate in found if fate is not None)


def _in_order(copies: Iterable[tuple[str, Fate]]) -> tuple[tuple[str, Fate], ...]:
    return tuple(sorted(copies, key=repr))


def _of_copy(sent: Packet, copy: Copied, known: Known) -> Fate | None:
    if copy.verdict in _UNSEEN_BY_ANYBODY:
        return None
    if copy.verdict not in _SEEN_AFTER:
        held = _holder(copy.final.trail.path(known)) if copy.verdict in ("STOLEN", "OPEN") else ""
        return Fate(copy.verdict, reject=copy.final.rejected, held_by=held)
    packet = changed(copy.packet, out_interface=copy.out or "")
    return Fate(copy.verdict, final=_seen(sent, packet))


def _seen(sent: Packet, after: Packet) -> Packet:
    """Return a packet as it is seen from outside, without the fields that it was sent with."""
    shown = changed(after, **_UNSEEN)
    kept = {name: None for name in ("src", "dst", "sport", "dport") if _kept(sent, shown, name)}
    return changed(shown, **kept)


def _kept(sent: Packet, after: Packet, name: str) -> bool:
    return bool(getattr(sent, name) == getattr(after, name))


def _holder(path: Sequence[Step]) -> str:
    """Return what the last rule hands the packet to."""
    last = path[-1].rule if path else None
    return "" if last is None else last.save().rpartition(" -j ")[2]


def is_question(value: Open) -> bool:
    """Tell whether a value is a question that natc cannot decide, not a field that a packet may have."""
    return (value.domain == YES_OR_NO and value.kind != "mark bit") or isinstance(value, FirstList)


def says_yes(value: Open, chosen: Any) -> bool:
    """Tell whether a question is answered with yes; that of lists in a row where one of them says so."""
    return chosen != len(value.questions) if isinstance(value, FirstList) else bool(chosen)
