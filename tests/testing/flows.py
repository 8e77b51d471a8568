"""Packet flows that kube-proxy's own tests publish, restated in golden/packet-flows: clusters of them."""

import json
from ipaddress import ip_address

from natc.compile import ProxyConfig
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    IngressAddress,
    Node,
    Service,
    ServicePort,
)
from natc.trace.node.view import OpenNode
from tests.support import GOLDEN

#: The node whose rules are asked, its addresses, and the network of the pods.
NAME = "test-node"
ADDRESSES = ("192.168.0.2", "192.168.1.2", "2001:db8::1", "2001:db8:1::2")
LOOPBACK = ("127.0.0.1", "::1")
POD_CIDRS = {4: "10.0.0.0/8", 6: "fd00:10::/64"}
NODES = {"here": NAME, "elsewhere": "another-node", "unknown": ""}
CONDITIONS = {
    "ready": {"ready": True, "serving": True, "terminating": False},
    "terminating": {"ready": False, "serving": True, "terminating": True},
    "gone": {"ready": False, "serving": False, "terminating": True},
}
FIELDS = {
    "type": "type",
    "external_policy": "external_traffic_policy",
    "internal_policy": "internal_traffic_policy",
    "health_check_node_port": "health_check_node_port",
}


def cases():
    return json.loads((GOLDEN / "packet-flows/flows.json").read_text())


def case_name(case):
    return f"{case['function']} {case['variant']}".strip().replace(" ", "-")


def family_of(case):
    return case["config"].get("family", 4)


def config_of(case, version):
    """The settings of kube-proxy under which the flows of a case hold."""
    given, family = case["config"], family_of(case)
    node_ip = next(address for address in ADDRESSES if ip_address(address).version == family)
    return ProxyConfig(
        kube_version=version,
        ip_family=f"ipv{family}",
        cluster_cidr=POD_CIDRS[family] if given.get("detect_local", True) else "",
        masquerade_all=given.get("masquerade_all", False),
        localhost_nodeports=given.get("localhost_nodeports", True),
        nodeport_addresses=tuple(given.get("nodeport_addresses", ())),
        hostname_override=NAME,
        node_ip=node_ip,
        interface_addresses=(
            *(f"{address}/24" if "." in address else f"{address}/64" for address in ADDRESSES),
            "127.0.0.1/8",
            "::1/128",
        ),
    )


def cluster_of(case):
    """The services of a case with their endpoints."""
    services = case["services"]
    slices = [made for given in services for made in slices_of(given, family_of(case))]
    nodes = (Node(NAME), Node("another-node"))
    return Cluster(tuple(map(service_of, services)), tuple(slices), nodes=nodes)


def service_of(given):
    namespace, name = given["name"].split("/")
    ports = tuple(
        ServicePort(port["port"], port["name"], port["protocol"], port.get("node_port", 0), port["target"])
        for port in given["ports"]
    )
    fields = {field: given[key] for key, field in FIELDS.items() if key in given}
    if "affinity" in given:
        fields |= {"session_affinity": "ClientIP", "affinity_timeout": given["affinity"]}
    return Service(
        namespace,
        name,
        cluster_ip=given["cluster_ip"],
        cluster_ips=(given["cluster_ip"],),
        ip_families=("IPv6" if ":" in given["cluster_ip"] else "IPv4",),
        ports=ports,
        external_ips=tuple(given.get("external_ips", ())),
        ingress=tuple(map(IngressAddress, given.get("ingress", ()))),
        load_balancer_source_ranges=tuple(given.get("source_ranges", ())),
        **fields,
    )


def slices_of(given, family):
    if not given["endpoints"]:
        return
    namespace, name = given["name"].split("/")
    ports = tuple(EndpointPort(port["name"], port["protocol"], port["target"]) for port in given["ports"])
    endpoints = tuple(
        Endpoint((address,), node_name=NODES[where], **CONDITIONS[condition])
        for address, where, condition in given["endpoints"]
    )
    yield EndpointSlice(namespace, f"{name}-1", name, f"IPv{family}", ports, endpoints)


def node_of(family):
    own = (*ADDRESSES, *LOOPBACK)
    return OpenNode(frozenset(int(ip) for text in own if (ip := ip_address(text)).version == family))


def origin_of(source):
    return "local" if source in ADDRESSES or source in LOOPBACK else "network"
