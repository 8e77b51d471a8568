"""Telling a node's own pods from other senders: ``--detect-local-mode`` (end of layout section 7)."""

from __future__ import annotations

from natc.compile.config import ProxyConfig
from natc.kube.addresses import parse_network
from natc.kube.model import Node
from natc.values import frozen


@frozen
class LocalDetector:
    """The matches, in a rule's words, for traffic of this node's pods and for all other."""

    local: str
    not_local: str


def cidr_of_family(cidrs: tuple[str, ...], *, ipv6: bool) -> str:
    """Return the first CIDR of a family as it was written, or nothing."""
    for text in cidrs:
        network = parse_network(text)
        if network is not None and (network.version == 6) == ipv6:
            return text
    return ""


def local_detector(config: ProxyConfig, node: Node | None) -> LocalDetector | None:
    """Return the detector the config asks for, or None where there is none to be had.

    ``node`` is the proxy's own Node object; only the mode NodeCIDR looks at it.
    """
    mode = config.detect_local_mode or "ClusterCIDR"
    if mode == "BridgeInterface":
        return LocalDetector(f"-i {config.pod_bridge_interface}", f"! -i {config.pod_bridge_interface}")
    if mode == "InterfaceNamePrefix":
        prefix = f"{config.pod_interface_name_prefix}+"
        return LocalDetector(f"-i {prefix}", f"! -i {prefix}")
    cidrs: tuple[str, ...] = ()
    if mode == "ClusterCIDR":
        cidrs = config.cluster_cidrs
    elif mode == "NodeCIDR" and node is not None:
        cidrs = node.pod_cidrs
    cidr = cidr_of_family(cidrs, ipv6=config.is_ipv6)
    if config.layout.canonical_pod_cidr and cidr:
        cidr = str(parse_network(cidr))
    return LocalDetector(f"-s {cidr}", f"! -s {cidr}") if cidr else None
