"""kube-proxy's settings as its rules show them, for what nobody said.

One rule that somebody changed must not change what all others say, so the majority is believed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator
from itertools import islice
from typing import Any

from natc.analysis.service_chains import (
    EXTERNAL,
    EXTERNAL_LOCAL,
    LOCAL,
    SERVICE,
    comment_of,
    jump_of,
)
from natc.kube.model import Cluster
from natc.netfilter.header import Header
from natc.netfilter.matches.nfacct import Nfacct
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.netfilter.targets.dnat import Dnat
from natc.netfilter.targets.mark import SetMark

#: A CIDR that no address of the node is in, for the case that none takes node ports.
_NOWHERE = {4: "192.0.2.0/32", 6: "2001:db8::/128"}
_LOOPBACK = "127.0.0.0/8"
#: How many rules of one kind are asked: in a large cluster they all say the same.
_ASKED = 250
#: An IPv4 address without leading zeros.
_PLAIN = re.compile(r"(?:(?:0|[1-9]\d{0,2})(?:\.(?!\Z)|\Z)){4}").fullmatch


def settings_shown(ruleset: Ruleset, cluster: Cluster) -> dict[str, Any]:
    """Return the settings, by their names in ProxyConfig, that a node's rules show.

    The node's name follows from the endpoints that its rules take for local ones.
    """
    if _rules(ruleset, "nat", "KUBE-PORTALS-CONTAINER"):
        return {"ip_family": f"ipv{ruleset.family}", "proxy_mode": "userspace"}
    return {
        "ip_family": f"ipv{ruleset.family}",
        "with_kubelet": _shows_kubelet(ruleset),
        "conntrack_tcp_be_liberal": not _drops_invalid(ruleset),
        "nfacct": _counts(ruleset),
        **_masquerade_bit(ruleset),
        **_detection(ruleset),
        **_node_ports(ruleset),
        **_node(ruleset, cluster),
    }


def _rules(ruleset: Ruleset, table: str, chain: str) -> list[Rule]:
    found = ruleset.tables.get(table)
    return found.chains[chain].rules if found and chain in found.chains else []


def _shows_kubelet(ruleset: Ruleset) -> bool:
    chains = {name for table in ruleset.tables.values() for name in table.chains}
    return not chains.isdisjoint(("KUBE-KUBELET-CANARY", "KUBE-MARK-DROP", "KUBE-IPTABLES-HINT"))


def _drops_invalid(ruleset: Ruleset) -> bool:
    return any(jump_of(rule) == "DROP" for rule in _rules(ruleset, "filter", "KUBE-FORWARD"))


def _counts(ruleset: Ruleset) -> bool:
    rules = [*_rules(ruleset, "filter", "KUBE-FORWARD"), *_rules(ruleset, "nat", "KUBE-NODEPORTS")[:_ASKED]]
    return any(part.kind is Nfacct for rule in rules for part in rule.shape.matches)


def _masquerade_bit(ruleset: Ruleset) -> dict[str, Any]:
    for rule in _rules(ruleset, "nat", "KUBE-MARK-MASQ"):
        target = rule.target
        if isinstance(target, SetMark) and target.xmark.value.bit_count() == 1:
            return {"masquerade_bit": target.xmark.value.bit_length() - 1}
    return {}


# ---- telling pods from others


def _detection(ruleset: Ruleset) -> dict[str, Any]:
    """Return how this kube-proxy tells its pods, and whether it masquerades all."""
    all_of = [_senders(rule) for rule in _cluster_ip_marks(ruleset)]
    everybody = 2 * all_of.count("") > len(all_of)
    told = Counter(text for text in (*all_of, *_pods(ruleset)) if text)
    found: dict[str, Any] = {"masquerade_all": everybody and bool(all_of)}
    if not told:
        return found
    way, _, what = told.most_common(1)[0][0].partition(" ")
    if way == "-s":
        return found | {"cluster_cidr": what}
    if what.endswith("+"):
        return found | {"detect_local_mode": "InterfaceNamePrefix", "pod_interface_name_prefix": what[:-1]}
    return found | {"detect_local_mode": "BridgeInterface", "pod_bridge_interface": what}


def _cluster_ip_marks(ruleset: Ruleset) -> Iterator[Rule]:
    """Yield the rules that mark traffic to cluster IPs for masquerading."""
    for rule in _some(ruleset, "KUBE-SERVICES", SERVICE, LOCAL):
        if jump_of(rule) == "KUBE-MARK-MASQ" and comment_of(rule).endswith(" cluster IP"):
            yield rule


def _pods(ruleset: Ruleset) -> Iterator[str]:
    """Yield how other rules tell a node's pods."""
    for rule in _some(ruleset, EXTERNAL, EXTERNAL_LOCAL):
        if comment_of(rule).startswith(("pod traffic for ", "Redirect pods trying ")):
            yield _senders(rule)
    for rule in _rules(ruleset, "filter", "KUBE-FORWARD"):
        if comment_of(rule).endswith("pod source rule"):
            yield _senders(rule)


def _some(ruleset: Ruleset, *kinds: str) -> Iterator[Rule]:
    """Yield rules of the chains whose names are or begin with ``kinds``, of each kind some."""
    nat = ruleset.tables.get("nat")
    chains = nat.chains if nat else {}
    for kind in kinds:
        for name in islice((name for name in chains if name.startswith(kind)), _ASKED):
            yield from _rules(ruleset, "nat", name)[:_ASKED]


def _senders(rule: Rule) -> str:
    header: Header = rule.header
    if header.source is not None:
        return f"-s {header.source.value}"
    return "" if header.in_interface is None else f"-i {header.in_interface.value}"


# ---- node ports


def _node_ports(ruleset: Ruleset) -> dict[str, Any]:
    """Return where node ports are open, by the jumps to KUBE-NODEPORTS."""
    jumps = [r for r in _rules(ruleset, "nat", "KUBE-SERVICES") if jump_of(r) == "KUBE-NODEPORTS"]
    to = [rule.header.destination for rule in jumps]
    if any(term is None or term.inverted for term in to):
        loopback = any(term is not None and str(term.value) == _LOOPBACK for term in to)
        return {"localhost_nodeports": not loopback}
    addresses = [str(term.value) for term in to if term is not None]
    if not addresses and _rules(ruleset, "nat", "KUBE-NODEPORTS"):
        return {}
    cidrs = addresses or [_NOWHERE[ruleset.family]]
    if _blocks_localnet(ruleset):
        cidrs = [*cidrs, _LOOPBACK]
    return {
        "nodeport_addresses": tuple(cidrs),
        "interface_addresses": tuple(address.partition("/")[0] for address in addresses),
    }


def _blocks_localnet(ruleset: Ruleset) -> bool:
    """Tell whether loopback addresses are kept from others, as where node ports answer on them."""
    rules = _rules(ruleset, "filter", "KUBE-FIREWALL")
    return any(comment_of(rule).startswith("block incoming localnet") for rule in rules)


# ---- which node


def _node(ruleset: Ruleset, cluster: Cluster) -> dict[str, Any]:
    """Return the node's name, and its address where its Node is given."""
    local = list(_local_endpoints(ruleset))
    places = _places(cluster, set(local))
    names = Counter(places[ip] for ip in local if ip in places)
    if not names:
        return {}
    name = names.most_common(1)[0][0]
    for node in cluster.nodes:
        if node.name.lower() == name:
            for ip in node.internal_ips:
                if (":" in ip) == (ruleset.family == 6):
                    return {"hostname_override": name, "node_ip": ip}
    return {"hostname_override": name}


def _local_endpoints(ruleset: Ruleset) -> Iterator[str]:
    """Yield the addresses of the endpoints that only local traffic policies lead to."""
    for rule in _some(ruleset, LOCAL, EXTERNAL_LOCAL):
        for inner in _rules(ruleset, "nat", jump_of(rule)):
            if inner.shape.target is not None and inner.shape.target.kind is Dnat:
                target = inner.target
                assert isinstance(target, Dnat)
                if target.to.first is not None:
                    yield str(target.to.first)


def _places(cluster: Cluster, wanted: Container[str]) -> dict[str, str]:
    """Return the node of each of some endpoints' addresses, which are given as they are printed."""
    endpoints = [e for piece in cluster.endpoint_slices for e in piece.endpoints]
    endpoints += [e for each in cluster.endpoints for subset in each.subsets for e in subset.addresses]
    found: dict[str, str] = {}
    for endpoint in endpoints:
        own = [ip for ip in map(_printed, endpoint.addresses) if ip is not None and ip in wanted]
        name = own and (endpoint.node_name or endpoint.topology.get("kubernetes.io/hostname", ""))
        if name:
            found |= dict.fromkeys(own, name.lower())
    return found


def _printed(address: str) -> str | None:
    """Return an address as it is printed; most are written so."""
    if _PLAIN(address):
        return address
    from natc.kube.addresses import canonical_ip

    return canonical_ip(address)
