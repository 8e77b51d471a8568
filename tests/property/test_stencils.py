"""What comes of a stencil is what the passes write, for whatever cluster, version and settings."""

from unittest.mock import patch

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.compile.proxier import sync_rules
from natc.compile.saved import saved_tables
from natc.compile.saved_stencils import Written
from natc.compile.stencils import Stencil, Stencils
from natc.errors import UsageError
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    IngressAddress,
    Service,
    ServicePort,
)
from natc.text.writer import save, save_texts
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


@settings(max_examples=40, deadline=None)
@given(repeated(), versions, SETTINGS, st.booleans(), st.sampled_from(["legacy", "nft"]))
def test_a_save_by_stencils_is_what_printing_every_rule_gives(
    cluster, version, given_settings, kubelet, backend
):
    config = ProxyConfig(kube_version=version, with_kubelet=kubelet, **given_settings)

    def quickly():
        with patch("natc.compile.saved._WORTH", 2):
            tables = saved_tables(cluster, config, nft=backend == "nft").texts()
        return "".join(save_texts(dict(reversed(tables.items())), order=backend, by="natc"))

    try:
        careful = save(compile_cluster(cluster, config), order=backend, by="natc")
    except UsageError as error:
        with pytest.raises(UsageError) as raised:
            quickly()
        assert (str(raised.value), raised.value.span) == (str(error), error.span)
        return
    assert quickly() == careful


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_save_reads_one_service_port_of_a_kind(family):
    config = ProxyConfig(ip_family=family)
    address = {"ipv4": "10.96.{}.1", "ipv6": "fd00:1::{}"}[family]
    web = Service("shop", "web", ports=(ServicePort(80),))
    many = [evolve(web, name=f"web-{n}", cluster_ip=address.format(n)) for n in range(1, 9)]
    odd = evolve(web, name="ODD", cluster_ip=address.format(9))
    with patch.object(Written, "into", side_effect=Written.into) as through_passes:
        tables = saved_tables(Cluster((*many, odd)), config).texts()
    assert through_passes.call_count == 2 + 1  # marks and the service port they stand for; the odd one
    rules = tables["filter"]["KUBE-SERVICES"].splitlines()
    by_name = sorted((*many, odd), key=lambda service: service.name)
    assert all(f" -d {each.cluster_ip}/" in rule for each, rule in zip(by_name, rules, strict=True))


def test_two_service_ports_with_one_chain_are_left_to_the_careful_way():
    web = Service("shop", "web", cluster_ip="10.96.0.1", ports=(ServicePort(80),))
    many = [evolve(web, name=f"web-{n}", cluster_ip=f"10.96.0.{n}") for n in range(9)]
    twice = evolve(web, name="web-1:x", cluster_ip="10.96.1.1")
    again = evolve(web, name="web-1", ports=(ServicePort(80, name="x"),), cluster_ip="10.96.1.2")
    pieces = [
        EndpointSlice(
            "shop",
            each.name,
            each.name,
            "IPv4",
            (EndpointPort(each.ports[0].name, port=80),),
            (Endpoint(("10.0.0.1",)),),
        )
        for each in (*many, twice, again)
    ]
    cluster = Cluster((*many, twice, again), tuple(pieces))
    careful = save(compile_cluster(cluster, ProxyConfig()), order="legacy", by="natc")
    tables = saved_tables(cluster, ProxyConfig()).texts()
    assert "".join(save_texts(dict(reversed(tables.items())), order="legacy", by="natc")) == careful


def test_from_the_second_on_service_ports_of_a_kind_are_written_by_a_stencil():
    web = Service("shop", "web", cluster_ip="10.96.0.1", ports=(ServicePort(80),))
    many = tuple(alike(web, number) for number in range(9))
    with patch.object(Stencil, "fill", autospec=True, side_effect=Stencil.fill) as filled:
        text = sync_rules(Cluster(many), ProxyConfig()).text()
    assert filled.call_count == 1 + 8  # tried once when it is learnt
    assert [text.count(f"-d 10.96.{number}.1 ") for number in range(9)] == [1] * 9
