"""Cluster DNS: the examples of the specification (schema 1.1.0), then what it says in between."""

import pytest

from natc.kube.dns import ANSWERED, NODATA, NXDOMAIN, UNKNOWN, ClusterDns, address_of_reverse
from natc.kube.endpoints import complete
from tests.kube.objects import cluster, endpoints, piece, pod, service

KUBERNETES = service(name="kubernetes", clusterIP="10.3.0.1", ports=[{"name": "https", "port": 443}])
HEADLESS = service(name="headless", clusterIP="None", ports=[{"name": "https", "port": 443}])


def headless_piece(*given, **changes):
    return piece(
        metadata={"name": "headless-1", "labels": {"kubernetes.io/service-name": "headless"}},
        ports=[{"name": "https", "port": 443}],
        endpoints=list(given),
        **changes,
    )


PETS = headless_piece(
    {"addresses": ["10.3.0.100"], "hostname": "my-pet", "conditions": {"ready": True}},
    {"addresses": ["10.3.0.101"], "hostname": "my-pet-2"},
    {"addresses": ["10.3.0.102"]},
    {"addresses": ["10.3.0.103"], "hostname": "sleepy", "conditions": {"ready": False}},
)
SIX = service(
    name="six",
    clusterIP="10.3.0.6",
    clusterIPs=["10.3.0.6", "fd00::6"],
    ipFamilies=["IPv4", "IPv6"],
    ports=[{"port": 80}],
)


def dns(*manifests, domain="cluster.local"):
    return ClusterDns(complete(cluster(*manifests)), domain)


def rows(answer):
    return [(record.type, record.data) for record in answer.records]


ALL = dns(KUBERNETES, HEADLESS, PETS, SIX, service(
    name="foo", type="ExternalName", externalName="www.example.com", clusterIP=None))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dns-version.cluster.local.", [("TXT", '"1.1.0"')]),
        ("kubernetes.default.svc.cluster.local.", [("A", "10.3.0.1")]),
        (
            "_https._tcp.kubernetes.default.svc.cluster.local.",
            [("SRV", "0 100 443 kubernetes.default.svc.cluster.local.")],
        ),
        ("1.0.3.10.in-addr.arpa.", [("PTR", "kubernetes.default.svc.cluster.local.")]),
        (
            "headless.default.svc.cluster.local.",
            [("A", "10.3.0.100"), ("A", "10.3.0.101"), ("A", "10.3.0.102")],
        ),
        ("my-pet.headless.default.svc.cluster.local.", [("A", "10.3.0.100")]),
        (
            "_https._tcp.headless.default.svc.cluster.local.",
            [
                ("SRV", "0 33 443 my-pet.headless.default.svc.cluster.local."),
                ("SRV", "0 33 443 my-pet-2.headless.default.svc.cluster.local."),
                ("SRV", "0 33 443 10-3-0-102.headless.default.svc.cluster.local."),
            ],
        ),
        ("100.0.3.10.in-addr.arpa.", [("PTR", "my-pet.headless.default.svc.cluster.local.")]),
        ("foo.default.svc.cluster.local.", [("CNAME", "www.example.com.")]),
        ("1-2-3-4.default.pod.cluster.local.", [("A", "1.2.3.4")]),
    ],
)
def test_the_examples_of_the_specification(name, found):
    answer = ALL.ask(name)
    assert answer.status == ANSWERED
    assert rows(answer) == found
    assert {record.name for record in answer.records} == {name}


def test_a_service_of_two_families_has_both_records():
    assert rows(ALL.ask("six.default.svc.cluster.local.")) == [("A", "10.3.0.6"), ("AAAA", "fd00::6")]
    assert rows(ALL.ask("six.default.svc.cluster.local.", ("AAAA",))) == [("AAAA", "fd00::6")]
    reverse = "6." + "0." * 29 + "d.f.ip6.arpa."
    assert rows(ALL.ask(reverse)) == [("PTR", "six.default.svc.cluster.local.")]


def test_comparisons_ignore_case():
    answer = ALL.ask("_HTTPS._TCP.Kubernetes.DEFAULT.svc.Cluster.Local.")
    assert rows(answer) == [("SRV", "0 100 443 kubernetes.default.svc.cluster.local.")]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nosuch.default.svc.cluster.local.", NXDOMAIN),
        ("kubernetes.nosuch.svc.cluster.local.", NXDOMAIN),
        ("_http._tcp.kubernetes.default.svc.cluster.local.", NXDOMAIN),
        ("_https._udp.kubernetes.default.svc.cluster.local.", NXDOMAIN),
        ("_._tcp.six.default.svc.cluster.local.", NXDOMAIN),  # its port has no name
        ("sleepy.headless.default.svc.cluster.local.", NXDOMAIN),
        ("a.b.c.headless.default.svc.cluster.local.", NXDOMAIN),
        ("_https._tcp.foo.default.svc.cluster.local.", NXDOMAIN),
        ("web-0.default.pod.cluster.local.", NXDOMAIN),
        ("a.1-2-3-4.default.pod.cluster.local.", NXDOMAIN),
        ("kubernetes.default.cluster.local.", NXDOMAIN),
        ("cluster.local.", NODATA),
        ("svc.cluster.local.", NODATA),
        ("default.svc.cluster.local.", NODATA),
        ("nosuch.svc.cluster.local.", NXDOMAIN),
        ("www.example.com.", UNKNOWN),
        ("mycluster.local.", UNKNOWN),
        ("9.9.9.9.in-addr.arpa.", UNKNOWN),
        ("3.10.in-addr.arpa.", UNKNOWN),
    ],
)
def test_names_without_records(name, status):
    answer = ALL.ask(name)
    assert (answer.status, answer.records) == (status, ())
    assert answer.reason


def test_a_type_that_a_name_does_not_have_is_no_data():
    answer = ALL.ask("kubernetes.default.svc.cluster.local.", ("AAAA",))
    assert (answer.status, answer.records) == (NODATA, ())


def test_a_headless_service_without_ready_endpoints_does_not_exist():
    sleeping = headless_piece({"addresses": ["10.3.0.103"], "conditions": {"ready": False}})
    assert dns(HEADLESS, sleeping).ask("headless.default.svc.cluster.local.").status == NXDOMAIN
    assert dns(HEADLESS).ask("headless.default.svc.cluster.local.").status == NXDOMAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"publishNotReadyAddresses": True},
        {"annotations": {"service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}},
    ],
)
def test_unready_endpoints_may_be_published(changes):
    sleeping = headless_piece({"addresses": ["10.3.0.103"], "conditions": {"ready": False}})
    named = service(name="headless", clusterIP="None", **changes)
    answer = dns(named, sleeping).ask("headless.default.svc.cluster.local.")
    assert rows(answer) == [("A", "10.3.0.103")]
    assert "ready or not" in answer.reason


def test_pods_with_hostname_and_subdomain_have_names_of_their_own():
    subdomain = {"selector": {"app": "web"}, "ports": [{"name": "foo", "port": 1234}]}
    named = {"hostname": "busybox-1", "subdomain": "default-subdomain"}
    zone = dns(
        service(name="default-subdomain", clusterIP="None", **subdomain),
        pod("busybox1", "10.244.0.7", spec=named),
        pod("busybox2", "10.244.0.8"),
    )
    assert rows(zone.ask("busybox-1.default-subdomain.default.svc.cluster.local.")) == [("A", "10.244.0.7")]
    assert rows(zone.ask("10-244-0-8.default-subdomain.default.svc.cluster.local.")) == [("A", "10.244.0.8")]
    assert len(zone.ask("default-subdomain.default.svc.cluster.local.").records) == 2


def test_a_headless_service_of_endpoints_written_by_hand():
    written = endpoints(
        {"addresses": [{"ip": "192.0.2.42", "hostname": "db"}], "ports": [{"name": "sql", "port": 5432}]},
        name="headless",
    )
    zone = dns(service(name="headless", clusterIP="None", ports=[{"name": "sql", "port": 1}]), written)
    assert rows(zone.ask("db.headless.default.svc.cluster.local.")) == [("A", "192.0.2.42")]
    assert rows(zone.ask("_sql._tcp.headless.default.svc.cluster.local.")) == [
        ("SRV", "0 100 5432 db.headless.default.svc.cluster.local.")
    ]


def test_an_alias_inside_the_cluster_is_followed():
    aliases = [
        service(name=name, type="ExternalName", externalName=to, clusterIP=None)
        for name, to in [
            ("a", "b.default.svc.cluster.local"),
            ("b", "kubernetes.default.svc.cluster.local"),
            ("round", "round.default.svc.cluster.local"),
            ("number", "192.0.2.1"),
        ]
    ]
    zone = dns(KUBERNETES, *aliases)
    assert rows(zone.ask("a.default.svc.cluster.local.", ("A",))) == [
        ("CNAME", "b.default.svc.cluster.local."),
        ("CNAME", "kubernetes.default.svc.cluster.local."),
        ("A", "10.3.0.1"),
    ]
    assert len(zone.ask("round.default.svc.cluster.local.").records) == 9  # the first and eight more
    assert zone.ask("number.default.svc.cluster.local.").status == NXDOMAIN


def test_pod_records_say_whether_the_pod_is_known():
    zone = dns(KUBERNETES, pod("web-0", "10.244.0.5"))
    assert zone.ask("10-244-0-5.default.pod.cluster.local.").reason == "Pod default/web-0"
    assert "echoed" in zone.ask("10-244-0-6.default.pod.cluster.local.").reason
    assert rows(zone.ask("fd00--5.default.pod.cluster.local.")) == [("AAAA", "fd00::5")]


def test_the_domain_is_the_clusters_own():
    zone = dns(KUBERNETES, domain="k8s.example.org")
    assert rows(zone.ask("kubernetes.default.svc.k8s.example.org.")) == [("A", "10.3.0.1")]
    assert zone.ask("kubernetes.default.svc.cluster.local.").status == UNKNOWN


def test_reverse_names_are_of_whole_addresses():
    assert str(address_of_reverse("4.3.2.1.in-addr.arpa.")) == "1.2.3.4"
    assert address_of_reverse("300.3.2.1.in-addr.arpa.") is None
    assert address_of_reverse("x.ip6.arpa.") is None
