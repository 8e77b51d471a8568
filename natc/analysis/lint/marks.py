"""Checks of the packet's mark: kube-proxy and kubelet each use one bit of it."""

from __future__ import annotations

from collections.abc import Iterator

from natc.analysis.lint.base import Dump
from natc.netfilter.matches.mark import Mark
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.targets.connmark import SetConnmark
from natc.netfilter.targets.mark import SetMark

Found = Iterator[tuple[int, str, str]]

_MARKING = {"KUBE-MARK-MASQ": "masquerading", "KUBE-MARK-DROP": "dropping"}
#: Hooks at which a packet has passed KUBE-SERVICES and may carry the mark.
_LATER = frozenset({"INPUT", "FORWARD", "POSTROUTING"})
_ONES = 0xFFFFFFFF


def without_dropper(dump: Dump) -> Found:
    """Find packets marked for dropping that nothing drops."""
    marking = _jumping(dump, "nat", "KUBE-MARK-DROP")
    if not marking:
        return
    bit = _bit(dump, "KUBE-MARK-DROP")
    if not bit:
        yield marking[0].line, "", f"KUBE-MARK-DROP marks nothing, and {_rules_count(marking)} counts on it"
    elif not any(_drops(dump, rule, bit) for rule in _jumping(dump, "filter", "DROP")):
        yield (
            marking[0].line,
            "",
            f"no rule of filter drops packets marked {bit:#x}, and {_rules_count(marking)} counts on it",
        )


def _rules_count(rules: list[Rule]) -> str:
    return f"line {rules[0].line}" if len(rules) == 1 else f"line {rules[0].line} and {len(rules) - 1} more"


def _jumping(dump: Dump, table: str, to: str) -> list[Rule]:
    """Return the rules of a table that jump to a chain or verdict."""
    graph = dump.graph(table)
    if graph is None:
        return []
    return graph.sheets.rules_with(lambda shape: shape.jump, to.__eq__)


def _bit(dump: Dump, chain: str) -> int:
    """Return the bits of the mark that a chain sets."""
    bits = 0
    for rule in dump.rules("nat", chain):
        target = rule.target
        if isinstance(target, SetMark):
            bits |= target.xmark.value
    return bits


def _drops(dump: Dump, rule: Rule, bit: int) -> bool:
    if not dump.hooks("filter", rule.chain):
        return False
    marks = [match.mark for match in rule.matches if isinstance(match, Mark)]
    return any(
        mark is not None and not mark.inverted and mark.value.value & mark.value.mask & bit for mark in marks
    )


def conflicts(dump: Dump) -> Found:
    """Find rules of others that set or clear the bits that mark packets for kube-proxy and kubelet."""
    bits = {_bit(dump, chain): what for chain, what in _MARKING.items() if _bit(dump, chain)}
    for graph in dump.graphs():
        table = graph.sheets.table.name
        for rule in graph.sheets.rules_with(_others_name, lambda name: not name.startswith("KUBE-")):
            for bit, what in bits.items():
                done = _done(dump, table, rule, bit)
                if done:
                    yield (
                        rule.line,
                        "",
                        f"{done} the bit {bit:#x}, which marks packets for {what}: {rule.save()}",
                    )


def _others_name(shape: Shape) -> int | None:
    """Return the place of the chain's name in rules that set the mark."""
    marks = shape.target is not None and shape.target.kind in (SetMark, SetConnmark)
    return shape.chain if marks else None


def _done(dump: Dump, table: str, rule: Rule, bit: int) -> str:
    """Say what a rule does to a bit, nothing when it leaves it alone where that matters."""
    hooks = dump.hooks(table, rule.chain)
    target = rule.target
    if not hooks:
        return ""
    if isinstance(target, SetMark):
        if target.xmark.value & bit:
            return "sets"
        return "clears" if target.xmark.mask & bit and hooks & _LATER else ""
    if isinstance(target, SetConnmark) and target.restore and hooks & _LATER:
        mask = _ONES if target.nfmask is None else target.nfmask
        return "writes the connection's mark over" if mask & bit else ""
    return ""
