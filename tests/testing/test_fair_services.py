"""Every service that natc compiles is fair: under every version's layout, every traffic policy, affinity."""

from itertools import product

import pytest

from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.compile.layouts import find_version
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    IngressAddress,
    Service,
    ServicePort,
)
from natc.testing import assert_fair
from natc.testing.fairness import EXACT
from tests.property.test_compile import VERSIONS

NODE_IP = "192.168.7.3"
#: How many endpoints, the external and the internal traffic policy, session affinity.
KINDS = list(product((1, 3, 7), ("Cluster", "Local"), ("Cluster", "Local"), ("None", "ClientIP")))


def service(number):
    _, external, internal, affinity = KINDS[number]
    return Service(
        "default",
        f"svc-{number}",
        "LoadBalancer",
        f"10.96.0.{number + 1}",
        (f"10.96.0.{number + 1}",),
        ("IPv4",),
        (ServicePort(80, "", "TCP", 30000 + number, 8080),),
        external_ips=(f"198.51.100.{number + 1}",),
        ingress=(IngressAddress(f"203.0.113.{number + 1}"),),
        external_traffic_policy=external,
        internal_traffic_policy=internal,
        session_affinity=affinity,
        health_check_node_port=31000 + number if external == "Local" else 0,
    )


def targets(number):
    return [f"10.244.{number}.{n + 1}" for n in range(KINDS[number][0])]


def cluster():
    """One service of each kind; every other endpoint is on the node."""
    slices = [
        EndpointSlice(
            "default", f"svc-{number}-a", f"svc-{number}", "IPv4", (EndpointPort("", "TCP", 8080),),
            tuple(Endpoint((ip,), True, True, False, ("node1", "node2")[n % 2]) for n, ip in enumerate(targets(number))),
        )
        for number in range(len(KINDS))
    ]  # fmt: skip
    return Cluster(tuple(map(service, range(len(KINDS)))), tuple(slices))


def bound_of(version):
    """How far a part may be from 1/n.

    Chances were written with five digits up to 1.16: each is off by half of the last, a part by two such.
    """
    digits = find_version(version).layout.probability_digits
    return EXACT if digits >= 10 else 10.0**-digits + EXACT


@pytest.mark.parametrize("version", VERSIONS)
def test_every_service_is_fair(version):
    config = ProxyConfig(
        kube_version=version,
        cluster_cidr="10.244.0.0/16",
        hostname_override="node1",
        node_ip=NODE_IP,
        with_kubelet=True,
    )
    ruleset = compile_cluster(cluster(), config)
    for number, (_, external, internal, affinity) in enumerate(KINDS):
        one = service(number)
        destinations = [f"{one.cluster_ip}:80", f"{one.external_ips[0]}:80", f"{one.ingress[0].ip}:80",
                        f"{NODE_IP}:{one.ports[0].node_port}"]  # fmt: skip
        everywhere = "Local" not in (external, internal)
        wanted = [f"{ip}:8080" for ip in targets(number)] if everywhere else None
        for dst in destinations:
            assert_fair(
                ruleset,
                dst,
                node_ips=[NODE_IP],
                targets=wanted,
                affinity=affinity == "ClientIP",
                within=bound_of(version),
            )
