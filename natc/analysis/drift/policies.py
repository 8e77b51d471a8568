"""What a service's rules say of it as a whole: its external traffic policy and its session affinity.

Where one of these differs, many rules do: it is told once.
"""

from __future__ import annotations

from collections.abc import Sequence

from natc.analysis.drift.codes import AFFINITY, POLICY
from natc.analysis.drift.differences import Drift, Side, Unit
from natc.analysis.drift.rules import asks_recent
from natc.analysis.findings import Finding
from natc.analysis.service_chains import kind_of
from natc.kube.proxy_names import EXTERNAL_LOCAL_PREFIX, EXTERNAL_PREFIX, LOCAL_PREFIX
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.rule import Rule


def external_policy(drift: Drift, service: str, units: Sequence[Unit]) -> list[Finding]:
    """Compare a service's external traffic policy, where its rules differ in what hangs on it."""
    if not any(map(by_external_policy, units)):
        return []
    one, other = (_external(side, service) for side in (drift.expected, drift.found))
    if not one[0] or not other[0] or one[0] == other[0]:
        return []
    message = f"externalTrafficPolicy should be {one[0]}, and the rules are those of {other[0]}"
    return [Finding(POLICY, message, service, other[1])]


def by_external_policy(unit: Unit) -> bool:
    """Tell whether a unit follows from the external traffic policy."""
    if kind_of(unit.chain) in (EXTERNAL_PREFIX, EXTERNAL_LOCAL_PREFIX, LOCAL_PREFIX):
        return True
    return unit.chain in ("KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS")


def session_affinity(drift: Drift, service: str) -> list[Finding]:
    """Tell of session affinity that one side has and the other has not."""
    one, other = (_remembering(side, service) for side in (drift.expected, drift.found))
    if (one is None) == (other is None):
        return []
    wanted, there = ("ClientIP", "None") if one else ("None", "ClientIP")
    message = f"sessionAffinity should be {wanted}, and the rules are those of {there}"
    return [Finding(AFFINITY, message, service, other.line if other else 0)]


def _external(side: Side, service: str) -> tuple[str, int]:
    """Return a service's external traffic policy by its rules, and a line that shows it."""
    for chain in _chains(side, service):
        if kind_of(chain) == EXTERNAL_PREFIX:
            for rule in side.rules("nat", chain):
                policy = _policy_in(comment_of(rule))
                if policy:
                    return policy, rule.line
        if kind_of(chain) == EXTERNAL_LOCAL_PREFIX:
            there = side.chain("nat", chain)
            return "Local", there.line if there else 0
    return "", 0


def _policy_in(comment: str) -> str:
    if comment.startswith("masquerade traffic for "):
        return "Cluster"
    return "Local" if comment.startswith("route LOCAL traffic for ") else ""


def _remembering(side: Side, service: str) -> Rule | None:
    """Return a service's first rule that asks or keeps a list of clients, None without any."""
    rules = (rule for chain in _chains(side, service) for rule in side.rules("nat", chain))
    return next(filter(asks_recent, rules), None)


def _chains(side: Side, service: str) -> list[str]:
    return [chain for chain, name in side.owners.items() if name == service]
