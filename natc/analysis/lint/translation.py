"""Checks of the nat table: what stands before kube-proxy's rules, and where packets are sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from natc.analysis.chains.graph import ChainGraph
from natc.analysis.chains.odds import literal
from natc.analysis.lint.base import EVERY_LOCALNET, Dump
from natc.analysis.service_chains import jump_of, name_in
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.targets.dnat import Dnat
from natc.netfilter.targets.netmap import Netmap
from natc.netfilter.targets.redirect import Redirect

Found = Iterator[tuple[int, str, str]]

_TRANSLATING = (Dnat, Redirect, Netmap)
#: Port 0, or the address that stands for none.
_NOWHERE = re.compile(r".*:0\Z|0\.0\.0\.0\b|\[::\]")
#: Where packets for services go in, in iptables and in userspace mode.
_ENTRANCES = frozenset({"KUBE-SERVICES", "KUBE-PORTALS-CONTAINER", "KUBE-PORTALS-HOST"})
#: Where each of kube-proxy's chains has to be reached from.
_HOOKED = (
    ("nat", "KUBE-SERVICES", ("PREROUTING", "OUTPUT")),
    ("nat", "KUBE-POSTROUTING", ("POSTROUTING",)),
    ("filter", "KUBE-FORWARD", ("FORWARD",)),
)


def ahead_of_services(dump: Dump) -> Found:
    """Find translations that stand before the jump to KUBE-SERVICES."""
    graph = dump.graph("nat")
    if graph is None:
        return
    for hook in ("PREROUTING", "OUTPUT"):
        rules = dump.rules("nat", hook)
        place = next((i for i, rule in enumerate(rules) if jump_of(rule) in _ENTRANCES), 0)
        for rule in rules[:place]:
            found = list(_translations(graph, rule))
            if found:
                entrance = jump_of(rules[place])
                yield (
                    rule.line,
                    "",
                    f"{hook} translates before {entrance} (line {rules[place].line}): {_listed(found)}",
                )


def _translations(graph: ChainGraph, rule: Rule) -> Iterator[Rule]:
    """Yield the rules that translate destinations, from one rule on."""
    if _translates(rule):
        yield rule
    seen: set[str] = set()
    waiting = [jump_of(rule)]
    while waiting:
        name = waiting.pop()
        if name in graph.sheets.names and name not in seen:
            seen.add(name)
            yield from filter(_translates, graph.sheets.numbered(name))
            waiting += graph.leads.get(name, ())


def _translates(rule: Rule) -> bool:
    return rule.shape.target is not None and rule.shape.target.kind in _TRANSLATING


def _listed(rules: list[Rule]) -> str:
    shown = "; ".join(f"line {rule.line}: {rule.save()}" for rule in rules[:2])
    return shown if len(rules) <= 2 else f"{shown}; and {len(rules) - 2} more"


def port_zero(dump: Dump) -> Found:
    """Find translations to port 0 or to no address at all."""
    for rule, to in _destinations(dump, lambda to: bool(_NOWHERE.match(to))):
        yield rule.line, name_in(comment_of(rule)), f"sends packets to {to}"
    for problem in dump.problems:
        if problem.span is not None and "--to-destination :0" in problem.span.text:
            yield problem.span.line, "", f"sends packets to port 0: {problem.span.text.strip()}"


def to_loopback(dump: Dump) -> Found:
    """Find packets from other machines that are sent to a loopback address, as far as that is of no use."""
    if dump.localnet == EVERY_LOCALNET:
        return
    for rule, to in _destinations(dump, lambda to: to.startswith("127.")):
        if "PREROUTING" in dump.hooks("nat", rule.chain):
            yield (
                rule.line,
                name_in(comment_of(rule)),
                f"sends packets from other machines to {to}: the kernel drops them unless "
                "net.ipv4.conf.INTERFACE.route_localnet is 1",
            )


def _destinations(dump: Dump, wanted: Callable[[str], bool]) -> Iterator[tuple[Rule, str]]:
    """Yield every DNAT rule whose word that says where to is wanted, with that word."""
    graph = dump.graph("nat")
    if graph is None:
        return

    def place_of(shape: Shape) -> int | None:
        return literal(shape, Dnat, "--to-destination")

    for rule in graph.sheets.rules_with(place_of, wanted):
        place = place_of(rule.shape)
        assert place is not None
        yield rule, rule.values[place]


def not_hooked_in(dump: Dump) -> Found:
    """Find chains of kube-proxy that no packet comes to."""
    for table, name, hooks in _HOOKED:
        chain = dump.chain(table, name)
        if chain is None or not chain.rules:
            continue
        missing = [hook for hook in hooks if hook not in dump.hooks(table, name)]
        if missing:
            yield chain.line, "", f"{name} of table {table} is not reached from {' and '.join(missing)}"
