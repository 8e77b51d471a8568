"""The answer to a trace for a person: where to, what becomes of the source, then why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from natc.netfilter.packet import Open, Packet
from natc.probability import CERTAIN, Odds
from natc.report.conditions import conditions_of, in_words, lines_of, when
from natc.report.fates import fate_lines, fate_of
from natc.report.lines import Line, Part, line
from natc.report.path_tree import sections
from natc.report.rule_text import by_address, exact, percent, words_of
from natc.report.why import why_lines
from natc.trace.answer.outcome import Case, Distribution, Endpoint, Question
from natc.trace.answer.wording import service_of

if TYPE_CHECKING:
    from natc.trace.answer.listing import Listing
    from natc.trace.answer.near_miss import NearMiss

#: How many targets a person is shown before "and N more".
_SHOWN = 20
#: Digits of a part that :func:`percent` shows: parts that look alike stand by address.
_SEEN_DIGITS = 8
#: How many services a destination may be: more come with a port left open, and say nothing.
_NAMED = 3
#: How many conditions with shares of their own, and how many open questions.
_BLOCKS, _ASKED = 8, 20
#: How many near misses.
_MISSES = 5
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp", 1: "icmp", 58: "icmpv6"}


def trace_lines(answer: Distribution, misses: Sequence[NearMiss] = ()) -> Iterator[Line]:
    """Yield the report, the answer before the reasons; ``misses`` are rules that nearly matched."""
    trees = sections(answer)
    yield line(Part(headline(answer), "bold"))
    yield line()
    yield from _targets(answer)
    yield from fate_lines(answer, trees)
    yield from _assumptions(answer.assumptions)
    yield from _questions(answer.questions)
    yield from _near_misses(misses)
    yield from why_lines(answer, trees)


# ---- what was asked


def headline(answer: Distribution) -> str:
    """Return what was asked, in one line: where to, what that is, and where from."""
    packet = answer.packet
    origin = "sent by this node" if answer.origin == "local" else "arriving from the network"
    source = (
        "source left open" if isinstance(packet.src, Open) else f"from {_endpoint(packet, 'src', 'sport')}"
    )
    names = _service_names(answer)
    what = f"is {' or '.join(names)}" if 0 < len(names) <= _NAMED else ""
    protocol = _PROTOCOLS.get(packet.proto, str(packet.proto)) if isinstance(packet.proto, int) else "any"
    return ", ".join(
        filter(None, [f"{_endpoint(packet, 'dst', 'dport')}/{protocol} {what}".rstrip(), origin, source])
    )


def _endpoint(packet: Packet, address: str, port: str) -> str:
    number = getattr(packet, port)
    return str(Endpoint(packet.show(getattr(packet, address)), number if isinstance(number, int) else None))


def _service_names(answer: Distribution) -> list[str]:
    """Return the services that comments of matched rules name first; one way of each case is looked at."""
    found: dict[str, None] = {}
    named: dict[int, str | None] = {}  # by rule: the 15,000 cases of a service with affinity begin alike
    for case in answer.cases:
        for _, outcome in case.outcomes[:1]:
            for rule in (step.rule for step in outcome.path if step.rule is not None):
                if id(rule) not in named:
                    named[id(rule)] = service_of(rule)
                if name := named[id(rule)]:
                    found[name] = None
                    break
    return list(found)


# ---- where to


def _targets(answer: Distribution) -> Iterator[Line]:
    """Yield the targets with their shares: once, where all conditions share them, else by condition.

    The condition with most targets comes first: with session affinity that of a client's first packet.
    """
    shares: dict[tuple[tuple[Endpoint, Odds], ...], list[Case]] = {}
    for case, shared in answer.shares():
        shares.setdefault(_ordered(shared), []).append(case)
    found = sorted(shares.items(), key=lambda share: -len(share[0]))[:_BLOCKS]
    lines = lines_of(answer.questions)
    for rows, cases in found:
        if len(shares) > 1:
            yield line(f"{when(conditions_of(answer.packet, cases, lines))}:")
        yield from _share_table(rows)
        yield line()
    if len(shares) > len(found):
        yield line(f"and {len(shares) - len(found):,} more conditions (--output json lists all)")
        yield line()


def _ordered(shared: Mapping[Endpoint, Odds]) -> tuple[tuple[Endpoint, Odds], ...]:
    rows = sorted(shared.items(), key=lambda row: (-round(float(row[1]), _SEEN_DIGITS), *by_address(row[0])))
    return tuple(rows)


def _share_table(rows: tuple[tuple[Endpoint, Odds], ...]) -> Iterator[Line]:
    if not rows:
        yield line("  no destination translation")
        return
    width = max(len(str(target)) for target, _ in rows[:_SHOWN])
    for target, odds in rows[:_SHOWN]:
        exactly = "always" if odds == CERTAIN else exact(odds)
        yield line(
            Part(f"  {percent(odds):>9}", "bold green"), f"   {target!s:<{width}}   ", Part(exactly, "dim")
        )
    if len(rows) > _SHOWN:
        yield line(f"  and {len(rows) - _SHOWN:,} more targets (--output json lists all)")


# ---- what is open, and what nearly was


def _questions(questions: Sequence[Question]) -> Iterator[Line]:
    if questions:
        yield line()
        yield line(Part("open", "bold yellow"))
    for question in questions[:_ASKED]:
        where = f"   line {question.rule.line}: {question.rule.text}" if question.rule else ""
        yield line(f"  {question.text}", Part(where, "dim"))
    if len(questions) > _ASKED:
        yield line(f"  and {len(questions) - _ASKED:,} more (--output json lists all)")


def _assumptions(assumptions: Sequence[str]) -> Iterator[Line]:
    for assumption in assumptions:
        yield line(Part(f"  taken for granted: {assumption}", "dim"))


def _near_misses(misses: Sequence[NearMiss]) -> Iterator[Line]:
    """Yield the rules that one word kept from the packet: the rule, then the word and what is instead."""
    if misses:
        yield line()
        yield line(Part("nearly", "bold"))
    for miss in misses[:_MISSES]:
        own = miss.at is miss.rule
        verb = "not matched" if own else f"not reached from line {miss.at.line}"
        yield line(Part(f"    {miss.rule.line:>6}", "cyan"), f"  {words_of(miss.rule)}")
        yield line("            ", Part(f"{verb}: {miss.failed}, but {miss.have}", "yellow"))
    if len(misses) > _MISSES:
        yield line(f"            and {len(misses) - _MISSES:,} more (--output json lists all)")


# ---- branch by branch


def branch_lines(listing: Listing) -> Iterator[Line]:
    """Yield one line a branch, its odds, where to, how it ends and when, and behind all what they hang on."""
    for piece in listing:
        outcome = piece.outcome
        conditions = in_words(listing.packet, piece.facts.known, lines_of(listing.questions))
        yield line(
            Part(f"  {percent(piece.odds):>9}", "bold green"),
            f"   {outcome.dnat or 'no translation'}   {fate_of(outcome).part().text}",
            Part(f"   when {conditions}" if conditions else "", "dim"),
            Part(f"   {exact(piece.odds)}", "dim"),
        )
    if listing.has_more:
        odds = "" if listing.rest is None else f", with {percent(listing.rest)} of the odds"
        yield line(f"  and more branches{odds} (--limit N lists N, --limit 0 all)")
    yield from _assumptions(listing.assumptions)
    yield from _questions(listing.questions)
