"""kube-proxy's settings: what is refused, and how feature gates are read."""

import pytest

from natc.compile import ProxyConfig
from natc.compile.config import parse_port_range
from natc.errors import UsageError

REFUSED = {
    "--ip-family: 'ipv5' is not known": {"ip_family": "ipv5"},
    "--proxy-mode: 'ipvs' is not known": {"proxy_mode": "ipvs"},
    "--detect-local-mode: 'clustercidr' is not known": {"detect_local_mode": "clustercidr"},
    "kube-proxy 1.20 does not know BridgeInterface": {
        "detect_local_mode": "BridgeInterface", "kube_version": "1.20", "pod_bridge_interface": "cni0",
    },
    "kube-proxy 1.17 does not know NodeCIDR": {"detect_local_mode": "NodeCIDR", "kube_version": "1.17"},
    "--pod-bridge-interface: '' is no interface name": {"detect_local_mode": "BridgeInterface"},
    "--pod-interface-name-prefix: 'a b' is no interface name": {
        "detect_local_mode": "InterfaceNamePrefix", "pod_interface_name_prefix": "a b",
    },
    "--cluster-cidr: '10.0.0.0' is not a CIDR": {"cluster_cidr": "10.0.0.0"},
    "--cluster-cidr: '' is not a CIDR": {"cluster_cidr": "10.0.0.0/8,"},
    "--nodeport-addresses: 'x/8' is not a CIDR": {"nodeport_addresses": ("10.0.0.0/8", "x/8")},
    "--nodeport-addresses: primary stands alone": {"nodeport_addresses": ("primary", "10.0.0.0/8")},
    "kube-proxy 1.30 does not know primary": {"nodeport_addresses": ("primary",), "kube_version": "1.30"},
    "--nodeport-addresses=primary needs --node-ip": {"nodeport_addresses": ("primary",)},
    "--interface-addresses: '10.0.0.1/40' is not a CIDR": {"interface_addresses": ("10.0.0.1/40",)},
    "--interface-addresses: 'eth0' is not an IP address": {"interface_addresses": ("eth0",)},
    "--node-ip: '10.0.0' is not an IP address": {"node_ip": "10.0.0"},
    "--node-ip: fd00::1 is not an ipv4 address": {"node_ip": "fd00::1"},
    "--bind-address: 'any' is not an IP address": {"bind_address": "any"},
    "--iptables-masquerade-bit: 32 is not from 0 to 31": {"masquerade_bit": 32},
    "--proxy-port-range: '5-4' is not a range of ports": {"proxy_port_range": "5-4"},
    "--feature-gates: 'a b' is no feature gate's name": {"feature_gates": {"a b": True}},
    "--kube-version: natc does not know kube-proxy 1.12": {"kube_version": "1.12"},
}  # fmt: skip


@pytest.mark.parametrize(("message", "settings"), REFUSED.items(), ids=REFUSED)
def test_refused(message, settings):
    with pytest.raises(UsageError) as error:
        ProxyConfig(**settings)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("1.17", {"ClusterCIDR"}),
        ("1.18.2", {"ClusterCIDR", "NodeCIDR"}),
        ("1.23", {"ClusterCIDR", "NodeCIDR"}),
        ("1.24", {"ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"}),
    ],
)
def test_detect_local_modes(version, known):
    assert ProxyConfig(kube_version=version).layout.detect_modes == known
    for mode in known:
        ProxyConfig(
            kube_version=version,
            detect_local_mode=mode,
            pod_bridge_interface="cni0",
            pod_interface_name_prefix="veth",
        )


@pytest.mark.parametrize(
    ("gates", "on"),
    [
        ({}, False),
        ({"TopologyAwareHints": True}, True),
        ({"AllAlpha": True}, True),
        ({"AllBeta": True}, False),
        ({"AllAlpha": True, "TopologyAwareHints": False}, False),
    ],
)
def test_gate_of_1_21(gates, on):
    assert ProxyConfig(kube_version="1.21", feature_gates=gates).enabled("TopologyAwareHints") is on


@pytest.mark.parametrize(
    ("version", "gate", "alpha", "beta"),
    [
        ("1.18", "ExternalPolicyForExternalIP", False, False),  # general, and off
        ("1.22", "TopologyAwareHints", True, False),
        ("1.23", "TopologyAwareHints", False, True),
        ("1.33", "PreferSameTrafficDistribution", True, False),
    ],
)
def test_gates_by_their_stage(version, gate, alpha, beta):
    # Stages as pkg/features/kube_features.go of that release has them.
    for group, on in (("AllAlpha", alpha), ("AllBeta", beta)):
        assert ProxyConfig(kube_version=version, feature_gates={group: True}).enabled(gate) is on


@pytest.mark.parametrize(("version", "off"), [("1.31", True), ("1.32", False)])
def test_ip_mode_can_be_turned_off_until_its_gate_is_locked(version, off):
    config = ProxyConfig(kube_version=version, feature_gates={"LoadBalancerIPMode": False})
    assert config.enabled(config.layout.ip_mode) is not off


def test_gate_a_version_does_not_have_is_off():
    config = ProxyConfig(kube_version="1.14", feature_gates={"TopologyAwareHints": True, "NoSuchGate": True})
    assert not config.enabled("TopologyAwareHints")


def test_node_name_is_compared_in_lower_case():
    assert ProxyConfig(hostname_override=" Node-1 ").host_name == "node-1"


def test_unknown_node_address_is_the_loopback_address():
    assert ProxyConfig().node_address == "127.0.0.1"
    assert ProxyConfig(ip_family="ipv6").node_address == "::1"
    assert ProxyConfig(node_ip="010.0.0.1").node_address == "10.0.0.1"


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("40000-40002", range(40000, 40003)),
        ("40000+2", range(40000, 40003)),
        ("40000", range(40000, 40001)),
        ("", range(0)),
        ("0-0", range(0)),
        ("0", range(0)),
    ],
)
def test_port_range(text, ports):
    assert parse_port_range(text) == ports


@pytest.mark.parametrize("text", ["0-5", "5-4", "1-65536", "a", "1-2-3", "-5", "65000+600"])
def test_no_port_range(text):
    with pytest.raises(UsageError):
        parse_port_range(text)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "127.0.0.1"),
        ({"node_ip": "192.168.7.3"}, "192.168.7.3"),
        ({"bind_address": "0.0.0.0", "node_ip": "192.168.7.3"}, "192.168.7.3"),
        ({"bind_address": "10.0.0.9", "node_ip": "192.168.7.3"}, "10.0.0.9"),
        ({"bind_address": "fd00::9", "node_ip": "192.168.7.3"}, "192.168.7.3"),
        ({"bind_address": "FD00::9", "ip_family": "ipv6"}, "fd00::9"),
        ({"bind_address": "::", "ip_family": "ipv6"}, "::1"),
    ],
)
def test_an_address_to_bind_to_is_the_node_s(settings, address):
    config = ProxyConfig(**settings)
    assert config.node_address == address
    assert config.knows_node_address is (address not in ("127.0.0.1", "::1"))
