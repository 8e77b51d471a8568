"""Endpoints as the control plane works them out: from Pods, and by mirroring Endpoints."""

import pytest

from natc.kube import model
from natc.kube.endpoints import complete
from natc.kube.model import Endpoint, EndpointPort
from tests.kube.objects import cluster, endpoints, piece, pod, service

SELECTING = {"selector": {"app": "web"}}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node1", "labels": {"topology.kubernetes.io/zone": "a"}},
}


def slices(*manifests):
    return complete(cluster(*manifests)).endpoint_slices


def one_endpoint(*manifests):
    (found,) = slices(*manifests)
    (endpoint,) = found.endpoints
    return endpoint


def test_a_pod_the_selector_matches_is_an_endpoint():
    assert slices(service(**SELECTING), pod()) == (
        model.EndpointSlice(
            "default",
            "web-ipv4-0",
            "web",
            "IPv4",
            (EndpointPort("", "TCP", 80),),
            (Endpoint(("10.244.0.5",), True, True, False, "node1"),),
        ),
    )


def test_only_matching_pods_of_the_namespace_count():
    wanted = service(selector={"app": "web", "tier": "front"})
    both = {"labels": {"app": "web", "tier": "front", "more": "x"}}
    found = slices(
        wanted,
        pod("half", "10.244.0.6"),
        pod("elsewhere", "10.244.0.7", metadata={**both, "namespace": "b"}),
        pod("right", "10.244.0.8", metadata=both),
    )
    assert [each.addresses for each in found[0].endpoints] == [("10.244.0.8",)]


@pytest.mark.parametrize("spec", [{}, {"selector": {}}, {"selector": {"app": "other"}}])
def test_without_a_matching_selector_there_are_no_slices(spec):
    assert slices(service(**spec), pod()) == ()


def test_an_external_name_has_no_endpoints():
    named = service(type="ExternalName", externalName="a.b", clusterIP=None, ports=None, **SELECTING)
    assert slices(named, pod()) == ()


@pytest.mark.parametrize(
    ("ready", "deleting", "published", "conditions"),
    [
        (True, False, False, (True, True, False)),
        (False, False, False, (False, False, False)),
        (True, True, False, (False, True, True)),
        (False, True, False, (False, False, True)),
        (False, False, True, (True, False, False)),
        (True, True, True, (True, True, True)),
    ],
)
def test_conditions_follow_readiness_and_deletion(ready, deleting, published, conditions):
    meta = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {}
    endpoint = one_endpoint(
        service(publishNotReadyAddresses=published, **SELECTING), pod(ready=ready, metadata=meta)
    )
    assert (endpoint.ready, endpoint.serving, endpoint.terminating) == conditions


@pytest.mark.parametrize(
    "status", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"podIP": None}, {"podIP": ""}]
)
def test_pods_that_are_done_or_have_no_address_are_no_endpoints(status):
    assert slices(service(**SELECTING), pod(status=status)) == ()


def test_a_named_target_port_is_the_containers():
    named = service(ports=[{"port": 80, "targetPort": "http"}], **SELECTING)
    assert slices(named, pod())[0].ports == (EndpointPort("", "TCP", 8080),)


def test_a_named_target_port_needs_its_protocol_and_leaves_the_port_out_otherwise():
    two = [
        {"name": "a", "port": 80, "targetPort": "http"},
        {"name": "b", "port": 81, "targetPort": "http", "protocol": "UDP"},
    ]
    assert slices(service(ports=two, **SELECTING), pod())[0].ports == (EndpointPort("a", "TCP", 8080),)


def test_sidecars_declare_ports_too_and_containers_come_first():
    def port(name, number):
        return {"ports": [{"name": name, "containerPort": number}]}

    spec = {
        "containers": [port("http", 1), port("http", 2)],
        "initContainers": [port("init", 3), {**port("side", 4), "restartPolicy": "Always"}],
    }
    for name, number in (("http", 1), ("side", 4)):
        named = service(ports=[{"port": 80, "targetPort": name}], **SELECTING)
        assert slices(named, pod(spec=spec))[0].ports == (EndpointPort("", "TCP", number),)
    assert (
        slices(service(ports=[{"port": 80, "targetPort": "init"}], **SELECTING), pod(spec=spec))[0].ports
        == ()
    )


def test_pods_whose_ports_differ_are_in_different_slices():
    other = {"containers": [{"ports": [{"name": "http", "containerPort": 9090}]}]}
    named = service(ports=[{"port": 80, "targetPort": "http"}], **SELECTING)
    found = slices(named, pod("a", "10.244.0.5"), pod("b", "10.244.0.6", spec=other), pod("c", "10.244.0.7"))
    assert [(each.ports[0].port, len(each.endpoints)) for each in found] == [(8080, 2), (9090, 1)]


def test_each_family_of_the_service_has_its_slice():
    ips = {"podIPs": [{"ip": "10.244.0.5"}, {"ip": "fd00::5"}]}
    dual = service(clusterIPs=["10.96.0.1", "fd00:1::1"], **SELECTING)
    found = slices(dual, pod(status=ips))
    assert [(each.address_type, each.endpoints[0].addresses) for each in found] == [
        ("IPv4", ("10.244.0.5",)),
        ("IPv6", ("fd00::5",)),
    ]
    assert [each.address_type for each in slices(service(**SELECTING), pod(status=ips))] == ["IPv4"]


@pytest.mark.parametrize(
    ("distribution", "hints"),
    [
        (None, ((), ())),
        ("PreferClose", (("a",), ())),
        ("PreferSameZone", (("a",), ())),
        ("PreferSameNode", (("a",), ("node1",))),
    ],
)
def test_traffic_distribution_becomes_hints(distribution, hints):
    endpoint = one_endpoint(NODE, service(trafficDistribution=distribution, **SELECTING), pod())
    assert (endpoint.zone_hints, endpoint.node_hints) == hints


def test_a_pod_named_by_its_service_keeps_its_host_name():
    spec = {"hostname": "web-0", "subdomain": "web"}
    assert one_endpoint(service(**SELECTING), pod(spec=spec)).hostname == "web-0"
    assert one_endpoint(service(**SELECTING), pod(spec={**spec, "subdomain": "x"})).hostname == ""


def test_slices_that_are_given_win_and_it_is_said():
    given = cluster(
        service(**SELECTING), service(name="b", clusterIP="None", **SELECTING), piece(), pod(ip="10.244.9.9")
    )
    found = complete(given)
    assert found.endpoint_slices[0] == given.endpoint_slices[0]
    assert [each.service for each in found.endpoint_slices] == ["web", "b"]
    assert found.notes == (
        "Endpoints of Service default/web are taken as given, not worked out from the Pods that are given too.",
    )


def test_endpoints_that_are_given_win_over_pods_and_are_mirrored():
    subset = {
        "addresses": [{"ip": "10.244.0.5", "nodeName": "node1"}, {"ip": "fd00::5"}],
        "notReadyAddresses": [{"ip": "10.244.0.6"}],
        "ports": [{"name": "a", "port": 8080}],
    }
    found = complete(cluster(service(**SELECTING), endpoints(subset), pod(ip="10.244.9.9")))
    ports = (EndpointPort("a", "TCP", 8080),)
    four = (Endpoint(("10.244.0.5",), True, node_name="node1"), Endpoint(("10.244.0.6",), False))
    assert found.endpoint_slices == (
        model.EndpointSlice("default", "web-ipv4-0", "web", "IPv4", ports, four),
        model.EndpointSlice("default", "web-ipv6-0", "web", "IPv6", ports, (Endpoint(("fd00::5",), True),)),
    )
    assert len(found.notes) == 1
    assert len(found.endpoints) == 1


def labelled(**labels):
    subset = {"addresses": [{"ip": "10.244.0.9"}], "ports": [{"port": 1}]}
    manifest = endpoints(subset)
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels}}


@pytest.mark.parametrize(("value", "count"), [("true", 0), ("false", 1), ("", 1)])
def test_a_label_keeps_endpoints_from_being_mirrored(value, count):
    given = labelled(**{"endpointslice.kubernetes.io/skip-mirror": value})
    assert len(complete(cluster(service(), given)).endpoint_slices) == count


def test_mirrored_slices_are_as_hidden_as_their_endpoints():
    given = cluster(service(), labelled(**{"service.kubernetes.io/service-proxy-name": "other", "a": "b"}))
    (made,) = complete(given).endpoint_slices
    assert made.hiding_labels == ("service.kubernetes.io/service-proxy-name",)


def test_endpoints_are_not_mirrored_where_there_are_slices():
    given = cluster(
        service(), piece(), endpoints({"addresses": [{"ip": "10.244.0.9"}], "ports": [{"port": 1}]})
    )
    assert complete(given) == given


def test_a_cluster_with_nothing_to_work_out_is_itself():
    given = cluster(service(**SELECTING), piece())
    assert complete(given) is given


def test_many_services_and_pods_are_matched_quickly():
    pods = tuple(
        model.Pod("default", f"p{n}", {"app": f"a{n}", "all": "x"}, ("10.0.0.1",)) for n in range(3000)
    )
    services = tuple(
        model.Service(
            "default",
            f"s{n}",
            cluster_ip="None",
            ports=(model.ServicePort(80),),
            selector={"all": "x", "app": f"a{n}"},
        )
        for n in range(3000)
    )
    found = complete(model.Cluster(services=services, pods=pods))
    assert len(found.endpoint_slices) == 3000


def test_services_that_select_pods_where_nothing_is_given_are_named():
    alone = complete(cluster(service(**SELECTING)))
    assert not alone.endpoint_slices
    assert alone.notes == (
        "Service default/web selects Pods, but no Pods, EndpointSlices or Endpoints are given: "
        "no endpoints, as far as natc can tell.",
    )
    both = complete(cluster(service(**SELECTING), service(name="b", clusterIP="None", **SELECTING)))
    assert both.notes[0].startswith("Service default/web and 1 more select Pods, but ")
    scaled_to_zero = cluster(service(**SELECTING), {**pod(), "status": {}})
    assert complete(scaled_to_zero) is scaled_to_zero
