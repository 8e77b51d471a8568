"""What only one object can have is refused to the second; what can exist is taken, odd as it is."""

import json

import pytest

from natc.errors import NatcError
from tests.kube.objects import cluster, piece, service


def ports(*several):
    return {"ports": list(several)}


TWICE = [
    (
        [service(), service(name="b", clusterIP="010.96.0.1")],
        "Service default/b: clusterIP 010.96.0.1 belongs to Service default/web at",
    ),
    (
        [service(clusterIP="fd00::1"), service(name="b", clusterIP="FD00:0::1")],
        "Service default/b: clusterIP FD00:0::1 belongs to Service default/web at",
    ),
    (
        [
            service(type="NodePort", **ports({"port": 1, "nodePort": 30000})),
            service(name="b", clusterIP="10.96.0.2", type="NodePort", **ports({"port": 2, "nodePort": 30000})),
        ],
        "Service default/b: node port 30000/TCP belongs to Service default/web at",
    ),
    (
        [
            service(type="NodePort", **ports({"port": 1, "nodePort": 30000})),
            service(
                name="b", clusterIP="10.96.0.2", type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=30000
            ),
        ],
        "Service default/b: node port 30000/TCP belongs to Service default/web at",
    ),
    ([piece(), piece()], "EndpointSlice default/web-abcde is given twice, first at"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("manifests", "message"), TWICE, ids=lambda case: case if isinstance(case, str) else ""
)
def test_what_only_one_object_can_have_is_refused_to_the_second(manifests, message):
    with pytest.raises(NatcError) as caught:
        cluster(*manifests)
    assert message in str(caught.value)
    assert caught.value.span.line == len(json.dumps(manifests[0]).split("\n")) + 1


ACCEPTED = {
    "headless without ports": service(clusterIP="None", ports=None),
    "an external name": service(type="ExternalName", externalName="foo.bar.example.com.", clusterIP=None, ports=None),
    "a node port outside the default range": service(type="NodePort", **ports({"port": 1, "nodePort": 80})),
    "one node port for two protocols": service(
        type="NodePort",
        **ports({"port": 1, "nodePort": 30000}, {"name": "u", "port": 1, "nodePort": 30000, "protocol": "UDP"}),
    ),
    "a balancer without node ports": service(type="LoadBalancer", allocateLoadBalancerNodePorts=False),
    "a status left over": service(status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
    "leading zeros": service(clusterIP="010.096.000.001"),
    "a second family whose address is not known": service(ipFamilies=["IPv4", "IPv6"]),
    "whole numbers written as fractions": service(**ports({"port": 80.0, "targetPort": 1e3})),
    "nulls": service(**ports({"port": 80, "name": None, "nodePort": None, "protocol": None, "targetPort": None})),
    "a slice of no service": piece(metadata={"name": "x"}),
    "a slice port without number": piece(ports=[{"port": None}]),
    "the address type of v1beta1": piece(addressType="IP", apiVersion="discovery.k8s.io/v1beta1"),
    "Endpoints without subsets": {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a.b"}},
}  # fmt: skip


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_what_can_exist_is_taken(manifest):
    found = cluster(manifest)
    assert len(found.services) + len(found.endpoint_slices) + len(found.endpoints) == 1


def test_whole_numbers_written_as_fractions_become_numbers():
    port = cluster(ACCEPTED["whole numbers written as fractions"]).services[0].ports[0]
    assert (port.port, port.target_port) == (80, 1000)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (service(clusterIP=["10.96.0.1"]), "spec.clusterIP is a list (expected a string)"),
        ({**service(), "spec": "x"}, 'spec is the string "x" (expected an object)'),
        (piece(endpoints=["10.0.0.1"]), 'endpoints[0] is the string "10.0.0.1" (expected an object)'),
    ],
)
def test_what_follows_from_a_wrong_type_is_not_said(manifest, message):
    with pytest.raises(NatcError) as caught:
        cluster(manifest)
    assert str(caught.value).endswith(message)
