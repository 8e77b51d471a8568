"""What is wrong with a node by its dump alone: checks with stable codes, each with its reason.

A check says only what the dump shows. Shadowed rules and rules that never match are proved
(:mod:`natc.analysis.shadows`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from natc.analysis.findings import Finding
from natc.analysis.lint import chains, endpoints, marks, node, translation
from natc.analysis.lint.base import Check, Dump
from natc.errors import DumpError, UsageError
from natc.netfilter.ruleset import Ruleset

CHECKS: tuple[Check, ...] = (
    Check("NL101", "translated before KUBE-SERVICES",
          "What stands before kube-proxy's jump takes packets from Services: a hostPort hides a NodePort.",
          "containernetworking/plugins#577", translation.ahead_of_services),
    Check("NL102", "DNAT to port 0", "Such packets reach nobody; two iptables versions misread each other.",
          "kubernetes/kubernetes#114537", translation.port_zero),
    Check("NL103", "uneven shares", "One endpoint gets more than its share, others stay idle.",
          "kubernetes/kubernetes#47533", endpoints.uneven),
    Check("NL104", "service without endpoints behind it",
          "The address is taken, nobody answers, and nothing refuses: clients wait.",
          "kubernetes/kubernetes#70493", endpoints.nowhere),
    Check("NL105", "chain that nothing leads to", "It was left over: kube-proxy did not clean up or stopped.",
          "kubernetes/kubernetes#28674", chains.orphans),
    Check("NL106", "kube-proxy's chain is not hooked in", "No Service works here, or none is masqueraded.",
          "", translation.not_hooked_in),
    Check("NL107", "rule that never matches", "Whoever wrote it wanted something else.", "",
          chains.never_matching),
    Check("NL108", "shadowed rule", "An earlier rule takes all its packets: it has no effect.", "",
          chains.shadowed),
    Check("NL109", "legacy and nft tables both in use",
          "Packets pass both, in an order nobody chose, and each program shows only its own half.",
          "cilium/cilium#28260", node.both_backends),
    Check("NL110", "unsupported revision",
          "The iptables that saved this did not understand the rule, and loading the save loses it.",
          "kubernetes/kubernetes#95409", node.unsupported),
    Check("NL111", "cluster IPs open to the outside",
          "Who can send packets to this node reaches every Service, internal ones too.", "",
          node.from_outside),
    Check("NL112", "marked for dropping, and not dropped",
          "Load balancer source ranges and externalTrafficPolicy Local let through what they should drop.",
          "", marks.without_dropper),
    Check("NL113", "mark bit used by others",
          "Packets are masqueraded or dropped that should not be, or the other way round.", "",
          marks.conflicts),
    Check("NL114", "loopback open to other machines",
          "route_localnet lets neighbours reach services that listen on 127.0.0.1 only (CVE-2020-8558).",
          "kubernetes/kubernetes#90259", node.loopback_open),
    Check("NL115", "sent to loopback from outside", "Without route_localnet the kernel drops the packets.",
          "", translation.to_loopback),
)  # fmt: skip
CODES = {check.code: check for check in CHECKS}


def lint(
    ruleset: Ruleset,
    problems: Iterable[DumpError] = (),
    *,
    others: Iterable[Ruleset] = (),
    sysctls: Mapping[str, int] = MappingProxyType({}),
    select: Collection[str] = (),
    ignore: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Return what is wrong with a node, by code and line.

    ``problems`` are those of lines that were read leniently: unsupported revisions and translations
    that iptables misprints are findings, anything else is raised. ``others`` are dumps of the same node
    by the other backend, ``sysctls`` those that it showed, by their dotted names. ``select`` and ``ignore``
    are codes or beginnings of codes; with neither all checks run. Raises UsageError for a code that
    begins none.
    """
    given = tuple(problems)
    for problem in given:
        if problem.span is None or not any(word in problem.span.text for word in _MISPRINTS):
            raise problem
    dump = Dump(ruleset, given, tuple(others), sysctls)
    return tuple(
        finding
        for check in chosen(select, ignore)
        for finding in sorted(check.findings(dump), key=lambda finding: finding.line)
    )


#: What iptables prints of rules that another version of it made.
_MISPRINTS = (node.UNSUPPORTED, "--to-destination :0")


def chosen(select: Collection[str], ignore: Collection[str]) -> list[Check]:
    """Return the checks that ``--select`` and ``--ignore`` leave."""
    for word in (*select, *ignore):
        if not word or not any(check.code.startswith(word.upper()) for check in CHECKS):
            raise UsageError(
                f"{word!r} is no code of natc lint", expected=f"{CHECKS[0].code} to {CHECKS[-1].code}"
            )
    return [
        check
        for check in CHECKS
        if (not select or check.code.startswith(tuple(word.upper() for word in select)))
        and not (ignore and check.code.startswith(tuple(word.upper() for word in ignore)))
    ]
