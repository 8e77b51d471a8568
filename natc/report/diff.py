"""What two rulesets do differently, as text and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from natc.analysis.diff.changes import Change, Difference
from natc.analysis.diff.classes import DestinationClass, united
from natc.analysis.diff.contrasts import Contrast, Unsure
from natc.analysis.diff.fates import Fate
from natc.analysis.diff.joint import Shares
from natc.analysis.diff.witness import Witness
from natc.netfilter.intervals import ALL_PORTS, all_addresses, numbers, union
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.packet import Open, Packet
from natc.probability import NEVER, Odds
from natc.report.conditions import in_few
from natc.report.document import odds_json
from natc.report.lines import Line, Part, counted, line
from natc.report.rule_text import percent, words_of
from natc.trace.answer.outcome import MASQUERADE, Endpoint
from natc.trace.answer.wording import condition_texts, phrase
from natc.values import evolve, frozen

#: What is said of where a packet ends; nothing of one that is sent on.
_VERDICTS = {
    "FORWARD": "", "OUTPUT": "", "INPUT": "delivered to the node", "DROP": "dropped", "REJECT": "rejected",
    "NO_ROUTE": "not routed", "STOLEN": "taken from netfilter", "OPEN": "natc cannot tell",
}  # fmt: skip
_ORIGINS = {"network": "from the network", "local": "from the node itself"}
#: Kinds of values for which trace has an option.
_SAID_BY_OPTIONS = frozenset(
    {"source", "source port", "incoming interface", "mark bit", "state", "ICMP type", "ICMP code", "length"}
)
#: What is said of packets of the node itself that only masquerading tells apart.
_CHOSEN = (
    "of the node's own packets those whose process chose an address: "
    "routing mostly gives the one that masquerading does"
)
#: The same of nodes that are known.
_OTHER_THAN_USUAL = _CHOSEN.replace(" mostly", "")
#: So many classes of destinations that a change is of are named.
_CLASSES = 4
#: A row of the table: what becomes of packets, and its odds on both sides.
Row = tuple[str, Odds, Odds]


@frozen(eq=False)
class Command:
    """How ``natc trace`` reads one of the two sides, as words for a shell."""

    before: tuple[str, ...]
    """A command whose output is the dump; empty where a file is."""
    words: tuple[str, ...]

    def text(self, options: Sequence[str]) -> str:
        """Return the line that asks about a packet."""
        pipe = f"{shlex.join(self.before)} | " if self.before else ""
        return pipe + shlex.join([*self.words, *options])


def diff_lines(found: Difference, commands: Sequence[Command]) -> Iterator[Line]:
    """Yield a summary and then each destination; nothing when there is no difference."""
    if not found:
        return
    yield line(Part(f"{counted(len(found.changes), 'destination')} changed", "bold"))
    for change in found.changes:
        yield line()
        yield _heading(change)
        yield from _contrast_lines(change, commands)
        yield from _likewise(change)
    if found.unsure:
        yield line()
        yield line(
            Part("open: these questions, asked on one side only, may make more of a difference", "yellow")
        )
        yield from map(_unsure_line, found.unsure)


def _heading(change: Change) -> Line:
    where = " on the node's addresses" if change.on_node else ""
    comment = change.contrasts[0].comment
    says = f"  {comment}" if comment else ""
    return line(Part(f"{change.dst}/{change.proto}", "bold"), f"{where}{says}")


def _likewise(change: Change) -> Iterator[Line]:
    """Yield the destinations that the packets shown stand for, if they are more than one."""
    texts = _stands_for(change)
    for text in texts[:_CLASSES]:
        yield line("    stands for ", text or "itself")
    if len(texts) > _CLASSES:
        yield line(f"    and {len(texts) - _CLASSES:,} more such classes of destinations")


def _stands_for(change: Change) -> list[str]:
    """Return what destinations a change is of in words, nothing if it is of the one shown."""
    classes = united(change.classes)
    first, everything = classes[0], numbers(0, 255)
    alike = all(
        (one.addresses, one.ends, one.narrow) == (first.addresses, first.ends, False) for one in classes
    )
    if alike and union(span for one in classes for span in one.protocols) == everything:
        classes = [evolve(first, ports=ALL_PORTS, protocols=everything)]
    texts = [_class_text(one, on_node=change.on_node) for one in classes]
    return [] if texts == [""] else texts


def _class_text(of: DestinationClass, *, on_node: bool) -> str:
    """Say in words what destinations a class has; nothing of a single one."""
    whole = Open("destination", "", all_addresses(32 if of.family == 4 else 128))
    parts = [
        (whole, None if on_node else of.addresses, "any address"),
        (Open("port", "", ALL_PORTS), of.ports, "any port"),
        (Open("protocol", "", numbers(0, 255)), of.protocols, "any protocol"),
    ]
    packet = Packet(of.family)
    texts = [
        every if domain == value.domain else phrase(packet, value, domain)
        for value, domain, every in parts
        if domain is not None and domain.single is None
    ]
    return ", ".join([*texts, *_ends_text(of)])


def _ends_text(of: DestinationClass) -> Iterator[str]:
    """Say how addresses have to end, where a mapping of networks keeps that."""
    bits = 32 if of.family == 4 else 128
    for one in of.ends:
        text = phrase(Packet(of.family), Open("destination", "", numbers(0, one.mask)), one.values)
        yield text.replace("destination", f"destination & {address_of(one.mask, bits)}", 1)


def _contrast_lines(change: Change, commands: Sequence[Command]) -> Iterator[Line]:
    """Yield each contrast; one that is the same from elsewhere is said once."""
    groups: dict[tuple[Row, ...], list[Contrast]] = {}
    for contrast in change.contrasts:
        groups.setdefault(tuple(_rows(contrast)), []).append(contrast)
    for rows, group in groups.items():
        first = group[0]
        origins = " and ".join(dict.fromkeys(_ORIGINS[one.witness.origin] for one in group))
        yield line("           A           B   ", Part(", ".join([origins, *_conditions(first)]), "dim"))
        for text, a, b in rows:
            yield line(f"{_odds(a):>12}{_odds(b):>12}   {text}", Part(_exactly(a, b), "dim"))
        chosen = [one for one in group if one.needs_chosen_source]
        if chosen:
            known = all(one.of_usual_source is not None for one in chosen)
            yield line(f"    {_OTHER_THAN_USUAL if known else _CHOSEN}")
        for command in commands:
            yield line("    ", Part(command.text(change.options(first)), "cyan"))


def _conditions(contrast: Contrast) -> Iterator[str]:
    """Yield in words what the packet has to be that no option of trace says."""
    witness = contrast.witness
    unsaid = {
        value: domain
        for value, domain in witness.known.items()
        if value.kind not in _SAID_BY_OPTIONS
        and not (value.kind == "address type" and _taken_for_granted(witness, value))
    }
    if unsaid:
        yield "when " + in_few(condition_texts(witness.packet, unsaid))


def _taken_for_granted(witness: Witness, value: Open) -> bool:
    """Tell whether an option says of what type an address is, or trace takes it for granted."""
    chosen, sent_to = witness.point[value], witness.packet.show(witness.packet.dst)
    return chosen == "LOCAL" or (chosen == "UNICAST" and value.subject != sent_to)


def _rows(contrast: Contrast) -> Iterator[Row]:
    """Yield what becomes of the packet; what it then looks like only where that makes the difference."""
    full = not contrast.is_of_place
    sums: dict[str, list[Odds]] = {}
    for side, shares in enumerate((contrast.a, contrast.b)):
        for fate, odds in shares.items():
            entry = sums.setdefault(_text(fate, full=full), [NEVER, NEVER])
            entry[side] = entry[side] + odds
    for text, (a, b) in sums.items():
        yield text, a, b


def _text(fate: Fate, *, full: bool) -> str:
    verdict = _VERDICTS.get(fate.verdict, fate.verdict)
    how = f"{verdict} with {fate.reject}" if fate.reject else verdict
    to = str(fate.dnat) if fate.dnat else "" if how else "sent on as it came"
    parts = [to, how, fate.held_by, fate.errno or ""]
    if full and not verdict:
        parts.append(_source(fate.snat))
        parts += _form(fate)
    parts += (_copy(gateway, copy, full=full) for gateway, copy in fate.copies)
    return ", ".join(filter(None, parts))


def _copy(gateway: str, copy: Fate, *, full: bool) -> str:
    """Return what becomes of a copy, and what it then looks like where that may make the difference."""
    form = " ".join(_form(copy)) if full else ""
    verdict = _VERDICTS.get(copy.verdict, copy.verdict) or "sent"
    return " ".join(filter(None, [f"a copy for {gateway}", verdict, form]))


def _source(snat: Endpoint | str | None) -> str:
    if snat is None:
        return "source kept"
    return "masqueraded" if snat == MASQUERADE else f"source becomes {snat}"


def _form(fate: Fate) -> Iterator[str]:
    """Yield what else the packet that leaves may be told by."""
    packet = fate.final
    if packet is not None:
        if isinstance(packet.out_interface, str) and packet.out_interface:
            yield f"out by {packet.out_interface}"
        if packet.tos:
            yield f"TOS {packet.tos}"
        if packet.ttl not in (63, 64):
            yield f"TTL {packet.ttl}"


def _odds(odds: Odds) -> str:
    return percent(odds) if odds else "-"


def _exactly(a: Odds, b: Odds) -> str:
    """Say the odds exactly where percents would look alike."""
    return f"   {a} and {b}" if a != b and percent(a) == percent(b) else ""


def _unsure_line(one: Unsure) -> Line:
    where = f"line {one.rule.line} of {one.side.upper()}" if one.rule else f"in {one.side.upper()}"
    words = words_of(one.rule) if one.rule else ""
    rule = "" if words in one.question else f"  {words}"
    return line(f"  {where}: {one.question}{rule}  (first met by packets to {one.dst})")


def diff_json(found: Difference, commands: Sequence[Command]) -> dict[str, Any]:
    """Return the document's content."""
    return {
        "changes": [_change(change, commands) for change in found.changes],
        "open": [_open(one) for one in found.unsure],
    }


def _change(change: Change, commands: Sequence[Command]) -> dict[str, Any]:
    first, *others = [_contrast(change, contrast, commands) for contrast in change.contrasts]
    return {
        "dst": change.dst,
        "proto": change.proto,
        "name": change.name,
        "comment": change.contrasts[0].comment,
        **first,
        "also": others,
        "stands_for": [text or "itself" for text in _stands_for(change)],
    }


def _contrast(change: Change, contrast: Contrast, commands: Sequence[Command]) -> dict[str, Any]:
    options = change.options(contrast)
    traces = zip("ab", commands, strict=True)
    return {
        "a": _shares(contrast.a),
        "b": _shares(contrast.b),
        "packet": shlex.join(options),
        "origin": contrast.witness.origin,
        "conditions": list(condition_texts(contrast.witness.packet, contrast.witness.known)),
        "chosen_source": contrast.needs_chosen_source,
        "trace": {side: command.text(options) for side, command in traces},
    }


def _shares(shares: Shares) -> list[dict[str, Any]]:
    return [{"odds": odds_json(odds), **_fate(fate)} for fate, odds in shares.items()]


def _fate(fate: Fate) -> dict[str, Any]:
    return {
        "verdict": fate.verdict,
        "dnat": _endpoint(fate.dnat),
        "snat": {"masquerade": True} if isinstance(fate.snat, str) else _endpoint(fate.snat),
        "reject": fate.reject,
        "text": _text(fate, full=True),
    }


def _endpoint(endpoint: Endpoint | None) -> dict[str, Any] | None:
    return None if endpoint is None else {"ip": endpoint.ip, "port": endpoint.port}


def _open(one: Unsure) -> dict[str, Any]:
    return {
        "question": one.question,
        "side": one.side,
        "line": one.rule.line if one.rule else None,
        "text": one.rule.text if one.rule else None,
        "dst": one.dst,
    }
