"""Destinations in names: what address and port they mean, and what stays open."""

import pytest

from natc.analysis.destination import destination_of
from natc.analysis.resolve import Names
from natc.errors import UsageError
from natc.kube.endpoints import complete
from tests.kube.objects import cluster, piece, pod, service

WEB = service(
    clusterIP="10.96.0.1",
    clusterIPs=["10.96.0.1", "fd00::1"],
    ipFamilies=["IPv4", "IPv6"],
    ports=[{"name": "http", "port": 80}],
)
TWO = service(name="two", clusterIP="10.96.0.2", ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2}])
DB = service(name="db", clusterIP="None", ports=[{"name": "sql", "port": 5432}])
DB_PIECE = piece(
    metadata={"name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
    ports=[{"name": "sql", "port": 15432}],
    endpoints=[{"addresses": ["10.244.0.7"], "hostname": "first"}, {"addresses": ["10.244.0.8"]}],
)
ELSEWHERE = service(name="out", type="ExternalName", externalName="db.example.com", clusterIP=None)


def said(text, *more, family=4, from_pod=None, **changes):
    names = Names.of(complete(cluster(WEB, TWO, DB, DB_PIECE, ELSEWHERE, *more)))
    asker = names.from_pod(names.pod(from_pod, "default")) if from_pod else names.in_namespace("default")
    return destination_of(names, asker, text, family, **changes)


@pytest.mark.parametrize(
    ("text", "family", "destination"),
    [
        ("web:80", 4, "10.96.0.1:80"),
        ("web:80", 6, "[fd00::1]:80"),
        ("web.default.svc.cluster.local:81", 4, "10.96.0.1:81"),
        ("web", 4, "10.96.0.1:80"),
        ("web:http", 4, "10.96.0.1:80"),
        ("web:http", 6, "[fd00::1]:80"),
        ("_http._tcp.web", 4, "10.96.0.1:80"),
        ("db:15432", 4, "10.244.0.7:15432"),
        ("db:sql", 4, "10.244.0.7:15432"),
        ("first.db:15432", 4, "10.244.0.7:15432"),
        ("10.96.0.9:80", 4, "10.96.0.9:80"),
        ("10.96.0.9", 4, "10.96.0.9"),
        ("fd00::9", 6, "fd00::9"),
        ("[fd00::9]:80", 6, "[fd00::9]:80"),
    ],
)
def test_what_a_destination_means(text, family, destination):
    assert said(text, family=family).destination == destination


def test_the_name_that_answered_is_told():
    assert said("web:80").facts == (
        "web:80 is 10.96.0.1:80 (web.default.svc.cluster.local.: Service default/web, its cluster IP)",
    )


def test_of_several_addresses_the_others_are_told():
    assert said("db:15432").questions == (
        "a client takes any of 2 addresses, this trace 10.244.0.7:15432; the others: 10.244.0.8:15432",
    )


def test_of_several_ports_none_is_guessed():
    found = said("two")
    assert found.destination == "10.96.0.2"
    assert found.questions == ("no port was said; Service default/two has for tcp: 1, 2",)
    assert "has for udp: none" in said("two", proto="udp").questions[0]


@pytest.mark.parametrize(
    ("text", "family", "message"),
    [
        ("nosuch:80", 4, "nosuch has no address here: nosuch.default.svc.cluster.local. NXDOMAIN"),
        ("web:https", 4, "port https of web has no address here"),
        ("db:80", 6, "the dump is of IPv6"),
        ("out:80", 4, "db.example.com. is outside cluster.local"),
    ],
)
def test_a_name_without_an_address_is_refused_with_what_was_tried(text, family, message):
    with pytest.raises(UsageError) as caught:
        said(text, family=family)
    assert message in str(caught.value)
    assert caught.value.span.file == "--dst"


def test_a_pod_that_asks_is_the_source():
    found = said("web:80", pod(ip="10.244.3.3"), from_pod="web-0")
    assert found.source == "10.244.3.3"
    assert "the source 10.244.3.3 is Pod default/web-0's" in found.facts


def test_a_pod_on_the_hosts_network_or_without_address_leaves_the_source_open():
    on_host = pod(spec={"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet", "nodeName": "node1"})
    found = said("web:80", on_host, from_pod="web-0")
    assert found.source is None
    assert "say --local when the dump is of it" in found.questions[-1]
    found = said("web:80", pod(), from_pod="web-0", family=6)
    assert (found.source, found.questions) == (
        None,
        ("Pod default/web-0 has no IPv6 address: the source stays open",),
    )
