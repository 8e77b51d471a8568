"""Two lists of rules compared: which changed, which are missing, which should not be there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from natc.analysis.drift.codes import AFFINITY, FIXED, MASQUERADE, ORDER, POLICY, REFUSAL, RULE, SOURCE_RANGE
from natc.analysis.drift.differences import Drift, Unit
from natc.analysis.findings import Finding
from natc.analysis.service_chains import jump_of, kind_of
from natc.kube.proxy_names import FIREWALL_PREFIX
from natc.netfilter.matches.recent import Recent
from natc.netfilter.rule import Rule
from natc.netfilter.targets.reject import Reject

#: A word of a rule as iptables-save prints it.
_WORD = re.compile(r'-m \S+|"(?:[^"\\]|\\.)*"|\S+')
#: In so many places two rules may differ for these to be told one by one.
_FEW = 2


def rule_findings(
    drift: Drift, unit: Unit, expected: Sequence[Rule], found: Sequence[Rule], otherwise: str
) -> list[Finding]:
    """Compare two lists of rules: rules that changed, are missing, or should not be there.

    ``otherwise`` is the code of what has no name of its own.
    """
    missing, surplus = _unmatched(drift, expected, found)
    findings = []
    for rule in missing:
        like = _most_alike(drift, rule, surplus)
        if like is not None:
            surplus.remove(like)
            findings.append(rule_differs(drift, unit, unit.service, rule, like, otherwise))
        else:
            text = drift.expected.text(rule)
            code = _code(otherwise, rule)
            findings.append(Finding(code, f"missing: {text}", unit.service, 0, {"expected": text}))
    for rule in surplus:
        text = drift.found.text(rule)
        code = _code(otherwise, rule)
        findings.append(
            Finding(code, f"should not be there: {text}", unit.service, rule.line, {"found": text})
        )
    if not findings and drift.expected.texts(expected) != drift.found.texts(found):
        findings.append(reordered(unit, found))
    return findings


def _unmatched(
    drift: Drift, expected: Sequence[Rule], found: Sequence[Rule]
) -> tuple[list[Rule], list[Rule]]:
    wanted = Counter(drift.expected.texts(expected))
    there = Counter(drift.found.texts(found))
    return (
        _left(expected, drift.expected.texts(expected), wanted - there),
        _left(found, drift.found.texts(found), there - wanted),
    )


def _left(rules: Sequence[Rule], texts: Sequence[str], left: Counter[str]) -> list[Rule]:
    out = []
    for rule, text in zip(reversed(rules), reversed(texts), strict=True):
        if left[text]:
            left[text] -= 1
            out.append(rule)
    return out[::-1]


def _most_alike(drift: Drift, rule: Rule, others: Sequence[Rule]) -> Rule | None:
    """Return the rule that shares most words with this one, if it shares at least every other."""
    words = Counter(drift.expected.text(rule).split(" "))
    best, most = None, 0
    for other in others:
        theirs = Counter(drift.found.text(other).split(" "))
        common = sum((words & theirs).values())
        if common > most and 2 * common >= max(sum(words.values()), sum(theirs.values())):
            best, most = other, common
    return best


def rule_differs(
    drift: Drift, unit: Unit, service: str, one: Rule, other: Rule, otherwise: str = RULE
) -> Finding:
    """Return the finding of a rule that changed from ``one`` to ``other``."""
    expected, found = drift.expected.text(one), drift.found.text(other)
    return Finding(
        _code(otherwise, one, other),
        changed(expected, found),
        service,
        other.line,
        {"expected": expected, "found": found},
    )


def changed(expected: str, found: str) -> str:
    """Say in which words a rule differs, then the rule; both in full where that would be long."""
    from difflib import SequenceMatcher

    a, b = _WORD.findall(expected), _WORD.findall(found)
    steps = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    said = [_said(a[i - 1 : i], a[i:j], b[k:end]) for kind, i, j, k, end in steps if kind != "equal"]
    return f"{'; '.join(said)}: {found}" if len(said) <= _FEW else f"should be: {expected}; is: {found}"


def _said(before: list[str], wanted: list[str], there: list[str]) -> str:
    """Say what words should be and are; behind an option whose argument they are, that option."""
    one, other = " ".join(wanted), " ".join(there)
    if not other:
        return f"lacks {one}"
    if not one:
        return f"has {other} too much"
    option = before[0] if before and before[0].startswith("-") and wanted[0][0] != "-" else ""
    return f"{option} should be {one}, is {other}" if option else f"should have {one}, has {other}"


def _code(otherwise: str, *rules: Rule) -> str:
    """Return what rules that differ are about; two rules are one that changed."""
    if otherwise == FIXED:
        return FIXED
    jumps = {jump_of(rule) for rule in rules}
    if len(rules) == 2 and len(jumps) == 2 and all(map(kind_of, jumps)):
        prefixes, hashes = {kind_of(to) for to in jumps}, {to.rpartition("-")[2] for to in jumps}
        if len(prefixes) == 2 and len(hashes) == 1:
            return POLICY
    if "KUBE-MARK-MASQ" in jumps:
        return MASQUERADE
    if any(_refuses(rule) for rule in rules):
        return REFUSAL
    if any(rule.chain.startswith(FIREWALL_PREFIX) and rule.header.source is not None for rule in rules):
        return SOURCE_RANGE
    return AFFINITY if any(asks_recent(rule) for rule in rules) else otherwise


def _refuses(rule: Rule) -> bool:
    target = rule.shape.target
    return jump_of(rule) in ("DROP", "KUBE-MARK-DROP") or (target is not None and target.kind is Reject)


def asks_recent(rule: Rule) -> bool:
    """Tell whether a rule asks or keeps a list of clients, as session affinity does."""
    return any(part.kind is Recent for part in rule.shape.matches)


def reordered(unit: Unit, found: Sequence[Rule]) -> Finding:
    """Return the finding of a chain whose rules are all there, in another order."""
    line = found[0].line if found else 0
    return Finding(ORDER, f"the rules of {unit.chain} stand in another order", unit.service, line)
