"""Hypothesis strategies of clusters that an API server would accept, in all their variety.

Values are as the API server holds them, defaults filled in, so that they compare equal to what is
read from their manifests. They shrink towards one ClusterIP service of one TCP port.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from natc.kube.model import (
    Cluster,
    ContainerPort,
    Endpoint,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    IngressAddress,
    Node,
    Pod,
    Service,
    ServicePort,
)

#: Most services that do not get in each other's way: each has cluster IPs and node ports of its own.
MAX_SERVICES = 200
NODES = ("node1", "node2", "node3")
ZONES = ("a", "b")

_PROTOCOLS = st.sampled_from(["TCP", "UDP", "SCTP"])
_POLICIES = st.sampled_from(["Cluster", "Local"])
_PORT_NUMBERS = st.integers(1, 65535)
_PORT_NAMES = st.sampled_from(["http", "https", "dns", "metrics", "a-1", "9p"])
_CONDITIONS = st.sampled_from([None, True, False])
_OUTSIDE = st.sampled_from(["198.51.100.1", "198.51.100.2", "203.0.113.200", "2001:db8::1", "2001:DB8:0::2"])
_RANGES = st.sampled_from(
    ["0.0.0.0/0", "10.0.0.0/8", "172.16.5.9/20", "192.0.2.7/32", " 198.51.100.0/24", "2001:db8::/32"]
)
_SELECTORS = st.sampled_from([{}, {"app": "web"}, {"app": "web", "tier": "front"}])
_HINT_ANNOTATIONS = st.sampled_from(
    [
        {},
        {"service.kubernetes.io/topology-mode": "Auto"},
        {"service.kubernetes.io/topology-aware-hints": "Auto"},
        {"service.kubernetes.io/topology-aware-hints": "Disabled"},
    ]
)
_TOPOLOGY_KEYS = st.sampled_from(
    [(), ("kubernetes.io/hostname",), ("topology.kubernetes.io/zone", "*"), ("*",)]
)


def _few(values: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw up to ``most`` different values."""
    return st.lists(values, max_size=most, unique=True).map(tuple)


@st.composite
def services(draw: st.DrawFn, number: int | None = None) -> Service:
    """Draw a Service of any type.

    ``number`` (0 to 199) decides its name, cluster IPs and node ports, so that services of different
    numbers can live in one cluster; without it any number is drawn.
    """
    if number is None:
        number = draw(st.integers(0, MAX_SERVICES - 1))
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]))
    headless = kind == "ClusterIP" and draw(st.integers(0, 7)) == 7
    fields = _everyones_fields(draw, number)
    if kind == "ExternalName":
        return Service(**fields, type=kind, external_name="db.example.com")
    fields |= _addresses(draw, number, headless)
    fields |= _traffic(draw, number, kind)
    return Service(**fields, type=kind, ports=_service_ports(draw, number, kind))


def _everyones_fields(draw: st.DrawFn, number: int) -> dict[str, Any]:
    return {
        "namespace": draw(st.sampled_from(["default", "shop", "kube-system"])),
        "name": draw(st.sampled_from(["web", "db", "a-very-long-name-for-a-service"])) + f"-{number}",
        "selector": draw(_SELECTORS),
        "labels": draw(st.sampled_from([{}, {"team": "a", "canary": "true"}])),
        "annotations": draw(_HINT_ANNOTATIONS),
        "publish_not_ready_addresses": draw(st.booleans()),
    }


def _addresses(draw: st.DrawFn, number: int, headless: bool) -> dict[str, Any]:
    v4, v6 = f"10.96.{number}.1", f"fd00:10:96::{number + 1:x}"
    families = draw(st.sampled_from([("IPv4",), ("IPv6",), ("IPv4", "IPv6"), ("IPv6", "IPv4")]))
    ips = tuple(v4 if family == "IPv4" else v6 for family in families)
    if headless:
        ips = ("None",)
    return {"cluster_ip": ips[0], "cluster_ips": ips, "ip_families": families}


def _service_ports(draw: st.DrawFn, number: int, kind: str) -> tuple[ServicePort, ...]:
    numbers = draw(st.lists(_PORT_NUMBERS, min_size=1, max_size=3, unique=True))
    names = draw(st.lists(_PORT_NAMES, min_size=len(numbers), max_size=len(numbers), unique=True))
    if len(numbers) == 1 and draw(st.booleans()):
        names = [""]
    # A NodePort service has one for each port; a load balancer can do without all of them.
    with_node_ports = kind == "NodePort" or (kind == "LoadBalancer" and draw(st.booleans()))
    return tuple(
        ServicePort(
            port,
            name,
            draw(_PROTOCOLS),
            30000 + number * 3 + index if with_node_ports else 0,
            draw(st.one_of(st.none(), _PORT_NUMBERS, st.sampled_from(["http", "web-9"]))),
        )
        for index, (port, name) in enumerate(zip(numbers, names, strict=True))
    )


def _traffic(draw: st.DrawFn, number: int, kind: str) -> dict[str, Any]:
    """Draw what decides who may reach a service and which endpoints answer."""
    external_ips = draw(_few(_OUTSIDE, 2))
    accessible = kind != "ClusterIP" or bool(external_ips)
    external_policy = draw(_POLICIES) if accessible else ""
    fields: dict[str, Any] = {
        "external_ips": external_ips,
        "external_traffic_policy": external_policy,
        "internal_traffic_policy": draw(_POLICIES),
        "traffic_distribution": draw(st.sampled_from(["", "PreferClose"])),
    }
    if external_policy != "Local":
        fields["topology_keys"] = draw(_TOPOLOGY_KEYS)
    if draw(st.booleans()):
        fields["session_affinity"] = "ClientIP"
        fields["affinity_timeout"] = draw(st.one_of(st.just(10800), st.integers(1, 86400)))
    if kind == "LoadBalancer":
        fields["ingress"] = draw(_few(_ingress_addresses(), 2))
        fields["load_balancer_source_ranges"] = draw(_few(_RANGES, 3))
        if external_policy == "Local" and draw(st.booleans()):
            fields["health_check_node_port"] = 31000 + number
    return fields


def _ingress_addresses() -> st.SearchStrategy[IngressAddress]:
    addresses = st.sampled_from(["192.0.2.127", "192.0.2.128", "2001:db8::7f"])
    by_address = st.builds(IngressAddress, addresses, ip_mode=st.sampled_from(["VIP", "Proxy"]))
    return by_address | st.just(IngressAddress(hostname="lb.example.com"))


@st.composite
def slices(draw: st.DrawFn, service: Service, family: str, name: str = "") -> EndpointSlice:
    """Draw an EndpointSlice of a service; its ports have the service's names and protocols."""
    ports = tuple(EndpointPort(p.name, p.protocol, draw(_PORT_NUMBERS)) for p in service.ports)
    with_hints = draw(st.booleans())
    return EndpointSlice(
        namespace=service.namespace,
        name=name or f"{service.name}-{family.lower()}",
        service=service.name,
        address_type=family,
        ports=ports,
        endpoints=tuple(draw(st.lists(_endpoints_of(family, with_hints), max_size=4))),
    )


@st.composite
def _endpoints_of(draw: st.DrawFn, family: str, with_hints: bool) -> Endpoint:
    return Endpoint(
        addresses=draw(_pod_addresses(family)),
        ready=draw(_CONDITIONS),
        serving=draw(_CONDITIONS),
        terminating=draw(_CONDITIONS),
        node_name=draw(st.sampled_from(["", *NODES])),
        hostname=draw(st.sampled_from(["", "web-0"])),
        zone_hints=draw(_few(st.sampled_from(ZONES), 2)) if with_hints else (),
        node_hints=draw(_few(st.sampled_from(NODES), 1)) if with_hints else (),
    )


def _pod_addresses(family: str) -> st.SearchStrategy[tuple[str, ...]]:
    if family == "IPv4":
        return st.tuples(st.integers(1, 250).map("10.244.0.{}".format))
    return st.tuples(st.integers(1, 250).map("fd00:10:244::{:x}".format))


@st.composite
def _endpoints_objects(draw: st.DrawFn, service: Service) -> Endpoints:
    family = service.ip_families[0]
    addresses = [Endpoint(address) for address in draw(_few(_pod_addresses(family), 4))]
    ready = draw(st.integers(0, len(addresses)))
    ports = tuple(EndpointPort(p.name, p.protocol, draw(_PORT_NUMBERS)) for p in service.ports)
    subset = EndpointSubset(tuple(addresses[:ready]), tuple(addresses[ready:]), ports)
    return Endpoints(service.namespace, service.name, (subset,) if addresses else ())


@st.composite
def pods(draw: st.DrawFn, number: int) -> Pod:
    """Draw a Pod; different numbers make different names and addresses."""
    v4, v6 = f"10.244.1.{number + 1}", f"fd00:10:244:1::{number + 1:x}"
    return Pod(
        namespace=draw(st.sampled_from(["default", "shop"])),
        name=f"pod-{number}",
        labels=draw(st.sampled_from([{"app": "web"}, {"app": "web", "tier": "front"}, {}])),
        pod_ips=draw(st.sampled_from([(v4,), (v6,), (v4, v6), ()])),
        node_name=draw(st.sampled_from(["", *NODES])),
        phase=draw(st.sampled_from(["Running", "Pending", "Succeeded", "Failed"])),
        ready=draw(st.booleans()),
        deleting=draw(st.booleans()),
        hostname=draw(st.sampled_from(["", "web-0"])),
        ports=tuple(
            ContainerPort(draw(_PORT_NUMBERS), name, draw(_PROTOCOLS))
            for name in draw(_few(st.sampled_from(["", "http", "web-9"]), 2))
        ),
    )


@st.composite
def clusters(draw: st.DrawFn, max_services: int = 4, max_pods: int = 3) -> Cluster:
    """Draw a cluster: services, their slices or Endpoints or neither, Pods and Nodes.

    No two services share a name, a cluster IP or a node port.
    """
    of = [draw(services(number)) for number in range(draw(st.integers(0, max_services)))]
    found: list[EndpointSlice] = []
    endpoints: list[Endpoints] = []
    for service in of:
        if not service.ports or draw(st.integers(0, 3)) == 3:
            continue
        if draw(st.integers(0, 4)) == 4:
            endpoints.append(draw(_endpoints_objects(service)))
        for family in service.ip_families:
            for number in range(draw(st.integers(0, 2))):
                found.append(draw(slices(service, family, f"{service.name}-{family.lower()}-{number}")))
    zones = draw(st.tuples(*[st.sampled_from(["", *ZONES])] * len(NODES)))
    return Cluster(
        services=tuple(of),
        endpoint_slices=tuple(found),
        endpoints=tuple(endpoints),
        pods=tuple(draw(pods(number)) for number in range(draw(st.integers(0, max_pods)))),
        nodes=tuple(_node(name, zone, n) for n, (name, zone) in enumerate(zip(NODES, zones, strict=True))),
    )


def _node(name: str, zone: str, number: int) -> Node:
    labels = {"kubernetes.io/hostname": name}
    if zone:
        labels |= {"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "r"}
    return Node(name, labels, (f"192.168.7.{number + 1}",), (f"10.244.{number}.0/24",))
