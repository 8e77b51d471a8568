"""Checks of chains and of the rules in them, whatever they are for."""

from __future__ import annotations

from collections.abc import Iterator

from natc.analysis.chains.graph import ChainGraph
from natc.analysis.lint.base import Dump
from natc.analysis.service_chains import kind_of, name_in, owners
from natc.analysis.shadows import Impossible, is_zero, shadows
from natc.kube.proxy_names import EXTERNAL_LOCAL_PREFIX, FIREWALL_PREFIX
from natc.netfilter.header import Header
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule, Shape

Found = Iterator[tuple[int, str, str]]

#: Chains that are there to be counted or called by others, not to be reached.
_UNREACHED = frozenset(
    {"KUBE-PROXY-CANARY", "KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT", "KUBE-MARK-MASQ", "KUBE-MARK-DROP"}
)
#: Chains that another check tells of.
_HOOKED = frozenset({"KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-FORWARD"})
#: Hooks at which a packet has come in by an interface, and at which it is known where it goes out.
_WITH_INPUT = frozenset({"PREROUTING", "INPUT", "FORWARD"})
_WITH_OUTPUT = frozenset({"FORWARD", "OUTPUT", "POSTROUTING"})


def orphans(dump: Dump) -> Found:
    """Find chains of kube-proxy that nothing leads to."""
    for graph in dump.graphs():
        table, led_to = graph.sheets.table, _UNREACHED.union(_HOOKED, *graph.leads.values())
        found = [
            name
            for name in graph.sheets.names
            if name.startswith("KUBE-")
            and name not in led_to
            and (graph.sheets.rules(name) or _is_made_full(name))
        ]
        whose = owners(table) if found else {}
        for name in found:
            what = f"nothing leads to {name} of table {table.name}"
            yield table.chains[name].line, whose.get(name, ""), what


def _is_made_full(name: str) -> bool:
    """Tell whether kube-proxy makes a chain only with rules; up to 1.23 some KUBE-XLB- stay empty."""
    return kind_of(name) not in ("", EXTERNAL_LOCAL_PREFIX)


def never_matching(dump: Dump) -> Found:
    """Find rules that no packet can match."""
    for graph in dump.graphs():
        for rule, why in _never(graph):
            yield rule.line, name_in(comment_of(rule)), f"no packet matches{why}: {rule.save()}"


def _never(graph: ChainGraph) -> Iterator[tuple[Rule, str]]:
    """Yield the rules of a table that no packet matches, with the reason where it is not in the rule."""
    impossible, blind, sheets = Impossible(), _Blind(graph), graph.sheets
    for rule in sheets.rules_with(impossible.chance, is_zero):
        yield rule, ""
    for rule in sheets.rules_that(impossible.must_look, impossible.__contains__):
        yield rule, ""
    for rule in sheets.rules_that(blind.asks, lambda rule: bool(blind.why(rule)) and rule not in impossible):
        yield rule, f", {blind.why(rule)}"


class _Blind:
    """Rules that ask for an interface where packets have none."""

    def __init__(self, graph: ChainGraph) -> None:
        self._graph = graph
        self._asking: dict[Shape, bool] = {}

    def asks(self, shape: Shape) -> bool:
        """Tell whether rules of a shape ask for an interface."""
        if shape not in self._asking:
            names = {use.name for use in shape.header.uses if not use.inverted}
            self._asking[shape] = bool(names & {"-i", "-o", "--in-interface", "--out-interface"})
        return self._asking[shape]

    def why(self, rule: Rule) -> str:
        """Return why no packet has the interface that a rule asks for, empty when one may."""
        hooks = self._graph.hooks(rule.chain)
        if not hooks or not self.asks(rule.shape):
            return ""
        header: Header = rule.header
        came, goes = header.in_interface, header.out_interface
        where = " and ".join(sorted(hooks))
        if came is not None and not came.inverted and not hooks & _WITH_INPUT:
            return f"for at {where} they came in by no interface"
        if goes is not None and not goes.inverted and not hooks & _WITH_OUTPUT:
            return f"for at {where} it is not known where they go out"
        return ""


def shadowed(dump: Dump) -> Found:
    """Find rules that never see a packet, since an earlier one of the chain takes all they ask for.

    What kube-proxy repeats is left out, as it does no harm: the health check rule of a service for each of
    its ports, and up to 1.24 the rules of KUBE-FW- chains for each address.
    """
    for graph in dump.graphs():
        for name in graph.suspects():
            if kind_of(name) != FIREWALL_PREFIX:
                for shadow in shadows(graph, name):
                    if name.startswith("KUBE-") and _does(shadow.rule) == _does(shadow.by):
                        continue
                    yield (
                        shadow.rule.line,
                        name_in(comment_of(shadow.rule)),
                        f"never reached: {shadow.rule.save()}; line {shadow.by.line} takes all its packets: "
                        f"{shadow.by.save()}",
                    )


def _does(rule: Rule) -> object:
    """Return what a rule does with the packets it takes."""
    return rule.target
