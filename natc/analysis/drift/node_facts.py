"""kube-proxy's settings as its rules show them, for what nobody said.

One rule that somebody changed must not change what all others say, so the majority is believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from itertools import islice
from typing import Any

from natc.analysis.drift.written import Shown
from natc.analysis.service_chains import jump_of
from natc.compile.endpoints import HOST_NAME_LABEL
from natc.kube.addresses import canonical_ip, is_plain_v4
from natc.kube.model import Cluster, Endpoint
from natc.kube.proxy_names import EXTERNAL_LOCAL_PREFIX, EXTERNAL_PREFIX, LOCAL_PREFIX, SERVICE_PREFIX
from natc.netfilter.header import Header
from natc.netfilter.matches.comment import comment_of
from natc.netfilter.matches.nfacct import Nfacct
from natc.netfilter.rule import Rule
from natc.netfilter.targets.dnat import Dnat
from natc.netfilter.targets.mark import SetMark

#: A CIDR that no address of the node is in, for the case that none takes node ports.
_NOWHERE = {4: "192.0.2.0/32", 6: "2001:db8::/128"}
_LOOPBACK = "127.0.0.0/8"
#: How many rules of one kind are asked: in a large cluster they all say the same.
_ASKED = 50


def settings_shown(node: Shown, cluster: Cluster) -> dict[str, Any]:
    """Return the settings, by their names in ProxyConfig, that a node's rules show.

    The node's name follows from the endpoints that its rules take for local ones.
    """
    if node.rules("nat", "KUBE-PORTALS-CONTAINER"):
        return {"ip_family": f"ipv{node.ruleset.family}", "proxy_mode": "userspace"}
    return {
        "ip_family": f"ipv{node.ruleset.family}",
        "with_kubelet": _shows_kubelet(node),
        "conntrack_tcp_be_liberal": not _drops_invalid(node),
        "nfacct": _counts(node),
        **_masquerade_bit(node),
        **_detection(node),
        **_node_ports(node),
        **_node(node, cluster),
    }


def _shows_kubelet(node: Shown) -> bool:
    names = ("KUBE-KUBELET-CANARY", "KUBE-MARK-DROP", "KUBE-IPTABLES-HINT")
    return any(name in chains for chains in node.tables.values() for name in names)


def _drops_invalid(node: Shown) -> bool:
    return any(jump_of(rule) == "DROP" for rule in node.rules("filter", "KUBE-FORWARD"))


def _counts(node: Shown) -> bool:
    rules = [*node.rules("filter", "KUBE-FORWARD"), *node.rules("nat", "KUBE-NODEPORTS", _ASKED)]
    return any(part.kind is Nfacct for rule in rules for part in rule.shape.matches)


def _masquerade_bit(node: Shown) -> dict[str, Any]:
    for rule in node.rules("nat", "KUBE-MARK-MASQ"):
        target = rule.target
        if isinstance(target, SetMark) and target.xmark.value.bit_count() == 1:
            return {"masquerade_bit": target.xmark.value.bit_length() - 1}
    return {}


# ---- telling pods from others


def _detection(node: Shown) -> dict[str, Any]:
    """Return how this kube-proxy tells its pods, and whether it masquerades all."""
    all_of = [_senders(rule) for rule in _cluster_ip_marks(node)]
    everybody = 2 * all_of.count("") > len(all_of)
    told = Counter(text for text in (*all_of, *_pods(node)) if text)
    found: dict[str, Any] = {"masquerade_all": everybody and bool(all_of)}
    if not told:
        return found
    way, _, what = told.most_common(1)[0][0].partition(" ")
    if way == "-s":
        return found | {"cluster_cidr": what}
    if what.endswith("+"):
        return found | {"detect_local_mode": "InterfaceNamePrefix", "pod_interface_name_prefix": what[:-1]}
    return found | {"detect_local_mode": "BridgeInterface", "pod_bridge_interface": what}


def _cluster_ip_marks(node: Shown) -> Iterator[Rule]:
    """Yield the rules that mark traffic to cluster IPs for masquerading."""
    to = "KUBE-MARK-MASQ"
    for rule in _some(node, "KUBE-SERVICES", SERVICE_PREFIX, LOCAL_PREFIX, word=to):
        if jump_of(rule) == to and comment_of(rule).endswith(" cluster IP"):
            yield rule


def _pods(node: Shown) -> Iterator[str]:
    """Yield how other rules tell a node's pods."""
    for rule in _some(node, EXTERNAL_PREFIX, EXTERNAL_LOCAL_PREFIX):
        if comment_of(rule).startswith(("pod traffic for ", "Redirect pods trying ")):
            yield _senders(rule)
    for rule in node.rules("filter", "KUBE-FORWARD"):
        if comment_of(rule).endswith("pod source rule"):
            yield _senders(rule)


def _some(node: Shown, *kinds: str, word: str = "") -> Iterator[Rule]:
    """Yield rules, with a word, of the chains whose names are or begin with ``kinds``, of each kind some."""
    names = "\n".join(["", *node.tables.get("nat", ()), ""])
    for kind in kinds:
        for name in islice(_beginning(names, kind), _ASKED):
            yield from node.rules("nat", name, _ASKED, word)


def _beginning(names: str, word: str) -> Iterator[str]:
    """Yield those of some lines that begin with a word; one by one 61,000 names take ten times as long."""
    at = names.find(f"\n{word}")
    while at >= 0:
        end = names.index("\n", at + 1)
        yield names[at + 1 : end]
        at = names.find(f"\n{word}", end)


def _senders(rule: Rule) -> str:
    header: Header = rule.header
    if header.source is not None:
        return f"-s {header.source.value}"
    return "" if header.in_interface is None else f"-i {header.in_interface.value}"


# ---- node ports


def _node_ports(node: Shown) -> dict[str, Any]:
    """Return where node ports are open, by the jumps to KUBE-NODEPORTS."""
    to = "KUBE-NODEPORTS"
    jumps = [r for r in node.rules("nat", "KUBE-SERVICES", word=to) if jump_of(r) == to]
    asked = [rule.header.destination for rule in jumps]
    if any(term is None or term.inverted for term in asked):
        loopback = any(term is not None and str(term.value) == _LOOPBACK for term in asked)
        return {"localhost_nodeports": not loopback}
    addresses = [str(term.value) for term in asked if term is not None]
    if not addresses and node.rules("nat", to, 1):
        return {}
    cidrs = addresses or [_NOWHERE[node.ruleset.family]]
    if _blocks_localnet(node):
        cidrs = [*cidrs, _LOOPBACK]
    return {
        "nodeport_addresses": tuple(cidrs),
        "interface_addresses": tuple(address.partition("/")[0] for address in addresses),
    }


def _blocks_localnet(node: Shown) -> bool:
    """Tell whether loopback addresses are kept from others, as where node ports answer on them."""
    rules = node.rules("filter", "KUBE-FIREWALL")
    return any(comment_of(rule).startswith("block incoming localnet") for rule in rules)


# ---- which node


def _node(node: Shown, cluster: Cluster) -> dict[str, Any]:
    """Return the node's name, and its address where its Node is given."""
    local = list(_local_endpoints(node))
    places = _places(cluster, set(local)) if local else {}
    names = Counter(places[ip] for ip in local if ip in places)
    if not names:
        return {}
    name = names.most_common(1)[0][0]
    for each in cluster.nodes:
        if each.name.lower() == name:
            for ip in each.internal_ips:
                if (":" in ip) == (node.ruleset.family == 6):
                    return {"hostname_override": name, "node_ip": ip}
    return {"hostname_override": name}


def _local_endpoints(node: Shown) -> Iterator[str]:
    """Yield the addresses of the endpoints that only local traffic policies lead to."""
    for rule in _some(node, LOCAL_PREFIX, EXTERNAL_LOCAL_PREFIX):
        for inner in node.rules("nat", jump_of(rule)):
            if inner.shape.target is not None and inner.shape.target.kind is Dnat:
                target = inner.target
                assert isinstance(target, Dnat)
                if target.to.first is not None:
                    yield str(target.to.first)


def _places(cluster: Cluster, wanted: set[str]) -> dict[str, str]:
    """Return the node of each of some endpoints' addresses, which are given as they are printed."""
    found = _nodes(cluster, wanted)
    if len(found) < len(wanted):
        printed = {
            address: ip
            for endpoint in _endpoints(cluster)
            for address in endpoint.addresses
            if not is_plain_v4(address) and (ip := canonical_ip(address)) in wanted
        }
        found = {printed[ip]: name for ip, name in _nodes(cluster, printed.keys()).items()} | found
    return found


def _nodes(cluster: Cluster, wanted: Set[str]) -> dict[str, str]:
    """Return the node of each of some addresses as they were written."""
    found: dict[str, str] = {}
    for endpoint in _endpoints(cluster):
        if not wanted.isdisjoint(endpoint.addresses):
            name = endpoint.node_name or endpoint.topology.get(HOST_NAME_LABEL, "")
            if name:
                own = [ip for ip in endpoint.addresses if ip in wanted]
                found |= dict.fromkeys(own, name.lower())
    return found


def _endpoints(cluster: Cluster) -> Iterator[Endpoint]:
    for piece in cluster.endpoint_slices:
        yield from piece.endpoints
    for each in cluster.endpoints:
        for subset in each.subsets:
            yield from subset.addresses
