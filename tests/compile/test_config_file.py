"""KubeProxyConfiguration files: what is read, what is passed over, what is refused and where."""

import gzip

import pytest

from natc.compile import ProxyConfig, read_config
from natc.compile.config_file import parse_config
from natc.errors import NatcError

HEAD = "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\n"

FULL = (
    HEAD
    + """
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: {acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /etc/kube, qps: 0}
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack: {maxPerCore: null, min: null, tcpBeLiberal: true, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null}
detectLocal: {bridgeInterface: cni0, interfaceNamePrefix: ""}
detectLocalMode: BridgeInterface
enableProfiling: false
featureGates: {LoadBalancerIPMode: false}
healthzBindAddress: ""
hostnameOverride: node1
iptables: {localhostNodePorts: false, masqueradeAll: true, masqueradeBit: 13, minSyncPeriod: 0s, syncPeriod: 0s}
ipvs: {excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s}
logging: {format: text, options: {json: {infoBufferSize: "0"}}}
metricsBindAddress: ""
mode: iptables
nftables: {masqueradeAll: false, masqueradeBit: null}
nodePortAddresses: [192.168.0.0/16, fd00::/8]
oomScoreAdj: null
portRange: 40000-40100
showHiddenMetricsForVersion: ""
winkernel: {enableDSR: false, networkName: ""}
"""
)


def test_every_setting():
    assert parse_config("c.yaml", FULL) == {
        "bind_address": "0.0.0.0",
        "cluster_cidr": "10.244.0.0/16",
        "conntrack_tcp_be_liberal": True,
        "detect_local_mode": "BridgeInterface",
        "pod_bridge_interface": "cni0",
        "pod_interface_name_prefix": "",
        "feature_gates": {"LoadBalancerIPMode": False},
        "hostname_override": "node1",
        "localhost_nodeports": False,
        "masquerade_all": True,
        "masquerade_bit": 13,
        "proxy_mode": "iptables",
        "nodeport_addresses": ("192.168.0.0/16", "fd00::/8"),
        "proxy_port_range": "40000-40100",
    }
    assert ProxyConfig(**parse_config("c.yaml", FULL)).masquerade_bit == 13


def test_nothing_set_changes_nothing():
    nothing = 'mode: ""\nclusterCIDR: null\niptables: {masqueradeBit: null}\nnodePortAddresses: null\n'
    assert ProxyConfig(**parse_config("c.yaml", HEAD + nothing)) == ProxyConfig()
    assert ProxyConfig(**parse_config("c.yaml", HEAD + "nodePortAddresses: [primary]\n"), node_ip="10.0.0.1")


def test_json_and_gzip(tmp_path):
    text = '{"kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "mode": ""}'
    (tmp_path / "c").write_bytes(gzip.compress(text.encode()))
    assert read_config(tmp_path / "c") == {"proxy_mode": "iptables"}


REFUSED = {
    "clusterCDIR: 10.0.0.0/8\n": ("c.yaml:3:", "clusterCDIR is no field of KubeProxyConfiguration", "clusterCIDR"),
    "iptables:\n  masqueradeBit: 13\n  masqueradeall: true\n": (
        "c.yaml:5:", "iptables.masqueradeall is no field of KubeProxyConfiguration", "masqueradeAll",
    ),
    "iptables: {masqueradeBit: 40}\n": ("c.yaml:3:27:", "40 is not from 0 to 31", ""),
    "iptables: {masqueradeBit: high}\n": ("c.yaml:3:27:", 'iptables.masqueradeBit is the string "high"', "an integer"),
    "mode: ipvs\n": ("c.yaml:3:7:", "'ipvs' is not known", "iptables or userspace"),
    "clusterCIDR: nonsense\n": ("c.yaml:3:14:", "'nonsense' is not a CIDR", ""),
    "featureGates: {A: 1}\n": ("c.yaml:3:19:", "featureGates.A is the number 1", "true or false"),
    "mode: iptables\nmode: iptables\n": ("c.yaml:4:1:", "mode", ""),
    "---\nkind: other\n": ("", "2 documents", "one KubeProxyConfiguration"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), REFUSED.items(), ids=REFUSED)
def test_refused(body, expected):
    with pytest.raises(NatcError) as error:
        parse_config("c.yaml", HEAD + body)
    place, message, instead = expected
    assert str(error.value).startswith(place)
    assert message in str(error.value)
    assert instead in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "- a\n", "kind: KubeProxyConfiguration\n", "apiVersion: v1\nkind: ConfigMap\n", "a: ["]
)
def test_no_configuration(text):
    with pytest.raises(NatcError):
        parse_config("c.yaml", text)


def test_all_errors_of_a_file_in_one_run():
    with pytest.raises(NatcError) as error:
        parse_config("c.yaml", HEAD + "a: 1\nb: 2\nmode: ipvs\n")
    assert error.value.render().count("c.yaml:") == 3
