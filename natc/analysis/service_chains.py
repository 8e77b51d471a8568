"""Which of kube-proxy's chains and rules belong to which service port (layout sections 3 and 7).

A chain of a service port ends in a hash, which names nobody. Who it belongs to stands in the comments
on the rules that lead to it, or follows from the chain that leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from natc.kube.proxy_names import (
    ENDPOINT_PREFIX,
    EXTERNAL_LOCAL_PREFIX,
    EXTERNAL_PREFIX,
    FIREWALL_PREFIX,
    HASH_LENGTH,
    LOCAL_PREFIX,
    SERVICE_PORT,
    SERVICE_PREFIX,
)
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Table

_PREFIXES = (
    SERVICE_PREFIX,
    LOCAL_PREFIX,
    EXTERNAL_PREFIX,
    EXTERNAL_LOCAL_PREFIX,
    FIREWALL_PREFIX,
    ENDPOINT_PREFIX,
)
#: Kinds of chain whose rules share traffic out among endpoints.
BALANCING = (SERVICE_PREFIX, LOCAL_PREFIX, EXTERNAL_LOCAL_PREFIX)

#: The chains in which every service port has its rules, iptables mode's and userspace mode's.
SHARED_CHAINS = frozenset(
    {
        ("nat", "KUBE-SERVICES"),
        ("nat", "KUBE-NODEPORTS"),
        ("filter", "KUBE-SERVICES"),
        ("filter", "KUBE-EXTERNAL-SERVICES"),
        ("filter", "KUBE-NODEPORTS"),
        ("filter", "KUBE-PROXY-FIREWALL"),
        ("nat", "KUBE-PORTALS-CONTAINER"),
        ("nat", "KUBE-PORTALS-HOST"),
        ("nat", "KUBE-NODEPORT-CONTAINER"),
        ("nat", "KUBE-NODEPORT-HOST"),
        ("filter", "KUBE-NODEPORT-NON-LOCAL"),
    }
)

#: An expression of the name of a service port's own chain.
OWN_NAME = rf"(?:{'|'.join(_PREFIXES)})[A-Z2-7]{{{HASH_LENGTH}}}"
_OWN = re.compile(OWN_NAME)
_KINDS = frozenset(_PREFIXES)
_NAME = re.compile(rf"(?<!\S)({SERVICE_PORT})(?!\S)")


def kind_of(chain: str) -> str:
    """Return the prefix of a service port's own chain, empty for any other chain."""
    return chain[:-HASH_LENGTH] if _OWN.fullmatch(chain) else ""


def looks_own(chain: str) -> bool:
    """Tell whether a chain has a name as long as that of a service port's, and the beginning of one."""
    return chain[:-HASH_LENGTH] in _KINDS


def looking_other(chains: Iterable[str]) -> list[str]:
    """Return the chains for which not :func:`looks_own`."""
    return [chain for chain in chains if chain[:-HASH_LENGTH] not in _KINDS]


def name_in(comment: str) -> str:
    """Return the service port that a comment of kube-proxy names, empty when it names none."""
    found = _NAME.search(comment)
    return found[1] if found else ""


def jump_of(rule: Rule) -> str:
    """Return the chain or verdict that a rule jumps to, empty when its target is an extension."""
    return rule.jump or ""


def owners(table: Table) -> dict[str, str]:
    """Return the service port that each own chain of the nat table belongs to, where that is told."""
    found: dict[str, str] = {}
    leads: dict[str, list[str]] = {}
    for rule in _rules(table):
        to = jump_of(rule)
        told = [chain for chain in (to, rule.chain) if kind_of(chain)]
        if to in told:
            leads.setdefault(rule.chain, []).append(to)
        if told and (name := name_in(comment_of(rule))):
            for chain in told:
                found.setdefault(chain, name)
    _pass_on(found, leads)
    return found


def _pass_on(found: dict[str, str], leads: dict[str, list[str]]) -> None:
    """Let chains without a name belong to whom the chain that leads to them belongs."""
    waiting = list(found)
    while waiting:
        chain = waiting.pop()
        for to in leads.get(chain, ()):
            if to not in found:
                found[to] = found[chain]
                waiting.append(to)


def references(table: Table) -> dict[str, list[Rule]]:
    """Return the rules that lead to each chain of a table."""
    found: dict[str, list[Rule]] = {}
    for rule in _rules(table):
        to = jump_of(rule)
        if to in table.chains:
            found.setdefault(to, []).append(rule)
    return found


def _rules(table: Table) -> Iterator[Rule]:
    chains: Iterable[list[Rule]] = (chain.rules for chain in table.chains.values())
    for rules in chains:
        yield from rules
