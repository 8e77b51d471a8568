"""Services as kube-proxy reads them (layout section 1, history D)."""

import attrs
import pytest

from natc.compile import ProxyConfig
from natc.compile.service_ports import (
    HINTS_ANNOTATION,
    MODE_ANNOTATION,
    proxied_ports,
    service_ports,
    wants_hints,
)
from natc.kube.model import IngressAddress, ServicePort
from tests.compile.objects import load_balancer, service


def read(of, version="1.30", **settings):
    (port,) = service_ports([of], ProxyConfig(kube_version=version, **settings))
    return port


def families(of, version="1.30"):
    return [
        family
        for family in ("ipv4", "ipv6")
        if service_ports([of], ProxyConfig(kube_version=version, ip_family=family))
    ]


DUAL = {"cluster_ip": "10.96.0.1", "cluster_ips": ("10.96.0.1", "fd00::1"), "ip_families": ("IPv4", "IPv6")}


@pytest.mark.parametrize(
    ("of", "version", "expected"),
    [
        (service(cluster_ip=""), "1.30", []),
        (service(cluster_ip="None"), "1.30", []),
        (service(type="ExternalName"), "1.30", []),
        (service(cluster_ip="fd00::1"), "1.30", ["ipv6"]),
        (service(**DUAL), "1.30", ["ipv4", "ipv6"]),
        (service(**DUAL), "1.20", ["ipv4", "ipv6"]),
        (service(**DUAL), "1.19", ["ipv4"]),
        (service(**{**DUAL, "cluster_ips": ("10.96.0.1",)}), "1.30", ["ipv4"]),
        (service(**{**DUAL, "ip_families": ("IPv6",), "cluster_ips": ("fd00::1",)}), "1.30", ["ipv6"]),
    ],
)
def test_families(of, version, expected):
    assert families(of, version) == expected


@pytest.mark.parametrize(
    ("version", "label", "count"),
    [
        ("1.14", "service.kubernetes.io/service-proxy-name", 0),
        ("1.30", "service.kubernetes.io/service-proxy-name", 0),
        ("newer", "service.kubernetes.io/service-proxy-name", 0),
        ("1.14", "service.kubernetes.io/headless", 1),
        ("1.16", "service.kubernetes.io/headless", 0),
        ("1.30", "service.kubernetes.io/headless", 0),
        ("1.30", "app.kubernetes.io/name", 1),
    ],
)
def test_services_with_some_labels_are_never_shown_to_kube_proxy(version, label, count):
    # What the label says does not matter: kube-proxy's watch asks for objects that do not have it.
    of = service(labels={label: ""})
    assert len(service_ports([of], ProxyConfig(kube_version=version))) == count


def test_cluster_ips_are_read_leniently_and_printed_canonically():
    assert read(service(cluster_ip="010.96.0.1")).service.cluster_ip == "10.96.0.1"
    assert read(service(cluster_ip="010.96.0.1"), "1.22").service.cluster_ip == "10.96.0.1/32"


@pytest.mark.parametrize(
    ("version", "ips"),
    [
        ("1.22", ("198.51.100.1/32", "198.51.100.1/32")),
        ("1.29", ("198.51.100.01", "198.51.100.1")),
        ("1.30", ("198.51.100.1", "198.51.100.1")),
    ],
)
def test_external_ips_of_this_family_in_order_with_duplicates(version, ips):
    of = service(external_ips=("198.51.100.01", "fd00::1", "nonsense", "198.51.100.1"))
    assert read(of, version).service.external_ips == ips


INGRESS = (
    IngressAddress(hostname="lb.example"),
    IngressAddress("203.0.113.1"),
    IngressAddress("203.0.113.2", ip_mode="Proxy"),
    IngressAddress("203.0.113.3", ip_mode="VIP"),
)


@pytest.mark.parametrize(
    ("version", "gates", "last_bytes"),
    [
        ("1.28", {}, "123"),
        ("1.29", {}, "123"),
        ("1.29", {"LoadBalancerIPMode": True}, "13"),
        ("1.30", {}, "13"),
        ("1.30", {"LoadBalancerIPMode": False}, "123"),
        ("newer", {"LoadBalancerIPMode": False}, "13"),
    ],
)
def test_ip_mode(version, gates, last_bytes):
    port = read(service(ingress=INGRESS), version, feature_gates=gates)
    assert "".join(vip[-1] for vip in port.service.vips) == last_bytes


@pytest.mark.parametrize(("version", "count"), [("1.17", 2), ("1.18", 1)])
def test_load_balancer_ips_of_another_family(version, count):
    of = service(ingress=(IngressAddress("203.0.113.1"), IngressAddress("2001:db8::1")))
    assert len(read(of, version).service.vips) == count


RANGES = ("172.16.5.9/20", " 10.0.0.0/8 ", "fd00::/8", "nonsense")


@pytest.mark.parametrize(
    ("version", "ranges"),
    [
        ("1.19", ("172.16.5.9/20", " 10.0.0.0/8 ", "nonsense")),
        ("1.20", ("172.16.5.9/20", "10.0.0.0/8")),
        ("1.30", ("172.16.0.0/20", "10.0.0.0/8")),
    ],
)
def test_source_ranges(version, ranges):
    assert read(service(load_balancer_source_ranges=RANGES), version).service.source_ranges == ranges


@pytest.mark.parametrize(
    ("change", "version", "local"),
    [
        ({"type": "NodePort"}, "1.14", True),
        ({"type": "LoadBalancer"}, "1.30", True),
        ({"type": "ClusterIP"}, "1.30", False),
        ({"type": "ClusterIP", "external_ips": ("fd00::1",)}, "1.28", False),
        ({"type": "ClusterIP", "external_ips": ("fd00::1",)}, "1.29", True),
        ({"type": "NodePort", "external_traffic_policy": "Cluster"}, "1.30", False),
    ],
)
def test_external_traffic_policy(change, version, local):
    of = service(**{"external_traffic_policy": "Local", **change})
    assert read(of, version).service.external_local is local


@pytest.mark.parametrize(
    ("version", "gates", "local"),
    [
        ("1.20", {"ServiceInternalTrafficPolicy": True}, False),
        ("1.21", {}, False),
        ("1.21", {"ServiceInternalTrafficPolicy": True}, True),
        ("1.22", {}, True),
        ("1.25", {"ServiceInternalTrafficPolicy": False}, False),
        ("1.26", {"ServiceInternalTrafficPolicy": False}, True),
    ],
)
def test_internal_traffic_policy(version, gates, local):
    of = service(internal_traffic_policy="Local")
    assert read(of, version, feature_gates=gates).service.internal_local is local


def test_health_check_port_needs_a_load_balancer_with_policy_local():
    of = load_balancer(external_traffic_policy="Local", health_check_node_port=31000)
    assert read(of).service.health_check_port == 31000
    assert read(attrs.evolve(of, external_traffic_policy="Cluster")).service.health_check_port == 0
    assert read(attrs.evolve(of, type="NodePort")).service.health_check_port == 0


def test_affinity():
    assert read(service()).service.affinity is None
    assert read(service(session_affinity="ClientIP", affinity_timeout=5)).service.affinity == 5


@pytest.mark.parametrize(
    ("annotations", "wanting"),
    [
        ({}, set()),
        ({HINTS_ANNOTATION: "Auto"}, {"1.24", "1.30"}),
        ({HINTS_ANNOTATION: "auto"}, {"1.24", "1.30"}),
        ({HINTS_ANNOTATION: "sometimes"}, {"1.30"}),
        ({HINTS_ANNOTATION: "disabled"}, set()),
        ({HINTS_ANNOTATION: "Disabled", MODE_ANNOTATION: "Auto"}, set()),
        ({HINTS_ANNOTATION: "", MODE_ANNOTATION: "Auto"}, set()),
        ({MODE_ANNOTATION: "Auto"}, {"1.30"}),
    ],
)
def test_annotations_that_turn_hints_on(annotations, wanting):
    versions = {v for v in ("1.24", "1.30") if wants_hints(ProxyConfig(kube_version=v).layout, annotations)}
    assert versions == wanting


def test_order_of_the_walk():
    ports = (ServicePort(2, "b"), ServicePort(1, "a", "UDP"), ServicePort(1, "a", "TCP"))
    of = [service("z"), service("a", ports=ports), service("z", namespace="alpha")]
    keys = [port.key for port in service_ports(of, ProxyConfig())]
    assert keys == [
        ("alpha", "z", "", "TCP"),
        ("default", "a", "a", "TCP"),
        ("default", "a", "a", "UDP"),
        ("default", "a", "b", "TCP"),
        ("default", "z", "", "TCP"),
    ]
    assert [port.key[1] for port in proxied_ports(of, ProxyConfig())] == ["z", "a", "a", "a", "z"]
