"""Compile a cluster into the rules kube-proxy would write on a node.

``restore_text`` is the text kube-proxy gives to iptables-restore, byte for byte.
"""

from natc.compile.config import ProxyConfig
from natc.compile.proxier import sync_rules
from natc.kube.model import Cluster

__all__ = ["ProxyConfig", "restore_text"]


def restore_text(cluster: Cluster, config: ProxyConfig) -> str:
    """Return the bytes kube-proxy gives to iptables-restore for this cluster, as text.

    Raises NatcError where that kube-proxy would crash on the cluster.
    """
    return sync_rules(cluster, config).text()
