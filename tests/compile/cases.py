"""Recorded and golden cases of the real kube-proxy: what went in, as natc's own values."""

import json
from pathlib import Path

from natc.compile import ProxyConfig
from natc.kube.endpoints import complete
from natc.kube.manifests import load_paths
from natc.kube.model import Cluster

#: Folder names that are no version number.
_VERSIONS = {"1.30": "1.30.5", "userspace-1.18.6": "1.18.6"}

#: Settings by their name in flags.json, where that is not the field's own.
_FIELDS = {
    "interface_addrs": "interface_addresses",
    "tcp_be_liberal": "conntrack_tcp_be_liberal",
    "kubelet_first": "with_kubelet",
    "host_ip": "node_ip",
}


def version_of(case: Path) -> str:
    """The kube version of ``corpus/VERSION/NNN`` or ``golden/kube-proxy/VERSION-NNN``."""
    folder = case.parent.name if case.name.isdigit() else case.name.rpartition("-")[0]
    return _VERSIONS.get(folder, folder)


def config_of(case: Path) -> ProxyConfig:
    """The proxy's settings and the node's facts that flags.json holds."""
    flags = json.loads((case / "flags.json").read_text())
    flags.pop("kubernetes_version", None)
    if "first_proxy_port" in flags:
        flags["proxy_port_range"] = f"{flags.pop('first_proxy_port')}-65535"
    settings = {_FIELDS.get(name, name): value for name, value in flags.items()}
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return ProxyConfig(kube_version=version_of(case), **settings)


def cluster_of(case: Path) -> Cluster:
    """The objects of cluster.yaml, read and completed as the command line does."""
    return complete(load_paths([case / "cluster.yaml"]))
