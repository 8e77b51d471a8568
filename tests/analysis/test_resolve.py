"""Names as somebody asks for them: the search path, who answers, and what stays open."""

import pytest

from natc.analysis.resolve import Names
from natc.errors import UsageError
from natc.kube.endpoints import complete
from natc.kube.resolv_conf import ResolvConf
from tests.kube.objects import cluster, pod, service

NODEPORT = service(
    name="nodeport-svc",
    type="NodePort",
    clusterIP="10.105.182.209",
    ports=[{"port": 3000, "targetPort": 8080, "nodePort": 30090}],
)
EXTERNAL = service(name="my-service", type="ExternalName", externalName="foo.bar.example.com", clusterIP=None)
KUBE_DNS = service(name="kube-dns", namespace="kube-system", clusterIP="10.96.0.10")


def names(*manifests, **more):
    return Names.of(complete(cluster(NODEPORT, EXTERNAL, *manifests)), **more)


def data(found):
    return [record.data for record in found.records]


@pytest.mark.parametrize(
    "name",
    [
        "nodeport-svc",
        "nodeport-svc.default",
        "nodeport-svc.default.svc",
        "nodeport-svc.default.svc.cluster.local",
        "nodeport-svc.default.svc.cluster.local.",
        "NodePort-Svc.Default",
    ],
)
def test_a_service_has_all_the_names_of_the_search_path(name):
    found = names().resolve(name, names().in_namespace("default"))
    assert data(found) == ["10.105.182.209"]
    assert found.answered.name.lower() == "nodeport-svc.default.svc.cluster.local."
    assert found.status == "answered"


def test_another_namespace_has_to_name_this_one():
    asker = names().in_namespace("elsewhere")
    assert not names().resolve("nodeport-svc", asker).answered
    found = names().resolve("nodeport-svc.default", asker)
    assert found.answered.search == "svc.cluster.local"
    assert [each.answer.status for each in found.tried] == ["NXDOMAIN", "answered"]


def test_an_external_name_ends_where_the_cluster_does():
    found = names().resolve("my-service", names().in_namespace("default"))
    assert data(found) == ["foo.bar.example.com."]
    assert found.notes == ("foo.bar.example.com. is outside cluster.local: its addresses are not known here",)


def test_aliases_that_lead_nowhere_say_so():
    inside = service(
        name="gone", type="ExternalName", externalName="x.default.svc.cluster.local", clusterIP=None
    )
    circle = service(
        name="o", type="ExternalName", externalName="o.default.svc.cluster.local", clusterIP=None
    )
    known = names(inside, circle)
    asker = known.in_namespace("default")
    assert "has no address: no Service default/x" in known.resolve("gone", asker).notes[0]
    assert "in a circle" in known.resolve("o", asker).notes[0]


def test_a_name_that_others_may_answer_first_is_an_open_question():
    known = names(node=ResolvConf(searches=("corp.example.com",)))
    found = known.resolve("nodeport-svc.default.svc.cluster.local", known.in_namespace("default"))
    assert data(found) == ["10.105.182.209"]
    assert found.notes == (
        "holds as long as other name servers do not answer for "
        "nodeport-svc.default.svc.cluster.local.corp.example.com.",
    )


def test_a_name_of_the_internet_is_not_guessed():
    found = names().resolve("www.example.com", names().in_namespace("default"))
    assert (found.status, found.records) == ("unknown", ())


def test_a_name_that_is_certainly_not_there():
    found = names().resolve("nosuch.default.svc.cluster.local.", names().in_namespace("default"))
    assert found.status == "NXDOMAIN"


def test_an_address_is_looked_up_in_reverse():
    found = names().resolve("10.105.182.209", names().in_namespace("default"))
    assert data(found) == ["nodeport-svc.default.svc.cluster.local."]


@pytest.mark.parametrize(
    ("spec", "answers"),
    [
        ({}, True),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, True),
        ({"hostNetwork": True}, False),
        ({"dnsPolicy": "Default"}, False),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["8.8.8.8"]}}, False),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"]}}, True),
    ],
)
def test_a_pod_asks_the_name_servers_of_its_policy(spec, answers):
    known = names(KUBE_DNS, pod(spec=spec))
    asker = known.from_pod(known.pod("web-0", "default"))
    found = known.resolve("nodeport-svc.default.svc.cluster.local.", asker)
    assert (found.status == "answered") is answers
    if not answers:
        assert found.status == "unknown"
        assert "not cluster DNS" in found.tried[0].answer.reason


def test_a_pod_is_found_by_name_and_namespace():
    known = names(pod("a.b", metadata={"name": "a.b", "namespace": "c"}))
    assert known.pod("a.b", "c").name == "a.b"
    assert known.pod("a.b.c", "default").name == "a.b"
    with pytest.raises(UsageError, match="no Pod a in namespace c is given"):
        known.pod("a", "c")


def test_a_policy_that_does_not_exist_is_refused():
    known = names(pod(spec={"dnsPolicy": "Sometimes"}))
    with pytest.raises(UsageError, match="dnsPolicy is Sometimes"):
        known.from_pod(known.pod("web-0", "default"))


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "x" * 64, "a\x1b[31m", ".".join(["x" * 60] * 5)])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match="is no DNS name"):
        names().resolve(name, names().in_namespace("default"))


def test_srv_records_say_whose_priorities_they_are():
    web = service(name="web", ports=[{"name": "http", "port": 80}])
    found = names(web).resolve("_http._tcp.web", names(web).in_namespace("default"))
    assert data(found) == ["0 100 80 web.default.svc.cluster.local."]
    assert "CoreDNS" in found.notes[0]


def test_a_service_of_another_namespace_is_pointed_to():
    known = names(service(name="my-nginx", namespace="prod"))
    found = known.resolve("my-nginx", known.in_namespace("default"))
    assert found.notes == ("Service prod/my-nginx is my-nginx.prod from here",)
    assert known.resolve("my-nginx", known.in_namespace("prod")).notes == ()


def test_a_pod_that_is_not_given_is_named_both_ways():
    with pytest.raises(UsageError, match=r"no Pod a\.b in namespace default, nor a in b, is given"):
        names().pod("a.b", "default")
