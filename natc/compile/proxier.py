"""kube-proxy in iptables mode: from a cluster to the text it gives to iptables-restore."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from natc.compile import (
    cluster_ip,
    endpoint_chains,
    external,
    fixed,
    load_balancer,
    masquerade,
    no_endpoints,
    node_port,
)
from natc.compile.config import ProxyConfig
from natc.compile.detector import local_detector
from natc.compile.endpoints import EndpointIndex
from natc.compile.layouts import Layout, Pass, Unmatched
from natc.compile.node_port_addresses import node_port_addresses
from natc.compile.plan import Plan, hashes_of
from natc.compile.selection import Selector, Used
from natc.compile.service_ports import ProxiedPort, service_ports
from natc.compile.stencils import Stencils, Write
from natc.compile.sync import Sync
from natc.compile.topology import Place
from natc.kube.model import Cluster

#: With more endpoints than this the comments on endpoint rules are left out (layout section 7).
LARGE_CLUSTER_ENDPOINTS = 1000

#: How many service ports are planned and written together: enough to hash their names at one go, few
#: enough that what was made for them is still in the processor's cache, and is used again after them.
#: 32 to 512 make no difference; of 10,000 at once, making the rules took a tenth longer.
_AT_ONCE = 128

#: What each pass does.
PASSES: Mapping[Pass, Write] = {
    Pass.CLUSTER_IP_MASQUERADE: masquerade.cluster_ip,
    Pass.CLUSTER_IP_JUMP: cluster_ip.jump,
    Pass.CLUSTER_IP_REFUSAL: no_endpoints.cluster_ip,
    Pass.EXTERNAL_IPS: external.ips,
    Pass.EXTERNAL_IP_REFUSAL: no_endpoints.external_ips,
    Pass.LOAD_BALANCER_IPS: load_balancer.ips,
    Pass.PROXY_FIREWALL: load_balancer.proxy_firewall,
    Pass.LOAD_BALANCER_REFUSAL: no_endpoints.load_balancer_ips,
    Pass.NODE_PORT: node_port.jump,
    Pass.NODE_PORT_REFUSAL: no_endpoints.node_port,
    Pass.HEALTH_CHECK: node_port.health_check,
    Pass.EXTERNAL_CHAIN: external.chain,
    Pass.FIREWALL_CHAIN: load_balancer.firewall_chain,
    Pass.SERVICE_CHAIN: endpoint_chains.service_chain,
    Pass.LOCAL_CHAIN: endpoint_chains.local_chain,
    Pass.EXTERNAL_LOCAL_CHAIN: endpoint_chains.external_local_chain,
    Pass.ENDPOINT_CHAINS: endpoint_chains.endpoint_chains,
    Pass.SERVICE_AND_ENDPOINT_CHAINS: endpoint_chains.service_and_endpoint_chains,
}


#: A service port, the endpoints it uses, and the hashes of its own chains and theirs.
Planned = tuple[ProxiedPort, Used, Sequence[str]]


def sync_rules(cluster: Cluster, config: ProxyConfig) -> Sync:
    """Return the buffers of a full sync of this cluster."""
    sync, planned, _ = begin(cluster, config)
    stencils = Stencils(sync, through_passes(sync))
    for port, used, hashes in planned:
        stencils.write(port, used, hashes)
    fixed.finish(sync)
    return sync


def begin(cluster: Cluster, config: ProxyConfig) -> tuple[Sync, Iterator[Planned], EndpointIndex]:
    """Begin a sync of this cluster: return it with the service ports that it is to hold, in their order.

    The index is what finds their endpoints, as they are asked for.
    """
    layout = config.layout
    nodes = {node.name: node for node in cluster.nodes}
    node = nodes.get(config.host_name)
    place = Place(config.host_name, node.labels if node else {}, nodes)
    index = EndpointIndex(cluster, config)
    ports = service_ports(cluster.services, config)
    sync = Sync(
        config=config,
        layout=layout,
        detector=local_detector(config, node),
        node_ports=node_port_addresses(config),
        large=_is_large(index, ports),
        external_ip_policy=config.enabled(layout.external_ip_policy),
    )
    fixed.begin(sync)
    return sync, _planned(ports, index, Selector(config, place)), index


def _planned(ports: Sequence[ProxiedPort], index: EndpointIndex, selector: Selector) -> Iterator[Planned]:
    for start in range(0, len(ports), _AT_ONCE):
        some = [(port, selector.choose(port, index.of(port))) for port in ports[start : start + _AT_ONCE]]
        for (port, used), hashes in zip(some, hashes_of(some), strict=True):
            yield port, used, hashes


def through_passes(sync: Sync) -> Write:
    """Return what writes one service port, given what node ports come to."""
    usual = _writers(sync.layout, Unmatched.WRITTEN)
    unmatched = usual if sync.node_ports.anywhere else _writers(sync.layout, sync.layout.unmatched_node_ports)

    def write(sync: Sync, plan: Plan) -> None:
        for each in unmatched if plan.port.node_port else usual:
            each(sync, plan)

    return write


def _is_large(index: EndpointIndex, ports: Iterable[ProxiedPort]) -> bool:
    """Tell whether the service ports have so many endpoints that their comments are left out."""
    counts = accumulate(len(index.of(port)) for port in ports)
    return any(count > LARGE_CLUSTER_ENDPOINTS for count in counts)


def _writers(layout: Layout, unmatched: Unmatched) -> list[Write]:
    """Return what is written for one service port, in order, given what node ports come to."""
    passes = layout.passes
    chain_lines = endpoint_chains.chain_lines
    if unmatched is Unmatched.SERVICE_CUT_SHORT:
        passes = passes[: passes.index(Pass.NODE_PORT)]
        chain_lines = endpoint_chains.chain_lines_without_endpoints
    elif unmatched is Unmatched.LEFT_OUT:
        passes = tuple(p for p in passes if p not in (Pass.NODE_PORT, Pass.NODE_PORT_REFUSAL))
    return [chain_lines, *(PASSES[each] for each in passes)]
