"""What holds for every cluster, under every version's layout."""

from collections import Counter

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.compile import ProxyConfig, node_text, restore_text
from natc.compile import compile as compile_cluster
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    IngressAddress,
    Service,
    ServicePort,
)
from natc.text.reader import read
from natc.text.writer import save

#: One version of every layout, by a version that has it.
VERSIONS = [
    *("1.14", "1.15", "1.16.0", "1.16.11", "1.16", "1.17.2", "1.17.7", "1.17", "1.18.2", "1.18.4", "1.18"),
    *("1.19", "1.20", "1.21", "1.22.0", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27", "1.28", "1.29"),
    *("1.30", "1.31", "1.33", "newer"),
]
PROTOCOLS = ("TCP", "UDP", "SCTP")
POLICIES = st.sampled_from(["Cluster", "Local"])
NODES = st.sampled_from(["node1", "node2", ""])
CONDITIONS = st.sampled_from([None, True, False])

versions = st.sampled_from(VERSIONS)
addresses = st.integers(1, 250).map("10.244.0.{}".format)


@st.composite
def ports(draw: st.DrawFn) -> tuple[ServicePort, ...]:
    count = draw(st.integers(1, 3))
    return tuple(
        ServicePort(
            draw(st.integers(1, 65535)),
            f"p{n}" if count > 1 else draw(st.sampled_from(["", "http"])),
            draw(st.sampled_from(PROTOCOLS)),
            draw(st.sampled_from([0, 30000 + n])),
        )
        for n in range(count)
    )


@st.composite
def services(draw: st.DrawFn, number: int) -> Service:
    return Service(
        draw(st.sampled_from(["default", "shop"])),
        f"svc-{number}",
        draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])),
        f"10.96.0.{number + 1}",
        ports=draw(ports()),
        external_ips=tuple(draw(st.lists(st.just(f"198.51.100.{number + 1}"), max_size=1))),
        ingress=tuple(IngressAddress(f"203.0.113.{number * 2 + n}") for n in range(draw(st.integers(0, 2)))),
        load_balancer_source_ranges=tuple(draw(st.sampled_from([(), ("10.0.0.0/8",), ("192.168.0.0/16",)]))),
        external_traffic_policy=draw(POLICIES),
        internal_traffic_policy=draw(POLICIES),
        session_affinity=draw(st.sampled_from(["None", "ClientIP"])),
        health_check_node_port=draw(st.sampled_from([0, 31000 + number])),
    )


@st.composite
def slices(draw: st.DrawFn, service: Service) -> EndpointSlice:
    found = [
        Endpoint(
            (address,),
            ready=draw(CONDITIONS),
            serving=draw(CONDITIONS),
            terminating=draw(CONDITIONS),
            node_name=draw(NODES),
        )
        for address in draw(st.lists(addresses, max_size=5, unique=True))
    ]
    named = tuple(EndpointPort(p.name, p.protocol, draw(st.integers(1, 65535))) for p in service.ports)
    return EndpointSlice(service.namespace, f"{service.name}-a", service.name, "IPv4", named, tuple(found))


@st.composite
def clusters(draw: st.DrawFn, max_services: int = 4) -> Cluster:
    of = [draw(services(number)) for number in range(draw(st.integers(0, max_services)))]
    return Cluster(tuple(of), tuple(draw(slices(service)) for service in of))


@st.composite
def configs(draw: st.DrawFn) -> ProxyConfig:
    version = draw(versions)
    return ProxyConfig(
        kube_version=version,
        cluster_cidr=draw(st.sampled_from(["", "10.244.0.0/16"])),
        masquerade_all=draw(st.booleans()),
        masquerade_bit=draw(st.integers(0, 31)),
        hostname_override=draw(st.sampled_from(["", "node1"])),
        node_ip="192.168.7.3",
        interface_addresses=("127.0.0.1/8", "192.168.7.3/24"),
        nodeport_addresses=draw(
            st.sampled_from([(), ("192.168.0.0/16",), ("172.31.0.0/16",), ("127.0.0.0/8",)])
        ),
        nfacct=draw(st.booleans()),
        with_kubelet=True,
    )


def without_service(cluster: Cluster, service: Service) -> Cluster:
    return attrs.evolve(
        cluster,
        services=tuple(s for s in cluster.services if s != service),
        endpoint_slices=tuple(s for s in cluster.endpoint_slices if s.service != service.name),
    )


def is_part_of(lines: list[str], whole: list[str]) -> bool:
    """Whether ``lines`` stand in ``whole`` in this order."""
    rest = iter(whole)
    return all(line in rest for line in lines)


@given(clusters(), configs())
def test_another_service_only_adds_lines(cluster, config):
    whole = restore_text(cluster, config).splitlines()
    for service in cluster.services:
        assert is_part_of(restore_text(without_service(cluster, service), config).splitlines(), whole)


@given(st.data(), clusters(), configs())
def test_the_order_of_objects_does_not_matter(data, cluster, config):
    shuffled = attrs.evolve(
        cluster,
        services=tuple(data.draw(st.permutations(cluster.services))),
        endpoint_slices=tuple(data.draw(st.permutations(cluster.endpoint_slices))),
    )
    assert restore_text(shuffled, config) == restore_text(cluster, config)


@given(clusters(max_services=1), versions)
def test_every_ready_endpoint_is_balanced_to_once(cluster, version):
    """With policy Cluster each ready endpoint is where exactly one balancing rule ends up."""
    plain = attrs.evolve(
        cluster,
        services=tuple(
            attrs.evolve(s, external_traffic_policy="Cluster", internal_traffic_policy="Cluster")
            for s in cluster.services
        ),
    )
    lines = restore_text(plain, ProxyConfig(kube_version=version)).splitlines()
    dnat = {line.split()[1]: line.split()[-1] for line in lines if "-j DNAT" in line}
    jumps = [line.split() for line in lines if line.startswith("-A KUBE-SVC-") and "--rcheck" not in line]
    reached = Counter(dnat[words[-1]] for words in jumps if words[-1] in dnat)
    expected: Counter[str] = Counter()
    for piece in plain.endpoint_slices:
        ready = [e.addresses[0] for e in piece.endpoints if e.ready is not False]
        expected.update(f"{ip}:{port.port}" for port in piece.ports for ip in ready)
    if expected:
        assert reached == expected


@given(clusters(), configs())
def test_the_odds_leave_everyone_the_same_share(cluster, config):
    lines = restore_text(cluster, config).splitlines()
    balancing: dict[str, list[float]] = {}
    for line in lines:
        words = line.split()
        if "-j" in words and words[-1].startswith("KUBE-SEP-") and "--rcheck" not in words:
            odds = float(words[words.index("--probability") + 1]) if "--probability" in words else 1.0
            balancing.setdefault(words[1], []).append(odds)
    for odds in balancing.values():
        assert all(abs(p - 1 / (len(odds) - i)) < 1e-5 for i, p in enumerate(odds))
        assert odds[-1] == 1


@settings(max_examples=60, deadline=None)
@given(clusters(), configs())
def test_every_ruleset_reads_and_saves_back(cluster, config):
    ruleset = compile_cluster(cluster, config)
    saved = save(ruleset, order="legacy")
    assert save(read(saved, family=4), order="legacy") == saved


@given(clusters(), configs())
def test_every_way_in_is_led_to(cluster, config):
    """From 1.23 to 1.26 a node port that no address takes leaves a chain without a jump: leave these out."""
    everywhere = attrs.evolve(config, nodeport_addresses=())
    lines = node_text(cluster, everywhere).splitlines()
    made = {line[1:].split()[0] for line in lines if line.startswith((":KUBE-EXT-", ":KUBE-FW-"))}
    assert made <= {line.split()[-1] for line in lines if line.startswith("-A")}
