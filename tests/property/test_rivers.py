"""Both rivers together: what is compiled for a cluster sends packets where the cluster says."""

import attrs
from hypothesis import given, settings

from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.kube.endpoints import complete
from natc.kube.model import Cluster, Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from natc.probability import CERTAIN, total
from natc.testing import assert_fair, clusters, packets
from natc.trace import trace

OTHERS = {
    "external_traffic_policy": "Cluster",
    "internal_traffic_policy": "Cluster",
    "session_affinity": "None",
}


def plain(cluster: Cluster) -> Cluster:
    """The cluster without what makes the endpoints of a service depend on the client or the node."""
    services = [
        attrs.evolve(service, **OTHERS, annotations={}, topology_keys=()) for service in cluster.services
    ]
    return complete(attrs.evolve(cluster, services=tuple(services)))


def endpoints_of(cluster, service, port):
    """The IPv4 endpoints of a service port, each with its text."""
    return [
        (endpoint, f"{endpoint.addresses[0]}:{each.port}")
        for piece in cluster.endpoint_slices
        if (piece.namespace, piece.service, piece.address_type) == (service.namespace, service.name, "IPv4")
        for each in piece.ports
        if (each.name, each.protocol) == (port.name, port.protocol)
        for endpoint in piece.endpoints
    ]


@settings(max_examples=60, deadline=None)
@given(clusters())
def test_every_cluster_ip_is_shared_evenly_by_its_endpoints_of(cluster):
    cluster = plain(cluster)
    ruleset = compile_cluster(cluster, ProxyConfig(kube_version="1.30"))
    for service in cluster.services:
        ips = [ip for ip in service.cluster_ips if "." in ip]
        for port in service.ports:
            found = endpoints_of(cluster, service, port)
            ready = {text for endpoint, text in found if endpoint.ready is not False}
            unready = {text for endpoint, text in found if endpoint.ready is False}
            if not ips or not ready or ready & unready:  # one address twice: kube-proxy keeps either
                continue
            assert_fair(ruleset, f"{ips[0]}:{port.port}", proto=port.protocol.lower(), targets=ready)


@settings(max_examples=60, deadline=None)
@given(clusters(), packets(destinations=["10.96.0.1", "10.96.1.1", "198.51.100.1"]))
def test_the_odds_of_every_answer_are_whole(cluster, packet):
    answer = trace(compile_cluster(complete(cluster), ProxyConfig(kube_version="1.30")), packet)
    assert answer.cases
    for case in answer.cases:
        assert total(odds for odds, _ in case.outcomes) == CERTAIN


@settings(max_examples=40, deadline=None)
@given(clusters(), packets(destinations=["10.96.0.1", "10.96.1.1", "198.51.100.1"]))
def test_an_unrelated_service_changes_no_other_trace(cluster, packet):
    """A service with addresses of its own is added: what is asked of the others stays as it was."""
    cluster, config = complete(cluster), ProxyConfig(kube_version="1.30")
    added = Service(
        "other", "added", cluster_ip="10.111.222.33", cluster_ips=("10.111.222.33",), ports=(ServicePort(80),)
    )
    slices = EndpointSlice(
        "other", "added-1", "added", "IPv4", (EndpointPort(port=8080),), (Endpoint(("10.244.99.99",)),)
    )
    larger = attrs.evolve(
        cluster,
        services=(*cluster.services, added),
        endpoint_slices=(*cluster.endpoint_slices, slices),
    )
    before, after = (trace(compile_cluster(which, config), packet) for which in (cluster, larger))
    assert [(case.conditions, case.outcomes) for case in before.cases] == [
        (case.conditions, case.outcomes) for case in after.cases
    ]
