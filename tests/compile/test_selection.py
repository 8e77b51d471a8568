"""Which endpoints are used, version by version (layout sections 2 and 12, history D)."""

import pytest

from natc.kube.model import Node
from tests.compile.objects import cluster, endpoint, load_balancer, node, piece, rules, service, targets

READY, UNREADY = "10.0.0.1", "10.0.0.2"
LEAVING_HERE, LEAVING_AWAY = "10.0.0.3", "10.0.0.4"


def ip(target):
    return target.rpartition(":")[0]


def chosen(of, chain="KUBE-SVC-", version="1.30", **settings):
    settings = {"hostname_override": "node1", "node_ip": "192.168.7.3", **settings}
    return {ip(target) for target in targets(of, chain, version, **settings)}


def leaving(address, **more):
    return endpoint(address, ready=False, serving=True, terminating=True, **more)


# ---- terminating endpoints

ONLY_LEAVING = piece(leaving(LEAVING_HERE, node_name="node1"), leaving(LEAVING_AWAY, node_name="node2"))


@pytest.mark.parametrize(
    ("version", "gates", "used"),
    [
        ("1.21", {}, set()),
        ("1.24", {}, set()),
        ("1.24", {"ProxyTerminatingEndpoints": True}, {LEAVING_HERE, LEAVING_AWAY}),
        ("1.25", {"ProxyTerminatingEndpoints": True}, {LEAVING_HERE, LEAVING_AWAY}),
        ("1.26", {}, {LEAVING_HERE, LEAVING_AWAY}),
        ("1.26", {"ProxyTerminatingEndpoints": False}, set()),
        ("1.28", {"ProxyTerminatingEndpoints": False}, {LEAVING_HERE, LEAVING_AWAY}),
        ("newer", {}, {LEAVING_HERE, LEAVING_AWAY}),
    ],
)
def test_without_ready_endpoints_the_draining_ones_serve(version, gates, used):
    of = cluster(service(), ONLY_LEAVING)
    assert chosen(of, version=version, feature_gates=gates) == used
    assert bool(rules(of, "-j REJECT", version, feature_gates=gates)) is not bool(used)


def test_a_ready_endpoint_anywhere_ends_the_fallback():
    of = cluster(
        service(), piece(endpoint(READY, node_name="node2"), leaving(LEAVING_HERE, node_name="node1"))
    )
    assert chosen(of) == {READY}


@pytest.mark.parametrize(
    ("version", "chain", "gates", "used"),
    [
        ("1.22", "KUBE-XLB-", {}, set()),
        ("1.22", "KUBE-XLB-", {"ProxyTerminatingEndpoints": True}, {LEAVING_HERE}),
        ("1.23", "KUBE-XLB-", {"ProxyTerminatingEndpoints": True}, {LEAVING_HERE}),
        ("1.24", "KUBE-SVL-", {}, set()),
        ("1.30", "KUBE-SVL-", {}, {LEAVING_HERE}),
    ],
)
def test_policy_local_falls_back_to_draining_local_endpoints(version, chain, gates, used):
    of = cluster(
        load_balancer(external_traffic_policy="Local"),
        piece(endpoint(READY, node_name="node2"), leaving(LEAVING_HERE, node_name="node1")),
    )
    assert chosen(of, chain, version, feature_gates=gates) == used
    assert chosen(of, "KUBE-SVC-", version, feature_gates=gates) == {READY}


def test_1_22_0_gives_unready_endpoints_chains_but_no_balancing_rule():
    of = cluster(service(session_affinity="ClientIP"), piece(endpoint(READY), endpoint(UNREADY, ready=False)))
    assert chosen(of, version="1.22.0") == {READY}
    assert len(rules(of, "--rcheck", "1.22.0")) == 2
    assert len(rules(of, "-j DNAT", "1.22.0")) == 2
    only_unready = cluster(service(), piece(endpoint(UNREADY, ready=False)))
    assert not rules(only_unready, "REJECT", "1.22.0")
    assert rules(only_unready, "REJECT", "1.22.5")
    assert rules(only_unready, "REJECT", "1.23")


def test_1_23_counts_draining_endpoints_of_local_services_only():
    gates = {"ProxyTerminatingEndpoints": True}
    away = piece(leaving(LEAVING_AWAY, node_name="node2"))
    local = cluster(load_balancer(external_traffic_policy="Local"), away)
    assert not rules(local, "REJECT", "1.23", feature_gates=gates)
    assert rules(local, "has no local endpoints", "1.23", feature_gates=gates)
    assert rules(cluster(load_balancer(), away), "REJECT", "1.23", feature_gates=gates)


# ---- internal traffic policy

SPREAD = piece(endpoint("10.0.0.1", node_name="node1"), endpoint("10.0.0.2", node_name="node2"))


@pytest.mark.parametrize(("version", "used"), [("1.21", {"10.0.0.1", "10.0.0.2"}), ("1.22", {"10.0.0.1"})])
def test_internal_policy_cuts_the_whole_list_down_up_to_1_23(version, used):
    of = cluster(service(internal_traffic_policy="Local", type="NodePort", node_port=30000), SPREAD)
    assert chosen(of, version=version) == used


def test_internal_policy_is_ignored_beside_external_policy_local_up_to_1_23():
    of = cluster(load_balancer(internal_traffic_policy="Local", external_traffic_policy="Local"), SPREAD)
    assert chosen(of, "KUBE-SVC-", "1.23") == {"10.0.0.1", "10.0.0.2"}
    assert chosen(of, "KUBE-XLB-", "1.23") == {"10.0.0.1"}


def test_internal_policy_without_external_access_uses_local_endpoints_alone():
    of = cluster(service(internal_traffic_policy="Local"), SPREAD)
    assert chosen(of, "KUBE-SVL-") == {"10.0.0.1"}
    assert chosen(of, "KUBE-SVC-") == set()
    assert len(rules(of, "-j DNAT", hostname_override="node1")) == 1


# ---- topology hints

HINTED = piece(endpoint("10.0.0.1", zone_hints=("a",)), endpoint("10.0.0.2", zone_hints=("b",)))
AUTO = {"service.kubernetes.io/topology-aware-hints": "Auto"}


@pytest.mark.parametrize(
    ("version", "gates", "annotations", "used"),
    [
        ("1.20", {"TopologyAwareHints": True}, AUTO, "12"),
        ("1.21", {}, AUTO, "12"),
        ("1.21", {"TopologyAwareHints": True}, AUTO, "1"),
        ("1.23", {"TopologyAwareHints": True}, AUTO, "1"),
        ("1.24", {}, AUTO, "1"),
        ("1.30", {}, AUTO, "1"),
        ("1.30", {}, {}, "12"),
        ("1.30", {"TopologyAwareHints": False}, AUTO, "12"),
        # Without the first gate nothing reads hints, whatever the second says; asked of 1.30.5 itself.
        ("1.30", {"TopologyAwareHints": False, "ServiceTrafficDistribution": True}, AUTO, "12"),
        ("1.30", {"ServiceTrafficDistribution": True}, {}, "1"),
        ("1.31", {}, {}, "1"),
        ("1.32", {"ServiceTrafficDistribution": False}, {}, "12"),
        ("1.32", {"ServiceTrafficDistribution": False}, AUTO, "1"),
        ("1.32", {"TopologyAwareHints": False}, AUTO, "12"),
        ("1.33", {"TopologyAwareHints": False, "ServiceTrafficDistribution": False}, {}, "1"),
        ("newer", {}, {}, "1"),
    ],
)
def test_zone_hints(version, gates, annotations, used):
    of = cluster(service(annotations=annotations), HINTED, nodes=[node(zone="a")])
    assert {address[-1] for address in chosen(of, version=version, feature_gates=gates)} == set(used)


@pytest.mark.parametrize(
    ("endpoints", "zone"),
    [
        ((endpoint("10.0.0.1", zone_hints=("a",)), endpoint("10.0.0.2")), "a"),
        ((endpoint("10.0.0.1", zone_hints=("b",)), endpoint("10.0.0.2", zone_hints=("b",))), "a"),
        ((endpoint("10.0.0.1", zone_hints=("a",)), endpoint("10.0.0.2", zone_hints=("b",))), ""),
    ],
)
@pytest.mark.parametrize("version", ["1.24", "1.30", "newer"])
def test_hints_that_cannot_be_followed(version, endpoints, zone):
    of = cluster(service(annotations=AUTO), piece(*endpoints), nodes=[node(zone=zone)])
    assert chosen(of, version=version) == {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(("version", "used"), [("1.22.5", "12"), ("1.23", "1"), ("1.24", "1")])
def test_hints_of_unready_endpoints_matter_up_to_1_22(version, used):
    of = cluster(
        service(annotations=AUTO),
        piece(
            endpoint("10.0.0.1", zone_hints=("a",)),
            endpoint("10.0.0.2", zone_hints=("b",)),
            endpoint("10.0.0.3", ready=False),
        ),
        nodes=[node(zone="a")],
    )
    gates = {"TopologyAwareHints": True}
    assert {address[-1] for address in chosen(of, version=version, feature_gates=gates)} == set(used)


def test_hints_leave_local_endpoints_reachable():
    here = endpoint("10.0.0.2", zone_hints=("b",), node_name="node1")
    of = cluster(
        load_balancer(external_traffic_policy="Local", annotations=AUTO),
        piece(endpoint("10.0.0.1", zone_hints=("a",)), here),
        nodes=[node(zone="a")],
    )
    assert chosen(of, "KUBE-SVC-") == {"10.0.0.1"}
    assert chosen(of, "KUBE-SVL-") == {"10.0.0.2"}


NODE_HINTED = piece(
    endpoint("10.0.0.1", node_hints=("node1",), zone_hints=("a",)),
    endpoint("10.0.0.2", node_hints=("node2",), zone_hints=("a",)),
    endpoint("10.0.0.3", node_hints=("node3",), zone_hints=("b",)),
)


@pytest.mark.parametrize(
    ("version", "gates", "used"),
    [
        ("1.32", {"PreferSameTrafficDistribution": True}, "12"),
        ("1.33", {}, "12"),
        ("1.33", {"PreferSameTrafficDistribution": True}, "1"),
        ("1.34", {}, "1"),
        ("1.34", {"PreferSameTrafficDistribution": False}, "12"),
        ("1.35", {"PreferSameTrafficDistribution": False}, "1"),
    ],
)
def test_node_hints_come_before_zone_hints(version, gates, used):
    of = cluster(service(), NODE_HINTED, nodes=[node(zone="a")])
    assert {address[-1] for address in chosen(of, version=version, feature_gates=gates)} == set(used)


def test_node_hints_without_this_node_leave_zone_hints():
    of = cluster(service(), NODE_HINTED, nodes=[node("node9", zone="b")])
    assert chosen(of, version="newer", hostname_override="node9") == {"10.0.0.3"}


# ---- topologyKeys

ZONE, REGION, HOST = "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "kubernetes.io/hostname"
NODES = [
    Node("node1", {HOST: "node1", ZONE: "a", REGION: "r"}),
    Node("node2", {HOST: "node2", ZONE: "a", REGION: "r"}),
    Node("node3", {HOST: "node3", ZONE: "b", REGION: "r"}),
    Node("node4", {HOST: "node4", ZONE: "c", REGION: "s"}),
]
ON_NODES = piece(*(endpoint(f"10.0.0.{n}", node_name=f"node{n}") for n in (1, 2, 3, 4)))
GATES = {"ServiceTopology": True, "EndpointSliceProxying": True, "EndpointSlice": True}


@pytest.mark.parametrize(
    ("keys", "used"),
    [
        ((), "1234"),
        ((HOST,), "1"),
        ((ZONE,), "12"),
        ((REGION,), "123"),
        (("*",), "1234"),
        (("example.com/rack", ZONE), "12"),
        (("example.com/rack",), ""),
        (("example.com/rack", "*"), "1234"),
    ],
)
@pytest.mark.parametrize("version", ["1.17", "1.18", "1.19", "1.20", "1.21"])
def test_topology_keys_in_order(version, keys, used):
    of = cluster(service(topology_keys=keys), ON_NODES, nodes=NODES)
    assert {a[-1] for a in chosen(of, version=version, feature_gates=GATES)} == set(used)


@pytest.mark.parametrize(
    ("version", "gates"),
    [
        ("1.16", GATES),
        ("1.18", {}),
        ("1.18", {"ServiceTopology": True}),
        ("1.21", {}),
        ("1.21", {"ServiceTopology": True, "EndpointSliceProxying": False}),
        ("1.22", GATES),
        ("1.30", GATES),
    ],
)
def test_topology_keys_need_their_gates(version, gates):
    of = cluster(service(topology_keys=(HOST,)), ON_NODES, nodes=NODES)
    assert len(chosen(of, version=version, feature_gates=gates)) == 4


def test_topology_keys_without_labels_of_this_node():
    for keys, count in (((HOST,), 0), ((HOST, "*"), 4)):
        of = cluster(service(topology_keys=keys), ON_NODES)
        assert len(chosen(of, version="1.21", feature_gates=GATES)) == count


def test_topology_keys_fall_through_a_key_only_other_nodes_share():
    of = cluster(
        service(topology_keys=(HOST, ZONE)), piece(endpoint("10.0.0.2", node_name="node2")), nodes=NODES
    )
    assert chosen(of, version="1.21", feature_gates=GATES) == {"10.0.0.2"}


def test_a_slice_may_say_its_topology_itself():
    told = endpoint("10.0.0.9", topology={ZONE: "a", "example.com/rack": "r1"}, node_name="node4")
    nodes = [Node("node1", {ZONE: "a", "example.com/rack": "r1"}), NODES[3]]
    for key in (ZONE, "example.com/rack"):
        of = cluster(service(topology_keys=(key,)), piece(told), nodes=nodes)
        assert chosen(of, version="1.21", feature_gates=GATES) == {"10.0.0.9"}


def test_topology_keys_do_not_touch_external_policy_local():
    of = cluster(load_balancer(external_traffic_policy="Local", topology_keys=(HOST,)), ON_NODES, nodes=NODES)
    assert len(chosen(of, version="1.21", feature_gates=GATES)) == 4
