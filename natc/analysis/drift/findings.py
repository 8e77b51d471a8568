"""Differences of rules, said in terms of services: which endpoint, which share, which policy.

Every difference comes to a finding. What has no name of its own is reported as a rule that differs,
so nothing is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from natc.analysis.drift.balancing import Balancing, Share, even_chances, shares
from natc.analysis.drift.codes import (
    AFFINITY,
    EXTRA_SERVICE,
    FIXED,
    LEFT_OVER,
    MISSING_ENDPOINT,
    MISSING_SERVICE,
    MISWEIGHTED,
    RULE,
    STALE_ENDPOINT,
)
from natc.analysis.drift.differences import Drift, Side, Unit
from natc.analysis.drift.policies import by_external_policy, external_policy, session_affinity
from natc.analysis.drift.rules import changed, reordered, rule_differs, rule_findings
from natc.analysis.findings import Finding
from natc.analysis.service_chains import BALANCING, jump_of, kind_of, references
from natc.kube.proxy_names import ENDPOINT_PREFIX
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain
from natc.netfilter.targets.dnat import Dnat
from natc.values import define, field

_REMEMBERS = re.compile(r" -m recent --set --name \S+(?: --mask \S+)? --rsource")
#: In the comments on rules of KUBE-XLB- chains (history B3 g).
_NUMBER = re.compile(r"(?<=Balancing rule )\d+")


@define
class _Teller:
    """Tells the findings of one drift."""

    drift: Drift
    digits: int
    """How many digits this kube-proxy writes its chances with."""
    _references: dict[str, list[Rule]] | None = None

    def all(self) -> Iterator[Finding]:
        by_service: dict[str, list[Unit]] = {}
        for unit in self.drift.units():
            by_service.setdefault(unit.service, []).append(unit)
        for service in sorted(by_service):
            units = by_service[service]
            if not service:
                yield from self._of_nobody(units)
            elif service not in self.drift.expected_services:
                yield from self._extra(service, units)
            elif self._is_missing(service, units):
                yield Finding(MISSING_SERVICE, "has no rules on this node", service)
            else:
                yield from _Service(self, service, units).findings()

    def _is_missing(self, service: str, units: Sequence[Unit]) -> bool:
        found = [unit for unit in units if kind_of(unit.chain) and unit.found is not None]
        return service not in self.drift.found_services and not found

    def _of_nobody(self, units: Sequence[Unit]) -> Iterator[Finding]:
        for unit in units:
            if not unit.chain:
                yield Finding(FIXED, f"the dump has no table {unit.table}, and kube-proxy has rules in it")
            elif kind_of(unit.chain):
                yield from self.left_over(unit)
            elif unit.found is None:
                yield Finding(FIXED, f"chain {unit.chain} of table {unit.table} is missing")
            else:
                yield from rule_findings(self.drift, unit, unit.expected or (), unit.found, FIXED)

    def _extra(self, service: str, units: Sequence[Unit]) -> Iterator[Finding]:
        """Tell of rules for a service that is not among the manifests: once, with its first rule."""
        rules = [rule for unit in units for rule in unit.found or ()]
        shared = [rule for rule in rules if not kind_of(rule.chain)]
        if not shared:
            for unit in units:
                yield from self.left_over(unit)
            return
        yield Finding(
            EXTRA_SERVICE,
            f"has {'1 rule' if len(rules) == 1 else f'{len(rules)} rules'} on this node, "
            "and no such service is in the manifests",
            service,
            min(rule.line for rule in shared),
        )

    def left_over(self, unit: Unit) -> Iterator[Finding]:
        """Tell of a chain that should not be there; one that is still used shows where it is used."""
        if unit.found is None or self.drift.expected.chain("nat", unit.chain):
            return
        if any(_is_kubes(rule.chain) for rule in self.references.get(unit.chain, ())):
            return
        chain = self.drift.found.chain("nat", unit.chain)
        line = chain.line if chain else 0
        to = ", ".join(sorted(filter(None, (translated(rule) for rule in unit.found))))
        message = f"chain {unit.chain} is left over{f' (to {to})' if to else ''}: nothing leads to it"
        yield Finding(LEFT_OVER, message, unit.service, line)

    @property
    def references(self) -> dict[str, list[Rule]]:
        """The rules that lead to each chain of the dump's nat table."""
        if self._references is None:
            self._references = references(self.drift.found.ruleset.tables["nat"])
        return self._references


def tell(drift: Drift, digits: int) -> tuple[Finding, ...]:
    """Return the findings of a drift, service by service; none when there is no difference.

    ``digits`` is the number of decimals with which this kube-proxy writes chances.
    """
    return tuple(_Teller(drift, digits).all())


def translated(rule: Rule) -> str:
    """Return where a DNAT rule sends packets, empty for another rule."""
    if rule.shape.target is None or rule.shape.target.kind is not Dnat:
        return ""
    target = rule.target
    assert isinstance(target, Dnat)
    return " ".join(target.words()[1:2])


@define
class _Service:
    """Tells the findings of one service port."""

    teller: _Teller
    name: str
    units: list[Unit]
    missing: dict[str, list[str]] = field(factory=dict)
    """Endpoints without a share, each with the chains."""
    by_affinity: bool = False
    """Whether one side has session affinity and the other has not."""
    stale: dict[str, list[Rule]] = field(factory=dict)
    """Endpoints that should have no share, each with the rules that give it."""

    @property
    def drift(self) -> Drift:
        return self.teller.drift

    def findings(self) -> list[Finding]:
        """Return what is wrong with the service, one finding each."""
        policy = external_policy(self.drift, self.name, self.units)
        affinity = session_affinity(self.drift, self.name)
        self.by_affinity = bool(affinity)
        found: list[Finding] = []
        for unit in self.units:
            if not policy or not by_external_policy(unit):
                found += self._unit(unit)
        if affinity:
            found = [one for one in found if one.code != AFFINITY]
        return [*policy, *affinity, *self._endpoints(), *found]

    def _unit(self, unit: Unit) -> Iterator[Finding]:
        kind = kind_of(unit.chain)
        if unit.expected is None:
            yield from self.teller.left_over(unit)
        elif unit.found is None:
            yield from self._missing_chain(unit)
        elif kind in BALANCING:
            yield from self._balancing(unit)
        elif kind == ENDPOINT_PREFIX:
            yield from self._endpoint_chain(unit)
        else:
            yield from rule_findings(self.drift, unit, unit.expected, unit.found, RULE)

    def _missing_chain(self, unit: Unit) -> Iterator[Finding]:
        """Tell of a missing chain that no missing rule tells of."""
        nat = self.drift.expected.ruleset.tables["nat"]
        if not kind_of(unit.chain) or not any(jump_of(r) == unit.chain for r in _all_rules(nat.chains)):
            yield Finding(RULE, f"chain {unit.chain} of table {unit.table} is missing", self.name)

    # ---- endpoints

    def _balancing(self, unit: Unit) -> Iterator[Finding]:
        expected, found = Balancing.of(unit.expected or ()), Balancing.of(unit.found or ())
        for chain in [chain for chain in expected.endpoints if chain not in found.endpoints]:
            self.missing.setdefault(self._address(self.drift.expected, chain), []).append(unit.chain)
        for chain in [chain for chain in found.endpoints if chain not in expected.endpoints]:
            rules = self.stale.setdefault(self._address(self.drift.found, chain), [])
            rules += found.endpoints[chain]
        told = [
            *self._weights(unit, found),
            *self._affinity(unit, expected, found),
            *rule_findings(self.drift, unit, expected.others, found.others, RULE),
            *self._wordings(unit, expected, found),
        ]
        if not told and not found.in_order_of(expected):
            told.append(reordered(unit, unit.found or ()))
        yield from told

    def _address(self, side: Side, chain: str) -> str:
        """Return the endpoint that a chain translates to, the chain's name where it does not."""
        return next(filter(None, map(translated, side.rules("nat", chain))), chain)

    def _weights(self, unit: Unit, found: Balancing) -> Iterator[Finding]:
        ideal = even_chances(len(found.chances), self.teller.digits)
        if found.chances == ideal:
            return
        names = [self._address(self.drift.found, jump_of(rule)) for rule in found.balanced]
        there, wanted = shares(names, found.chances), shares(names, ideal)
        yield Finding(
            MISWEIGHTED,
            f"{unit.chain} gives {_worst(there, wanted)}",
            self.name,
            found.balanced[0].line,
            {
                "chain": unit.chain,
                "endpoints": [_share_json(a, b) for a, b in zip(there, wanted, strict=True)],
            },
        )

    def _affinity(self, unit: Unit, expected: Balancing, found: Balancing) -> Iterator[Finding]:
        """Compare the rules that send clients back, of endpoints that are right otherwise."""
        for chain in expected.affinity | found.affinity:
            one, other = expected.affinity.get(chain, ()), found.affinity.get(chain, ())
            a, b = self.drift.expected.texts(one), self.drift.found.texts(other)
            gone = chain in expected.endpoints and chain not in found.endpoints
            come = chain in found.endpoints and chain not in expected.endpoints
            if a == b or (gone and not b) or (come and not a):
                continue
            address = self._address(self.drift.found if other else self.drift.expected, chain)
            yield Finding(
                AFFINITY,
                f"{unit.chain} {_compared(a, b)} to send clients back to {address}"
                f"{f': {changed(a[0], b[0])}' if a and b else ''}",
                self.name,
                other[0].line if other else 0,
            )

    def _wordings(self, unit: Unit, expected: Balancing, found: Balancing) -> Iterator[Finding]:
        """Compare what is neither chance nor endpoint on the rules of endpoints: their comments."""
        for chain, one in expected.endpoints.items():
            other = found.endpoints.get(chain, one)
            if not self.drift.found.bare and _comments(one) != _comments(other)[: len(one)]:
                yield rule_differs(self.drift, unit, self.name, one[0], other[0])

    def _endpoint_chain(self, unit: Unit) -> Iterator[Finding]:
        expected = self._address(self.drift.expected, unit.chain)
        found = self._address(self.drift.found, unit.chain)
        if expected != found:
            if found != unit.chain:
                line = next(rule.line for rule in unit.found or () if translated(rule))
                what = f"packets for {expected} go to {found}: {unit.chain}"
                yield Finding(STALE_ENDPOINT, what, self.name, line)
            self.missing.setdefault(expected, []).append(unit.chain)
            return
        if not self.by_affinity or self._forgetful(unit.expected) != self._forgetful(unit.found):
            yield from rule_findings(self.drift, unit, unit.expected or (), unit.found or (), RULE)

    def _forgetful(self, rules: Sequence[Rule] | None) -> list[str]:
        """Return rules without what puts a client on a list."""
        return [_REMEMBERS.sub("", text) for text in self.drift.expected.texts(rules or ())]

    def _endpoints(self) -> Iterator[Finding]:
        """Tell of the endpoints that the balancing chains lack or have too many; once each."""
        known = {self._address(self.drift.expected, c) for c in self._expected_endpoints()}
        for address, rules in sorted(self.stale.items()):
            chains = ", ".join(dict.fromkeys(rule.chain for rule in rules))
            why = "should get no traffic here" if address in known else "is no endpoint of this service"
            yield Finding(
                STALE_ENDPOINT,
                f"{address} gets traffic from {chains} and {why}",
                self.name,
                rules[0].line,
                {"endpoint": address},
            )
        for address, chains_without in sorted(self.missing.items()):
            yield Finding(
                MISSING_ENDPOINT,
                f"{address} gets no traffic from {', '.join(dict.fromkeys(chains_without))}",
                self.name,
                0,
                {"endpoint": address},
            )

    def _expected_endpoints(self) -> list[str]:
        owners = self.drift.expected.owners
        return [c for c, name in owners.items() if name == self.name and kind_of(c) == ENDPOINT_PREFIX]


def _all_rules(chains: Mapping[str, Chain]) -> Iterator[Rule]:
    for chain in chains.values():
        yield from chain.rules


def _is_kubes(chain: str) -> bool:
    return chain.startswith("KUBE-")


def _comments(rules: Sequence[Rule]) -> list[str]:
    """Return the comments of rules; the number of a balancing rule is its place and no difference."""
    return [_NUMBER.sub("", comment_of(rule)) for rule in rules]


def _compared(expected: Sequence[str], found: Sequence[str]) -> str:
    if not found:
        return "has no rule"
    return "has a rule that should not be there" if not expected else "has another rule"


def _worst(found: Sequence[Share], expected: Sequence[Share]) -> str:
    pairs = sorted(zip(found, expected, strict=True), key=lambda pair: -abs(float(pair[0]) - float(pair[1])))
    one, other = pairs[0]
    more = f", and {len(pairs) - 1} more" if len(pairs) > 2 else ""
    return f"{one.to} {100 * float(one):.4g} % instead of {100 * float(other):.4g} %{more}"


def _share_json(found: Share, expected: Share) -> dict[str, Any]:
    return {
        "endpoint": found.to,
        "expected": {"num": expected.odds.num, "exp": expected.odds.exp, "value": float(expected)},
        "found": {"num": found.odds.num, "exp": found.odds.exp, "value": float(found)},
    }
