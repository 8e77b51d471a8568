"""What the settings leave open is said, and nothing is said of what does not matter."""

import pytest

from natc.compile import ProxyConfig, open_questions
from tests.compile.objects import cluster, load_balancer, node, service

LOCAL = cluster(load_balancer(external_traffic_policy="Local"))
LIMITED = cluster(load_balancer(load_balancer_source_ranges=("10.0.0.0/8",)))
KNOWN = {"hostname_override": "node1", "node_ip": "192.168.7.3", "interface_addresses": ("192.168.7.3/24",)}


@pytest.mark.parametrize(
    ("of", "settings", "words"),
    [
        (LOCAL, {}, "no endpoint is on this node: Service default/web"),
        (cluster(service(internal_traffic_policy="Local")), {}, "no endpoint is on this node"),
        (cluster(), {"detect_local_mode": "NodeCIDR"}, "pod CIDR is not known"),
        (
            cluster(),
            {"detect_local_mode": "NodeCIDR", "hostname_override": "node1"},
            "No Node node1 is given",
        ),
        (LIMITED, {}, "Without --node-ip"),
        (cluster(), {"nodeport_addresses": ("10.0.0.0/8",)}, "Without --interface-addresses"),
    ],
)
def test_open_question(of, settings, words):
    (question,) = open_questions(of, ProxyConfig(**settings))
    assert words in question


@pytest.mark.parametrize("of", [LOCAL, LIMITED, cluster(service()), cluster(nodes=[node()])])
@pytest.mark.parametrize(
    "settings",
    [
        KNOWN,
        {**KNOWN, "nodeport_addresses": ("192.168.0.0/16",)},
        {"hostname_override": "node1", "bind_address": "192.168.7.3"},
        {"kube_version": "1.18", "proxy_mode": "userspace"},
    ],
)
def test_nothing_open(of, settings):
    assert open_questions(of, ProxyConfig(**settings)) == []


def test_every_address_needs_no_list_of_addresses():
    assert open_questions(cluster(), ProxyConfig(nodeport_addresses=("0.0.0.0/0",))) == []
    assert open_questions(cluster(), ProxyConfig()) == []
