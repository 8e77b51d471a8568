"""Where the rules of two nodes of one kube-proxy differ: chain by chain, and what that chain is.

Compared is what kube-proxy itself writes: its own chains, and its jumps from the builtin ones. The
order of services is no difference, nor are counters, nor how a rule was spelled. kubelet's chains and
everybody else's are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from natc.analysis.service_chains import SHARED_CHAINS, jump_of, kind_of, name_in, owners
from natc.compile.layouts import Layout
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain, Ruleset
from natc.text.writer import Printer
from natc.values import define, field, frozen

#: Chains whose rules are the same whatever the services are.
FIXED_CHAINS = (("nat", "KUBE-POSTROUTING"), ("nat", "KUBE-MARK-MASQ"), ("filter", "KUBE-FORWARD"))
CANARY = "KUBE-PROXY-CANARY"
#: What kubelet writes into a chain that kube-proxy, from 1.27 on, writes too.
FIREWALL_CHAIN = ("filter", "KUBE-FIREWALL")
LOCALNET = "block incoming localnet connections"
#: Chains that kube-proxy hooks into builtin ones.
HOOKED = frozenset({chain for _, chain in SHARED_CHAINS} | {"KUBE-POSTROUTING", "KUBE-FORWARD"})

_COMMENT = re.compile(r" -m comment --comment (?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]+)")
_DESTINATION = re.compile(r" -d (\S+)")
_PORT = re.compile(r" --dport (\S+)")
Rules = tuple[Rule, ...]


@frozen
class Unit:
    """What differs in one chain; in a chain that all services share, what differs there of one service."""

    table: str
    chain: str
    """Empty when the whole table is missing."""
    service: str
    """Whose rules differ: a name as in kube-proxy's comments, or empty."""
    expected: Rules | None
    """None for a chain that should not be there."""
    found: Rules | None
    """None for a chain that is not there."""


@define
class Side:
    """One of the two rulesets, its rules as iptables-save prints them."""

    ruleset: Ruleset
    bare: bool = False
    """Whether comments are left out where kube-proxy leaves them out in a large cluster."""
    _printer: Printer = field(factory=Printer)
    _owners: dict[str, str] | None = None

    def chain(self, table: str, name: str) -> Chain | None:
        """Return a chain, None where there is none."""
        found = self.ruleset.tables.get(table)
        return found.chains.get(name) if found else None

    def chains(self, table: str) -> dict[str, Chain]:
        """Return a table's chains by name."""
        found = self.ruleset.tables.get(table)
        return found.chains if found else {}

    def rules(self, table: str, name: str) -> Rules:
        """Return a chain's rules, none where there is no such chain."""
        chain = self.chain(table, name)
        return tuple(chain.rules) if chain else ()

    def text(self, rule: Rule) -> str:
        """Return a rule as it is compared and shown."""
        text = self._printer.rule(rule)
        if rule.shape.counters is not None:
            text = text[text.index("] ") + 2 :]
        return _COMMENT.sub("", text, count=1) if self.bare and kind_of(rule.chain) else text

    def texts(self, rules: Iterable[Rule]) -> list[str]:
        """Return what :meth:`text` does of several rules."""
        return [self.text(rule) for rule in rules]

    @property
    def owners(self) -> dict[str, str]:
        """The service port that each chain belongs to."""
        if self._owners is None:
            nat = self.ruleset.tables.get("nat")
            self._owners = owners(nat) if nat else {}
        return self._owners

    @property
    def commented(self) -> bool:
        """Whether rules of endpoints have comments; true when there are no endpoints."""
        rules = [c.rules[-1] for c in self.chains("nat").values() if c.rules and _is_endpoint(c.name)]
        return not rules or any(comment_of(rule) for rule in rules)


def _is_endpoint(chain: str) -> bool:
    return kind_of(chain) == "KUBE-SEP-"


@define
class Drift:
    """What kube-proxy should have written, against what a dump shows."""

    expected: Side
    found: Side
    firewall: bool = False
    """Whether this kube-proxy hooks KUBE-FIREWALL in and writes into it, as kubelet does."""
    expected_services: set[str] = field(factory=set)
    """The service ports that should have rules."""
    found_services: set[str] = field(factory=set)
    """Those that have rules in the chains that all share."""

    @classmethod
    def between(
        cls, expected: Ruleset, found: Ruleset, layout: Layout, *, commented_alike: bool = False
    ) -> Drift:
        """Put two rulesets side by side; of parts of them say if the wholes are commented alike."""
        drift = cls(Side(expected), Side(found), layout.localnet_rule)
        if not commented_alike and drift.expected.commented != drift.found.commented:
            drift.expected.bare = drift.found.bare = True
        return drift

    def units(self) -> Iterator[Unit]:
        """Yield what differs."""
        missing = self.expected.ruleset.tables.keys() - self.found.ruleset.tables.keys()
        yield from (Unit(table, "", "", (), None) for table in sorted(missing))
        for table in self.expected.ruleset.tables.keys() - missing:
            yield from self._jumps(table)
            if self.expected.chain(table, CANARY) and not self.found.chain(table, CANARY):
                yield Unit(table, CANARY, "", (), None)
        for place in sorted(SHARED_CHAINS):
            if place[0] not in missing:
                yield from self._shared(*place)
        for place in FIXED_CHAINS:
            if place[0] not in missing:
                yield from self._listed(*place)
        if self.firewall and "filter" not in missing:
            yield from self._localnet()
        if "nat" not in missing:
            yield from self._own()

    def _own(self) -> Iterator[Unit]:
        """Compare the chains that each belong to one service port."""
        expected, found = self.expected.chains("nat"), self.found.chains("nat")
        for name in [*expected, *(name for name in found if name not in expected)]:
            if kind_of(name):
                one, other = expected.get(name), found.get(name)
                if one is None or other is None or self._differ(one.rules, other.rules):
                    yield Unit("nat", name, self._owner(name), _rules(one), _rules(other))

    def _owner(self, chain: str) -> str:
        return self.expected.owners.get(chain) or self.found.owners.get(chain, "")

    def _listed(self, table: str, name: str) -> Iterator[Unit]:
        """Compare a chain rule by rule, in order."""
        one, other = self.expected.chain(table, name), self.found.chain(table, name)
        if one is not None and (other is None or self._differ(one.rules, other.rules)):
            yield Unit(table, name, "", _rules(one), _rules(other))

    def _localnet(self) -> Iterator[Unit]:
        """Compare the one rule that kube-proxy has in kubelet's chain."""
        one, other = (
            tuple(rule for rule in side.rules(*FIREWALL_CHAIN) if comment_of(rule) == LOCALNET)
            for side in (self.expected, self.found)
        )
        if one and self._differ(one, other):
            yield Unit(*FIREWALL_CHAIN, "", one, other)

    def _jumps(self, table: str) -> Iterator[Unit]:
        """Compare which builtin chains lead where; in which order is no difference."""
        for name, chain in self.expected.chains(table).items():
            if chain.policy:
                sides = (self.expected, self.found)
                one, other = (tuple(filter(self._hooks, side.rules(table, name))) for side in sides)
                if sorted(self.expected.texts(one)) != sorted(self.found.texts(other)):
                    yield Unit(table, name, "", one, other)

    def _hooks(self, rule: Rule) -> bool:
        """Tell whether a builtin chain's rule is one of kube-proxy's jumps."""
        to = jump_of(rule)
        return to in HOOKED or bool(kind_of(to)) or (self.firewall and to == FIREWALL_CHAIN[1])

    def _shared(self, table: str, name: str) -> Iterator[Unit]:
        """Compare a chain in which every service has its rules, service by service."""
        one, other = self.expected.chain(table, name), self.found.chain(table, name)
        if one is None:
            return
        wanted = self._grouped(one.rules, self.expected, self.expected_services)
        there = self._grouped(other.rules if other else [], self.found, self.found_services)
        if other is None and not wanted:
            yield Unit(table, name, "", (), None)
        for service in [*wanted, *(service for service in there if service not in wanted)]:
            a, b = wanted.get(service, []), there.get(service, [])
            if not self._alike(a, b):
                yield Unit(table, name, service, tuple(a), tuple(b))
        last, unnamed = len(wanted.get("", ())), there.get("", [])
        if last and other and other.rules[-last:] != unnamed[-last:] and self._alike(wanted[""], unnamed):
            yield Unit(table, name, "", tuple(wanted[""]), tuple(unnamed))

    def _grouped(self, rules: Iterable[Rule], side: Side, services: set[str]) -> dict[str, list[Rule]]:
        groups: dict[str, list[Rule]] = {}
        for rule in rules:
            groups.setdefault(self._service_of(rule, side), []).append(rule)
        services |= groups.keys() - {""}
        return groups

    def _service_of(self, rule: Rule, side: Side) -> str:
        """Return whose rule this is: by its comment, or by its target where no such service is known."""
        name = name_in(comment_of(rule))
        if side is self.found and name not in self.expected_services:
            return self.expected.owners.get(jump_of(rule), name)
        return name

    def _alike(self, one: list[Rule], other: list[Rule]) -> bool:
        """Tell whether a service's rules in a shared chain are the same, in order for each destination."""
        a, b = self.expected.texts(one), self.found.texts(other)
        return a == b or (sorted(a) == sorted(b) and by_destination(a) == by_destination(b))

    def _differ(self, one: Iterable[Rule], other: Iterable[Rule]) -> bool:
        return self.expected.texts(one) != self.found.texts(other)


def _rules(chain: Chain | None) -> Rules | None:
    return None if chain is None else tuple(chain.rules)


def by_destination(texts: list[str]) -> dict[tuple[str, str], list[str]]:
    """Return rules by the address and port they ask for, in their order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        address, port = _DESTINATION.search(text), _PORT.search(text)
        groups.setdefault((address[1] if address else "", port[1] if port else ""), []).append(text)
    return groups
