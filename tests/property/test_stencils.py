"""What comes of a stencil is what the passes write, for whatever cluster, version and settings."""

from unittest.mock import patch

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.compile import ProxyConfig
from natc.compile.proxier import sync_rules
from natc.compile.stencils import Stencil, Stencils
from natc.kube.model import Cluster, Endpoints, EndpointSubset, IngressAddress, Service, ServicePort
from tests.property.test_compile import services, slices, versions

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "cluster_cidr": st.just("10.244.0.0/16"),
        "hostname_override": st.sampled_from(["node1", "node2"]),
        "masquerade_all": st.booleans(),
        "nodeport_addresses": st.just(("192.168.5.0/24",)),
        "node_ip": st.just("192.168.0.10"),
        "feature_gates": st.just({"AllAlpha": True}),
    },
)


def alike(service: Service, number: int) -> Service:
    """A service like another one, with names, addresses and numbers of its own."""

    def moved(text: str) -> str:
        return text.replace(".0.", f".{number}.")

    return evolve(
        service,
        name=f"{service.name}-{number * '%'}{number}",
        cluster_ip=moved(service.cluster_ip),
        external_ips=tuple(map(moved, service.external_ips)),
        ingress=tuple(evolve(each, ip=moved(f"{each.ip[:8]}.0.{number}")) for each in service.ingress),
        health_check_node_port=service.health_check_node_port
        and service.health_check_node_port + number * 10,
        ports=tuple(
            evolve(
                each,
                port=each.port % 6000 + number,
                node_port=each.node_port and each.node_port + 100 * number,
            )
            for each in service.ports
        ),
    )


#: What may be different about a service that is otherwise like another one: a field and its values.
CHANGES = [
    ("session_affinity", ["ClientIP", "None"]),
    ("affinity_timeout", [77, 10800]),
    ("external_traffic_policy", ["Local", "Cluster"]),
    ("internal_traffic_policy", ["Local", "Cluster"]),
    ("load_balancer_source_ranges", [("10.0.0.0/8",), ("192.168.0.0/16",), ()]),
    ("health_check_node_port", [0, 32000]),
    ("external_ips", [(), ("198.51.100.7",)]),
    ("ingress", [(), (IngressAddress("203.0.113.1"),)]),
    ("type", ["LoadBalancer", "NodePort", "ClusterIP"]),
]
#: What may be different about an endpoint.
STATES = st.sampled_from(
    [
        {},
        {},
        {"ready": False},
        {"ready": True},
        {"ready": False, "terminating": True},
        {"node_name": "node1"},
        {"node_name": "node2"},
    ]
)


@st.composite
def repeated(draw: st.DrawFn) -> Cluster:
    """A service three times over, and twice more with something changed; its endpoints in slices or not."""
    service = draw(services(0))
    if draw(st.booleans()):
        service = evolve(service, type="LoadBalancer", ingress=(IngressAddress("203.0.113.2"),))
    piece = draw(slices(service))
    name, values = draw(st.sampled_from(CHANGES))
    changes = [{name: draw(st.sampled_from(values))}] * 3 + [{name: draw(st.sampled_from(values))}] * 2
    states = [[draw(STATES) for _ in piece.endpoints]] * 3
    states += [[draw(STATES) for _ in piece.endpoints] if draw(st.booleans()) else states[0]] * 2
    found: list[Service] = []
    pieces, endpoints = [], []
    for number, (change, each_state) in enumerate(zip(changes, states, strict=True)):
        found.append(alike(evolve(service, **change), number))
        moved = tuple(
            evolve(each, addresses=(each.addresses[0].replace(".0.", f".{number}."),), **state)
            for each, state in zip(piece.endpoints, each_state, strict=True)
        )
        if moved and draw(st.booleans()):
            subset = EndpointSubset((*moved, moved[0]), ports=piece.ports)
            endpoints.append(Endpoints(service.namespace, found[-1].name, (subset,)))
        pieces.append(evolve(piece, name=f"s{number}", service=found[-1].name, endpoints=moved))
    return Cluster(tuple(found), tuple(pieces), tuple(endpoints))


@settings(max_examples=200, deadline=None)
@given(repeated(), versions, SETTINGS)
def test_stencils_write_what_the_passes_write(cluster, version, given_settings):
    config = ProxyConfig(kube_version=version, **given_settings)
    with patch.object(Stencils, "_learnt", lambda *_: None):
        careful = sync_rules(cluster, config)
    quick = sync_rules(cluster, config)
    quick.cut()
    assert quick.text() == careful.text()
    assert quick.nat_rules == careful.nat_rules


def test_from_the_second_on_service_ports_of_a_kind_are_written_by_a_stencil():
    web = Service("shop", "web", cluster_ip="10.96.0.1", ports=(ServicePort(80),))
    many = tuple(alike(web, number) for number in range(9))
    with patch.object(Stencil, "fill", autospec=True, side_effect=Stencil.fill) as filled:
        text = sync_rules(Cluster(many), ProxyConfig()).text()
    assert filled.call_count == 1 + 8  # tried once when it is learnt
    assert [text.count(f"-d 10.96.{number}.1 ") for number in range(9)] == [1] * 9
