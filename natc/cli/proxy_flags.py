"""kube-proxy's settings and the cluster's manifests on the command line: what several commands take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from natc.cli.flags import CommaList, FeatureGates, GoBoolean
from natc.errors import printable

if TYPE_CHECKING:
    from natc.kube.model import Cluster

T = TypeVar("T")

#: kube-proxy's flags and natc's facts of the node: the name, the ProxyConfig field, the type, the help.
SETTINGS: tuple[tuple[str, str, click.ParamType[Any], str], ...] = (
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
    ("--bind-address", "bind_address", click.STRING, "The node's address; userspace mode listens there."),
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


def proxy_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for every setting; those not given are None."""
    return proxy_settings_but()(command)


def proxy_settings_but(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what gives a command a flag for every setting but some."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, variable, kind, text in reversed(SETTINGS):
            if name not in names:
                give_flag = click.option(
                    name, variable, type=kind, callback=_as_it_is, default=None, help=text
                )
                command = give_flag(command)
        return command

    return give


def _as_it_is(_ctx: click.Context, _param: click.Parameter, value: T) -> T:
    """Take an empty word, too: to kube-proxy it says the default."""
    return value


def flags_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the flags that say some settings, given by their names in ProxyConfig, but for the defaults."""
    from attrs import fields_dict

    from natc.compile import ProxyConfig

    usual = fields_dict(ProxyConfig)
    return tuple(
        f"{name}={_word(settings[variable])}"
        for name, variable, _, _ in SETTINGS
        if settings.get(variable) not in (None, "", {}, usual[variable].default)
    )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_word(switch)}" for name, switch in value.items())
    return ",".join(value) if isinstance(value, tuple) else str(value)


def given_settings(file: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a KubeProxyConfiguration and the flags say, by ProxyConfig's names; flags win."""
    from natc.compile.config_file import read_config

    settings = read_config(file) if file else {}
    return {**settings, **{name: value for name, value in given.items() if value is not None}}


def read_cluster(paths: tuple[str, ...]) -> Cluster:
    """Read manifests, and say on standard error what was passed over or chosen."""
    from natc.kube.endpoints import complete
    from natc.kube.manifests import load_paths

    cluster = complete(load_paths(paths))
    if cluster.skipped:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(cluster.skipped.items()))
        say(f"skipped {sum(cluster.skipped.values())} objects of other kinds: {kinds}")
    for note in cluster.notes:
        say(note)
    return cluster


def say(text: str) -> None:
    """Print a remark on standard error."""
    print(f"natc: {printable(text)}", file=sys.stderr)
