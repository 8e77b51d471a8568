"""Drift between Services and a node: the rules kube-proxy should have written against a node's dump.

The manifests are compiled with the node's kube-proxy version and settings, and the result is compared
with the dump (:mod:`natc.analysis.drift.differences`, :mod:`natc.analysis.drift.findings`). Settings that are
not given are those that the dump shows; where several would do, those that explain the dump best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from natc.analysis.drift.codes import LEFT_OVER
from natc.analysis.drift.differences import Drift
from natc.analysis.drift.findings import tell
from natc.analysis.drift.narrowed import differing, kept
from natc.analysis.drift.nearby import shared_lines
from natc.analysis.drift.node_facts import settings_shown
from natc.analysis.drift.proof import to_prove
from natc.analysis.drift.written import Expected, Shown
from natc.analysis.findings import Finding
from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.compile.compiler import node_tables
from natc.compile.layouts import NEWEST, FirewallEnd, Layout, find_version
from natc.compile.signs import recognise
from natc.errors import UsageError
from natc.kube.addresses import canonical_ip
from natc.kube.model import Cluster
from natc.netfilter.ruleset import Ruleset
from natc.text.unproved import NotProvedError, Unproved
from natc.values import define, evolve, field, frozen

#: So many services are tried under other settings before all of them are compared again.
_TRIED = 100
#: So many values are tried for what the node is.
_VALUES = 20


@frozen
class Verified:
    """What a comparison came to."""

    config: ProxyConfig
    """The settings with which the manifests were compiled."""
    services: int
    """How many service ports should have rules."""
    findings: tuple[Finding, ...]
    shown: Mapping[str, Any] = field(factory=dict)
    """The settings that were taken from the dump, by their names in :class:`ProxyConfig`."""
    versions: tuple[str, ...] = ()
    """The kube-proxy versions that the dump may be of, the newest of each layout, newest first."""


def verify(
    ruleset: Ruleset, cluster: Cluster, given: Mapping[str, Any], unproved: Unproved | None = None
) -> Verified:
    """Compare a node's dump with what its kube-proxy would write for a cluster.

    ``given`` are settings by their names in :class:`ProxyConfig`. Raises NatcError where that kube-proxy
    would crash on the cluster, or the settings do not go together. A ruleset that is not proved good is so
    afterwards, or NotProvedError is raised.
    """
    node = Shown.of(ruleset)
    settings, versions = likeliest(node, cluster, given)
    best, part = _verified(node, cluster, settings, given, unproved)
    trial = None
    for other in _others(settings, given, versions, cluster):
        if not best.findings:
            break
        trial = trial or _Trial.of(part, cluster, best)
        if trial.is_better({**settings, **other}):
            settings |= other
            best, part = _verified(node, cluster, settings, given)
            trial = None
    return evolve(best, versions=versions)


def likeliest(
    node: Shown, cluster: Cluster, given: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings of a node's kube-proxy, those not given as its dump shows them.

    With them the versions that the dump may be of, the newest of each layout, newest first.
    """
    found = settings_shown(node, cluster)
    shown = {name: value for name, value in found.items() if name not in given}
    versions = (given["kube_version"],) if "kube_version" in given else recognise(node.tables) or (NEWEST,)
    return {**shown, **given, "kube_version": versions[0]}, versions


def compare(expected: Ruleset, ruleset: Ruleset, config: ProxyConfig) -> Verified:
    """Compare a node's dump with what a kube-proxy of ``config`` wrote for a cluster, rule by rule."""
    drift = Drift.between(expected, ruleset, config.layout)
    findings = tell(drift, config.layout.probability_digits)
    return Verified(config, len(drift.expected_services), findings)


def compare_written(
    node: Shown, cluster: Cluster, config: ProxyConfig, unproved: Unproved | None = None
) -> tuple[Verified, Ruleset]:
    """Do what :func:`compare` does, rule by rule only where the texts differ.

    Returns the part of the node's rules that was compared so, too.
    """
    if config.is_ipv6:  # addresses may be spelled in many ways
        if unproved:
            raise NotProvedError
        return compare(compile_cluster(cluster, config), node.ruleset, config), node.ruleset
    expected = Expected.of(cluster, config)
    shared = shared_lines(expected.common)
    services = len(shared.keys() - {""})
    apart = differing(expected, node.tables, config)
    if unproved:
        unproved.prove(to_prove(expected, node, apart))
    if not apart:
        return Verified(config, services, ()), node.ruleset
    chains = kept(expected, shared, node, apart)
    if chains is None:
        return compare(expected.whole(), node.ruleset, config), node.ruleset
    part = node.part(chains)
    drift = Drift.between(expected.part(chains), part, config.layout, commented_alike=True)
    return Verified(config, services, tell(drift, config.layout.probability_digits)), part


def _verified(
    node: Shown,
    cluster: Cluster,
    settings: Mapping[str, Any],
    given: Mapping[str, Any],
    unproved: Unproved | None = None,
) -> tuple[Verified, Ruleset]:
    result, part = compare_written(node, cluster, config_of(settings, given), unproved)
    return evolve(result, shown=_shown(settings, given)), part


def _shown(settings: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in given}


def config_of(settings: Mapping[str, Any], given: Mapping[str, Any]) -> ProxyConfig:
    """Return the settings as a whole; up to 1.19 kube-proxy needs kubelet's chains to have been there."""
    layout = find_version(settings["kube_version"]).layout
    counts_on_kubelet = layout.firewall_end is FirewallEnd.MARK_DROP and not layout.makes_mark_drop
    if counts_on_kubelet and "with_kubelet" not in given and settings.get("proxy_mode") != "userspace":
        settings = {**settings, "with_kubelet": True}
    return ProxyConfig(**settings)


# ---- what was neither given nor shown


def _others(
    settings: Mapping[str, Any], given: Mapping[str, Any], versions: tuple[str, ...], cluster: Cluster
) -> Iterator[dict[str, Any]]:
    """Yield other settings that the same signs would allow."""
    yield from ({"kube_version": version} for version in versions[1:])
    if "hostname_override" not in given:
        yield from ({"hostname_override": node.name} for node in cluster.nodes[:_VALUES])
    if "node_ip" not in given:
        yield from ({"node_ip": ip} for ip in _node_ips(cluster, settings["ip_family"] == "ipv6"))
    if "feature_gates" not in given:
        gates = find_version(settings["kube_version"]).layout.gates
        yield from ({"feature_gates": {name: not gate.default}} for name, gate in gates.items())


def _node_ips(cluster: Cluster, ipv6: bool) -> list[str]:
    """Return addresses that tell on which side of each source range the node is."""
    nodes = [ip for node in cluster.nodes for ip in node.internal_ips]
    ranges = [cidr.strip() for service in cluster.services for cidr in service.load_balancer_source_ranges]
    found = dict.fromkeys([*nodes[:_VALUES], *(cidr.partition("/")[0] for cidr in ranges)])
    return [ip for ip in found if (":" in ip) == ipv6 and canonical_ip(ip)][: 2 * _VALUES]


@define
class _Trial:
    """Other settings, tried on some of the service ports that have findings."""

    ruleset: Ruleset
    cluster: Cluster
    """What belongs to these service ports."""
    services: set[str]
    least: int
    """How many findings there are about them so far."""
    counted: list[tuple[Mapping[str, Any], Layout, int]] = field(factory=list)
    """What kube-proxies write for these, and to how many findings that comes."""

    @classmethod
    def of(cls, ruleset: Ruleset, cluster: Cluster, best: Verified) -> _Trial:
        """Begin with some of the service ports that have findings."""
        some = set(sorted({f.service for f in best.findings if f.service})[:_TRIED])
        return cls(ruleset, _part(cluster, some), some, _count(best, some))

    def is_better(self, settings: Mapping[str, Any]) -> bool:
        """Tell whether other settings leave fewer findings."""
        try:
            return self._findings(config_of(settings, {})) < self.least
        except UsageError:  # that version knows no such setting
            return False

    def _findings(self, config: ProxyConfig) -> int:
        """Count the findings; of versions that write the same once: most do, for a service or two."""
        written = node_tables(self.cluster, config).tables
        for tables, layout, count in self.counted:
            if tables == written and _are_compared_alike(layout, config.layout):
                return count
        result = compare(compile_cluster(self.cluster, config), self.ruleset, config)
        count = _count(result, self.services)
        self.counted.append((written, config.layout, count))
        return count


def _are_compared_alike(one: Layout, other: Layout) -> bool:
    return (one.localnet_rule, one.probability_digits) == (other.localnet_rule, other.probability_digits)


def _count(result: Verified, services: set[str]) -> int:
    """Count what concerns some services or none; chains left over may be those of the others."""
    return sum(
        finding.service in services or not (finding.service or finding.code == LEFT_OVER)
        for finding in result.findings
    )


def _part(cluster: Cluster, ports: set[str]) -> Cluster:
    """Return the cluster with only the services that these service ports belong to."""
    names = {tuple(port.split(":")[0].split("/")) for port in ports}
    return evolve(
        cluster,
        services=tuple(s for s in cluster.services if (s.namespace, s.name) in names),
        endpoint_slices=tuple(e for e in cluster.endpoint_slices if (e.namespace, e.service) in names),
        endpoints=tuple(e for e in cluster.endpoints if (e.namespace, e.name) in names),
    )
