"""Which endpoints a service port has (layout section 1, history D)."""

import attrs
import pytest

from natc.compile import ProxyConfig
from natc.compile.endpoints import EndpointIndex
from natc.compile.service_ports import service_ports
from natc.kube.model import EndpointPort, Endpoints, EndpointSubset, ServicePort
from tests.compile.objects import cluster, endpoint, piece, service


def found(of, version="1.30", **settings):
    config = ProxyConfig(kube_version=version, **settings)
    index = EndpointIndex(of, config)
    return [endpoint for port in service_ports(of.services, config) for endpoint in index.of(port)]


def texts(of, version="1.30", **settings):
    return [endpoint.text for endpoint in found(of, version, **settings)]


def test_sorted_by_text_as_byte_strings():
    of = cluster(service(), piece(endpoint("10.0.0.9"), endpoint("10.0.0.10")))
    assert texts(of) == ["10.0.0.10:8080", "10.0.0.9:8080"]


def test_versions_that_read_endpoints_take_slices_in_the_order_the_controller_writes_endpoints_in():
    of = cluster(service(), piece(endpoint("10.0.0.10"), endpoint("10.0.0.9"), endpoint("10.0.0.1")))
    assert texts(of, "1.18") == ["10.0.0.1:8080", "10.0.0.10:8080", "10.0.0.9:8080"]
    assert texts(of, "1.19") == ["10.0.0.10:8080", "10.0.0.1:8080", "10.0.0.9:8080"]


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({}, True),
        ({"address_type": "FQDN"}, False),
        ({"service": ""}, False),
        ({"service": "other"}, False),
        ({"namespace": "other"}, False),
        ({"ports": (EndpointPort("", "UDP", 8080),)}, False),
        ({"ports": (EndpointPort("http", "TCP", 8080),)}, False),
        ({"ports": (EndpointPort("", "TCP", None),)}, False),
        ({"ports": (EndpointPort("", "TCP", 0),)}, False),
        ({"endpoints": (attrs.evolve(endpoint(), addresses=()),)}, False),
        ({"endpoints": (endpoint("fd00::1"),)}, False),
        ({"endpoints": (endpoint("nonsense"),)}, False),
    ],
)
def test_what_a_slice_gives(change, there):
    assert bool(texts(cluster(service(), attrs.evolve(piece(endpoint()), **change)))) is there


def test_only_the_first_address_counts():
    two = attrs.evolve(endpoint(), addresses=("10.0.0.1", "10.0.0.2"))
    assert texts(cluster(service(), piece(two))) == ["10.0.0.1:8080"]


def test_addresses_stay_as_written_until_newer_versions_canonicalise_them():
    of = cluster(service(cluster_ip="fd00::a"), piece(endpoint("FD00:0::5"), family="IPv6"))
    (before,) = found(of, "1.30", ip_family="ipv6")
    (after,) = found(of, "newer", ip_family="ipv6")
    assert (before.text, before.source) == ("[FD00:0::5]:8080", "FD00:0::5")
    assert (after.text, after.source) == ("[fd00::5]:8080", "fd00::5")


def test_a_mapped_address_is_ipv4_and_stands_in_brackets_as_long_as_it_stays_as_written():
    # Go's net.JoinHostPort asks for a colon, not for the family; asked of 1.28.3 and 1.30.5 themselves.
    of = cluster(service(), piece(endpoint("::ffff:10.0.0.1")))
    assert texts(of, "1.30") == ["[::ffff:10.0.0.1]:8080"]
    assert texts(of, "newer") == ["10.0.0.1:8080"]


@pytest.mark.parametrize(
    ("version", "source"), [("1.22", "fd00::5/128"), ("1.28", "fd00::5"), ("1.29", "FD00:0::5")]
)
def test_spelling_of_the_hairpin_source(version, source):
    of = cluster(service(cluster_ip="fd00::a"), piece(endpoint("FD00:0::5"), family="IPv6"))
    assert [e.source for e in found(of, version, ip_family="ipv6")] == [source]


TWO_PORTS = (piece(endpoint("10.0.0.1"), name="a"), piece(endpoint("10.0.0.1"), name="b", port=9090))


@pytest.mark.parametrize(("version", "count"), [("1.19", 1), ("1.21", 1), ("1.22", 2), ("1.30", 2)])
def test_duplicates_are_told_by_ip_alone_up_to_1_21(version, count):
    assert len(texts(cluster(service(), *TWO_PORTS), version)) == count


@pytest.mark.parametrize("version", ["1.20", "1.22", "1.30"])
def test_a_local_duplicate_wins(version):
    away, here = endpoint(node_name="node2"), endpoint(node_name="node1")
    for order in ((away, here), (here, away)):
        (only,) = found(cluster(service(), piece(*order)), version, hostname_override="node1")
        assert only.local


def test_newer_prefers_the_duplicate_that_is_not_terminating():
    leaving, staying = endpoint(terminating=True, node_name="node1"), endpoint(ready=True)
    for order in ((leaving, staying), (staying, leaving)):
        (only,) = found(cluster(service(), piece(*order)), "newer", hostname_override="node1")
        assert not only.draining


@pytest.mark.parametrize(("version", "last"), [("1.30", False), ("1.35", False), ("1.36", True)])
def test_of_several_steady_duplicates_the_newest_versions_take_the_last(version, last):
    # kubernetes PR 135593: what is not terminating always takes the place of what was there.
    first, second = endpoint(ready=True), endpoint(ready=False)
    for order in ((first, second), (second, first)):
        (only,) = found(cluster(service(), piece(*order)), version)
        assert only.origin is order[-1 if last else 0]


def test_a_local_duplicate_wins_in_1_35_though_it_is_leaving():
    leaving, staying = endpoint(terminating=True, node_name="node1"), endpoint(ready=True)
    (only,) = found(cluster(service(), piece(staying, leaving)), "1.35", hostname_override="node1")
    assert only.local


def test_the_first_slice_by_name_gives_the_duplicate():
    first, second = piece(endpoint(ready=True), name="a"), piece(endpoint(ready=False), name="b")
    for order in ((first, second), (second, first)):
        (only,) = found(cluster(service(), *order))
        assert only.ready


@pytest.mark.parametrize(("version", "count"), [("1.19", 1), ("1.20", 1), ("1.21", 2), ("1.30", 2)])
def test_unready_endpoints_are_known_from_1_21(version, count):
    of = cluster(service(), piece(endpoint("10.0.0.1"), endpoint("10.0.0.2", ready=False)))
    assert len(texts(of, version)) == count


def test_conditions_that_are_not_given():
    (only,) = found(cluster(service(), piece(endpoint(terminating=True))))
    assert only.ready
    assert only.draining


@pytest.mark.parametrize(
    ("given", "host", "local"),
    [
        ({"node_name": "node1"}, "NODE1", True),
        ({"node_name": "node2"}, "node1", False),
        ({"topology": {"kubernetes.io/hostname": "node1"}}, "node1", True),
        ({}, "", False),
    ],
)
def test_local_means_on_this_node(given, host, local):
    (only,) = found(cluster(service(), piece(endpoint(**given))), hostname_override=host)
    assert only.local is local


OLD = Endpoints(
    "default",
    "web",
    (
        EndpointSubset(
            (endpoint("10.0.0.9"), endpoint("10.0.0.1")), (endpoint("10.0.0.2"),), (EndpointPort(port=80),)
        ),
        EndpointSubset((endpoint("10.0.0.9"),), (), (EndpointPort(port=80), EndpointPort("x", port=81))),
    ),
)


@pytest.mark.parametrize(
    ("version", "gates"),
    [("1.14", {}), ("1.17", {}), ("1.18", {}), ("1.19", {"EndpointSliceProxying": False})],
)
def test_endpoints_objects_are_kept_as_they_are(version, gates):
    of = cluster(service(), piece(endpoint("10.9.9.9")), endpoints=[OLD])
    assert texts(of, version, feature_gates=gates) == ["10.0.0.9:80", "10.0.0.1:80", "10.0.0.9:80"]


@pytest.mark.parametrize(
    ("version", "gates"),
    [
        ("1.17", {"EndpointSlice": True}),
        ("1.18", {"EndpointSliceProxying": True}),
        ("1.19", {}),
        ("1.22", {}),
    ],
)
def test_versions_that_read_slices(version, gates):
    of = cluster(service(), piece(endpoint("10.9.9.9")), endpoints=[OLD])
    assert texts(of, version, feature_gates=gates) == ["10.9.9.9:8080"]


def test_slices_stand_in_for_endpoints_that_are_not_there():
    assert texts(cluster(service(), piece(endpoint())), "1.14") == ["10.244.0.5:8080"]


@pytest.mark.parametrize(("version", "count"), [("1.16", 1), ("1.17", 0)])
def test_the_protocol_tells_ports_apart_from_1_17(version, count):
    udp = attrs.evolve(piece(endpoint()), ports=(EndpointPort("", "UDP", 53),))
    of = cluster(service(ports=(ServicePort(53, protocol="TCP"),)), udp)
    assert len(texts(of, version)) == count


@pytest.mark.parametrize("version", ["1.18", "1.19", "newer"])
def test_endpoints_with_some_labels_are_never_shown_to_kube_proxy(version):
    labels = ("service.kubernetes.io/headless",)
    seen, unseen = (
        piece(endpoint()),
        attrs.evolve(piece(endpoint("10.244.0.6"), name="x"), hiding_labels=labels),
    )
    assert texts(cluster(service(), seen, unseen), version) == ["10.244.0.5:8080"]


def test_unseen_endpoints_of_1_18_are_no_reason_to_look_at_slices():
    subset = EndpointSubset((endpoint("10.244.0.6"),), (), (EndpointPort(port=8080),))
    unseen = Endpoints("default", "web", (subset,), ("service.kubernetes.io/service-proxy-name",))
    of = cluster(service(), piece(endpoint()), endpoints=[unseen])
    assert texts(of, "1.18") == []
    assert texts(of, "1.19") == ["10.244.0.5:8080"]
