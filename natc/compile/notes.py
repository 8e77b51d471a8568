"""What the rules depend on and the settings leave open, in sentences for a person."""

from __future__ import annotations

from collections.abc import Iterator

from natc.compile.config import ProxyConfig
from natc.compile.node_port_addresses import node_port_addresses
from natc.kube.model import Cluster


def open_questions(cluster: Cluster, config: ProxyConfig) -> list[str]:
    """Return what natc had to take for unknown, one sentence each, and how it took it."""
    if config.proxy_mode == "userspace":
        return []
    return [*_about_the_node(cluster, config), *_about_addresses(cluster, config)]


def _about_the_node(cluster: Cluster, config: ProxyConfig) -> Iterator[str]:
    if not config.host_name:
        local = [
            s for s in cluster.services if "Local" in (s.external_traffic_policy, s.internal_traffic_policy)
        ]
        if local:
            yield (
                f"Without --hostname-override no endpoint is on this node: Service {local[0].namespace}/"
                f"{local[0].name} has traffic policy Local."
            )
        if config.detect_local_mode == "NodeCIDR":
            yield "Without --hostname-override the node's pod CIDR is not known."
    elif config.detect_local_mode == "NodeCIDR" and config.host_name not in {n.name for n in cluster.nodes}:
        yield f"No Node {config.host_name} is given, so its pod CIDR is not known."


def _about_addresses(cluster: Cluster, config: ProxyConfig) -> Iterator[str]:
    limited = [s for s in cluster.services if s.load_balancer_source_ranges and s.ingress]
    if limited and not config.knows_node_address:
        yield (
            f"Without --node-ip it is not known whether the source ranges of Service {limited[0].namespace}/"
            f"{limited[0].name} hold this node; the loopback address was asked instead, as kube-proxy does."
        )
    if not (config.interface_addresses or node_port_addresses(config).everywhere):
        yield "Without --interface-addresses no address of the node is inside --nodeport-addresses."
