"""The answer to a trace as JSON, in the form the interface promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from natc.netfilter.packet import Open, Packet
from natc.report.document import odds_json
from natc.report.json_pieces import Recurring
from natc.trace.answer.outcome import MASQUERADE, Case, Distribution, Endpoint, Outcome, Piece, Question
from natc.trace.answer.wording import condition_texts
from natc.trace.state import Step
from natc.values import define, field

#: How many random rules that were passed by are listed with an outcome.
_LISTED = 64

if TYPE_CHECKING:
    from natc.trace.answer.listing import Listing
    from natc.trace.answer.near_miss import NearMiss
    from natc.trace.tee import Copied


def trace_json(
    answer: Distribution, misses: Sequence[NearMiss] = (), rows: Callable[[Iterator[Any]], Any] = list
) -> dict[str, Any]:
    """Return the document's content; ``misses`` are the rules that nearly matched.

    ``rows`` is made of the rows of its two long lists: ``iter`` leaves them to be made one by one.
    """
    return {
        "packet": packet_json(answer.packet),
        "origin": answer.origin,
        "outcomes": rows(_outcomes(answer)),
        "targets": rows(_targets(answer)),
        "open": [_question(question) for question in answer.questions],
        "assumptions": list(answer.assumptions),
        "near_misses": [_near_miss(miss) for miss in misses],
    }


def _outcomes(answer: Distribution) -> Iterator[dict[str, Any]]:
    steps = _Steps()
    for case in answer.cases:
        for odds, outcome in case.outcomes:
            yield {"odds": odds_json(odds), "conditions": case.conditions} | outcome_json(outcome, steps)


def _targets(answer: Distribution) -> Iterator[dict[str, Any]]:
    for target, rows in answer.targets():
        yield _endpoint(target) | {"odds": [_under(case, odds_json(odds)) for case, odds in rows]}


def _near_miss(miss: NearMiss) -> dict[str, Any]:
    """Return a rule that nearly matched; ``at`` is the line whose words did not hold."""
    return {
        "line": miss.rule.line,
        "text": miss.rule.text,
        "failed": miss.failed,
        "have": miss.have,
        "at": miss.at.line,
    }


def branches_json(listing: Listing) -> dict[str, Any]:
    """Return a document's content: the branches as they are found, then whether that was all and what they
    hang on.
    """
    return {
        "packet": packet_json(listing.packet),
        "origin": listing.origin,
        "branches": (branch_json(listing.packet, piece) for piece in listing),
        "complete": lambda: not listing.has_more,
        "open": lambda: [_question(question) for question in listing.questions],
        "assumptions": lambda: list(listing.assumptions),
    }


def branch_json(packet: Packet, piece: Piece) -> dict[str, Any]:
    """Return one branch: its odds wherever its conditions hold, and where it ends."""
    conditions = list(condition_texts(packet, piece.facts.known))
    return {"odds": odds_json(piece.odds), "conditions": conditions} | outcome_json(piece.outcome)


def packet_json(packet: Packet) -> dict[str, Any]:
    """Return the packet's fields that the question gave; what it left open is null."""
    fields: dict[str, Any] = {
        "src": None if isinstance(packet.src, Open) else packet.show(packet.src),
        "dst": None if isinstance(packet.dst, Open) else packet.show(packet.dst),
    }
    for name in ("proto", "sport", "dport", "in_interface", "mark"):
        value = getattr(packet, name)
        fields[name] = value if isinstance(value, int | str) else None
    return fields


@define(eq=False)
class _Steps:
    """The steps of paths as JSON, made once each: 15,000 paths share most of theirs."""

    _made: dict[int, Recurring] = field(factory=dict)
    _factors: dict[int, Recurring] = field(factory=dict)

    def of(self, step: Step) -> Recurring:
        found = self._made.get(id(step))
        if found is None:
            found = self._made[id(step)] = Recurring(_step(step))
        return found

    def factor(self, step: Step) -> Recurring:
        found = self._factors.get(id(step))
        if found is None:
            found = self._factors[id(step)] = Recurring(_step(step) | {"matched": step.taken})
        return found


def outcome_json(outcome: Outcome, steps: _Steps | None = None) -> dict[str, Any]:
    """Return where the packet ended, without odds and conditions."""
    steps = steps or _Steps()
    path, passed_by = outcome.path, outcome.passed_by
    copies = {"copies": [_copy(copy, outcome, steps) for copy in outcome.copies]} if outcome.copies else {}
    return {
        "verdict": outcome.verdict,
        "out": outcome.out,
        "dnat": _endpoint(outcome.dnat) if outcome.dnat else None,
        "snat": _source(outcome.snat),
        "mark": outcome.mark,
        "drop_at": outcome.drop_at,
        "reject": outcome.reject,
        "reason": outcome.reason,
        "connection": _connection(outcome),
        "path": [steps.of(step) for step in path],
        "factors": [steps.factor(step) for step in _factors(outcome, path, passed_by)],
        "passed_by": passed_by,
    } | copies


def _copy(copy: Copied, outcome: Outcome, steps: _Steps) -> dict[str, Any]:
    """Return what became of a copy that TEE sent."""
    return {
        "gateway": copy.gateway,
        "verdict": copy.verdict,
        "out": None if isinstance(copy.out, Open) else copy.out,
        "drop_at": copy.drop_at,
        "path": [steps.of(step) for step in copy.final.trail.path(outcome.known)],
    }


def _factors(outcome: Outcome, path: Sequence[Step], passed_by: int) -> Sequence[Step]:
    """Return the random rules on the way; of very many that were passed by, none: their number is said.

    Those of 5,000 endpoints would be listed 12 million times.
    """
    return outcome.factors if passed_by <= _LISTED else [step for step in path if step.odds is not None]


def _connection(outcome: Outcome) -> dict[str, Any] | None:
    """Return the connection that the packet is of, as the node's list has it."""
    place = outcome.connection.read_at if outcome.connection else None
    if place is None:
        return None
    direction = "reply" if outcome.direction else "original"
    return {"file": place.file, "line": place.line, "text": place.text, "direction": direction}


def _source(snat: Endpoint | str | None) -> dict[str, Any] | None:
    if snat is None:
        return None
    return {"masquerade": True} if snat == MASQUERADE or isinstance(snat, str) else _endpoint(snat)


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"ip": endpoint.ip, "port": endpoint.port}


def _under(case: Case, odds: dict[str, Any]) -> dict[str, Any]:
    return odds | {"conditions": case.conditions}


def _step(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {
        "table": step.table,
        "chain": step.chain,
        "rule": step.number,
        "line": step.rule.line if step.rule else None,
        "text": step.rule.text if step.rule else "policy",
    }
    if step.odds is not None:
        found["odds"] = odds_json(step.odds)
    return found


def _question(question: Question) -> dict[str, Any]:
    return {
        "question": question.text,
        "line": question.rule.line if question.rule else None,
        "text": question.rule.text if question.rule else None,
    }
