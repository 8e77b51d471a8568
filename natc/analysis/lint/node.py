"""Checks of the node as a whole: two backends at once, revisions, and who may reach what from where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from itertools import islice

from natc.analysis.lint.base import Dump
from natc.analysis.service_chains import comment_of, jump_of, name_in
from natc.netfilter.header import Header
from natc.netfilter.kinds.addresses import Network
from natc.netfilter.packet import question_packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.trace.machine import Machine
from natc.trace.outcome import Outcome

Found = Iterator[tuple[int, str, str]]

_WARNING = re.compile(r"#\s*Warning: .*(?:legacy|nft).* tables present", re.IGNORECASE)
UNSUPPORTED = "[unsupported revision]"
#: An address of a machine that is neither a node nor a pod (RFC 5737, RFC 3849), and where it comes in.
_STRANGER = {4: "203.0.113.253", 6: "2001:db8:ffff::fd"}
_INTERFACE = "eth0"
#: So many services are asked about; the others have the same rules before and behind theirs.
_ASKED = 3
_LOOPBACK = ip_network("127.0.0.0/8")


def both_backends(dump: Dump) -> Found:
    """Find rules in the tables of iptables-legacy and of iptables-nft at once."""
    for line, remark in _remarks(dump.ruleset):
        if _WARNING.match(remark):
            yield line, "", f"this is not all of the node's rules: {remark.lstrip('# ').strip()}"
    for other in dump.others:
        both = sorted(_ruled(dump.ruleset) & _ruled(other))
        if other.family == dump.ruleset.family and both:
            yield 0, "", f"{other.file} has rules in table {', '.join(both)} too"


def _remarks(ruleset: Ruleset) -> Iterator[tuple[int, str]]:
    for table in ruleset.tables.values():
        above = len(table.remarks)
        for place, remark in enumerate(table.remarks):
            yield max(0, table.line - above + place), remark
        for line, notes in table.notes.items():
            yield from ((line - len(notes) + place, note) for place, note in enumerate(notes))
    yield from ((0, remark) for remark in ruleset.remarks)


def _ruled(ruleset: Ruleset) -> set[str]:
    """Return the tables that have any rule."""
    return {name for name, table in ruleset.tables.items() if any(c.rules for c in table.chains.values())}


def unsupported(dump: Dump) -> Found:
    """Find rules that the iptables which printed them did not understand: the reader respells them."""
    for line, text in dump.ruleset.respelled.items():
        if UNSUPPORTED in text:
            yield line, "", f"iptables could not print this rule: {text.strip()}"


# ---- reaching services from outside


def from_outside(dump: Dump) -> Found:
    """Find that whoever can route to the node reaches the cluster IPs with its own address."""
    asked = list(islice(_cluster_ips(dump), _ASKED))
    if not asked or "filter" not in dump.ruleset.tables:
        return
    machine = Machine.of(dump.ruleset)
    for rule, address, port, proto in asked:
        packet = question_packet(
            address, port, proto=proto, src=_STRANGER[dump.ruleset.family], in_interface=_INTERFACE
        )
        for case in machine.trace(packet, "network").cases:
            for _, outcome in case.outcomes:
                if outcome.verdict == "FORWARD" and outcome.dnat and outcome.snat is None:
                    yield (
                        rule.line,
                        name_in(comment_of(rule)),
                        f"cluster IPs are reached from outside, not masqueraded: {_let(outcome)}",
                    )
                    return


def _cluster_ips(dump: Dump) -> Iterator[tuple[Rule, str, int, str]]:
    for rule in dump.rules("nat", "KUBE-SERVICES"):
        if not comment_of(rule).endswith(" cluster IP") or jump_of(rule) == "KUBE-MARK-MASQ":
            continue
        header: Header = rule.header
        port = re.search(r"--dport (\d+)", rule.text)
        proto = re.search(r"-p (tcp|udp|sctp)", rule.text)
        if port and proto and header.destination and isinstance(header.destination.value, Network):
            yield rule, str(header.destination.value).split("/")[0], int(port[1]), proto[1]


def _let(outcome: Outcome) -> str:
    """Say which rule or policy of FORWARD let a packet through."""
    for step in reversed(outcome.path):
        if step.table == "filter":
            if step.rule is None:
                return "FORWARD's policy is ACCEPT, and nothing masquerades or drops them before"
            return f"line {step.rule.line} accepts them: {step.rule.save()}"
    return "nothing in filter drops them"


def loopback_open(dump: Dump) -> Found:
    """Find node ports on loopback addresses without the rule that keeps other machines from these."""
    if dump.ruleset.family != 4 or _guards_loopback(dump):
        return
    for rule in dump.rules("nat", "KUBE-SERVICES"):
        if jump_of(rule) == "KUBE-NODEPORTS" and _takes_loopback(rule):
            yield (
                rule.line,
                "",
                "node ports answer on 127.0.0.0/8, and no rule keeps other machines from these addresses "
                "once route_localnet is 1, as kube-proxy sets it",
            )
            return


def _takes_loopback(rule: Rule) -> bool:
    to = rule.header.destination
    if to is None:
        return True
    inside = isinstance(to.value, Network) and ip_interface(str(to.value)).ip in _LOOPBACK
    return inside is not to.inverted


def _guards_loopback(dump: Dump) -> bool:
    """Tell whether INPUT drops what comes for loopback addresses from elsewhere."""
    sheets = dump.folder.table("filter")
    dropping = sheets.rules_with(lambda shape: shape.jump, "DROP".__eq__) if sheets else []
    return any(
        "-d 127.0.0.0/8" in rule.save() and "INPUT" in dump.hooks("filter", rule.chain) for rule in dropping
    )
