"""``natc compile``: manifests to the rules kube-proxy would write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from natc.cli.flags import CommaList, FeatureGates, GoBoolean, GoFlagsCommand
from natc.cli.output import emit
from natc.collector import collector_paused
from natc.errors import printable

if TYPE_CHECKING:
    from natc.compile import ProxyConfig
    from natc.kube.model import Cluster

#: kube-proxy's flags and natc's facts of the node: the name, the ProxyConfig field, the type, the help.
_SETTINGS: tuple[tuple[str, str, click.ParamType[Any], str], ...] = (
    ("--cluster-cidr", "cluster_cidr", click.STRING, "The pods' CIDR; one of each family, comma between."),
    ("--detect-local-mode", "detect_local_mode", click.STRING,
     "How pods' traffic is told: ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix."),
    ("--pod-bridge-interface", "pod_bridge_interface", click.STRING, "For BridgeInterface."),
    ("--pod-interface-name-prefix", "pod_interface_name_prefix", click.STRING, "For InterfaceNamePrefix."),
    ("--masquerade-all", "masquerade_all", GoBoolean(), "Masquerade all traffic to cluster IPs."),
    ("--iptables-masquerade-bit", "masquerade_bit", click.INT, "Bit of the SNAT mark, 0 to 31."),
    ("--iptables-localhost-nodeports", "localhost_nodeports", GoBoolean(), "NodePorts on loopback."),
    ("--nodeport-addresses", "nodeport_addresses", CommaList(), "Where NodePorts answer: CIDRs, primary."),
    ("--hostname-override", "hostname_override", click.STRING, "The node's name."),
    ("--feature-gates", "feature_gates", FeatureGates(), "Name=true,Other=false."),
    ("--bind-address", "bind_address", click.STRING, "Where the userspace proxy listens."),
    ("--proxy-port-range", "proxy_port_range", click.STRING, "Its ports, handed out in order: FROM-TO."),
    ("--proxy-mode", "proxy_mode", click.Choice(["iptables", "userspace"]), "Which proxier."),
    ("--kube-version", "kube_version", click.STRING, "1.N or 1.N.P, from 1.14; default the newest known."),
    ("--ip-family", "ip_family", click.Choice(["ipv4", "ipv6"]), "Which of the node's two proxiers."),
    ("--node-ip", "node_ip", click.STRING, "The node's address."),
    ("--interface-addresses", "interface_addresses", CommaList(), "CIDRs on the node's interfaces."),
    ("--conntrack-tcp-be-liberal", "conntrack_tcp_be_liberal", GoBoolean(), "The sysctl of that name is on."),
    ("--nfacct", "nfacct", GoBoolean(), "The kernel offers nfacct counters."),
    ("--with-kubelet", "with_kubelet", GoBoolean(), "kubelet's chains were there first."),
)  # fmt: skip


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    for name, variable, kind, text in reversed(_SETTINGS):
        command = click.option(name, variable, type=kind, default=None, help=text)(command)
    return command


@click.command("compile", cls=GoFlagsCommand)
@click.argument("manifests", nargs=-1, type=click.Path())
@click.option("--config", "config_file", type=click.Path(), help="A KubeProxyConfiguration; flags win.")
@click.option("--form", type=click.Choice(["save", "restore"]), default="save", show_default=True,
              help="What iptables-save shows, or what kube-proxy gives to iptables-restore.")  # fmt: skip
@click.option("--backend", type=click.Choice(["legacy", "nft"]), default="legacy", show_default=True)
@click.option("-o", "--output", "path", type=click.Path(), help="Write to this file, whole or not at all.")
@_settings
def command(
    manifests: tuple[str, ...],
    config_file: str | None,
    form: str,
    backend: str,
    path: str | None,
    **given: Any,
) -> None:
    """Turn MANIFESTS into the iptables text of a node under kube-proxy.

    MANIFESTS are YAML or JSON files (Service, Endpoints, EndpointSlice, Pod, Node; others are skipped
    and counted), or - for standard input, which is also what none means.

    \b
    Example:
      kubectl get svc,endpointslices -A -o json | natc compile --cluster-cidr 10.244.0.0/16
    """
    from natc.compile.notes import open_questions

    config = _config(config_file, {key: value for key, value in given.items() if value is not None})
    with collector_paused():  # once around it all: each time it comes back it walks all there is
        cluster = _cluster(manifests or ("-",))
        _say(str(config.version))
        for question in open_questions(cluster, config):
            _say(question)
        emit(_text(cluster, config, form, backend), path)


def _config(file: str | None, given: Mapping[str, Any]) -> ProxyConfig:
    from natc.compile import ProxyConfig
    from natc.compile.config_file import read_config

    settings = read_config(file) if file else {}
    return ProxyConfig(**{**settings, **given})


def _cluster(paths: tuple[str, ...]) -> Cluster:
    from natc.kube.endpoints import complete
    from natc.kube.manifests import load_paths

    cluster = complete(load_paths(paths))
    if cluster.skipped:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(cluster.skipped.items()))
        _say(f"skipped {sum(cluster.skipped.values())} objects of other kinds: {kinds}")
    for note in cluster.notes:
        _say(note)
    return cluster


def _text(cluster: Cluster, config: ProxyConfig, form: str, backend: str) -> str:
    from natc import __version__
    from natc.compile import compile as compile_cluster
    from natc.compile import restore_text

    if form == "restore":
        return restore_text(cluster, config)
    from natc.text.writer import save

    return save(compile_cluster(cluster, config), order=backend, by=f"natc {__version__}")


def _say(text: str) -> None:
    print(f"natc: {printable(text)}", file=sys.stderr)
