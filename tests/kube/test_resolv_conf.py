"""The resolv.conf of a Pod, and the order in which names are tried."""

import pytest

from natc.errors import NodeError
from natc.kube.resolv_conf import ResolvConf, of_namespace, of_pod, parse
from tests.kube.objects import cluster, pod

NODE = parse("nameserver 192.0.2.53\nsearch corp.example.com.\noptions timeout:1\n", "resolv.conf")
DNS = ("10.96.0.10",)
SEARCHES = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example.com")


def settings(**spec):
    (one,) = cluster(pod(spec=spec)).pods
    return of_pod(one, "cluster.local", DNS, NODE)


def test_cluster_first_is_the_clusters_search_path_then_the_nodes():
    found = settings()
    assert found == of_namespace("default", "cluster.local", DNS, NODE)
    assert found.nameservers == DNS
    assert found.searches == SEARCHES
    assert found.ndots == 5


def test_the_hosts_network_takes_the_hosts_settings_unless_the_policy_says_otherwise():
    plain = settings(hostNetwork=True)
    assert (plain.nameservers, plain.searches, plain.ndots) == (("192.0.2.53",), ("corp.example.com",), 1)
    assert plain.notes == ("dnsPolicy ClusterFirst on the host's network is as Default",)
    assert settings(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet").searches == SEARCHES
    assert settings(dnsPolicy="Default").options == {"timeout": "1"}


def test_the_documented_example_of_a_dns_config():
    found = settings(
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["1.2.3.4"],
            "searches": ["ns1.svc.cluster-domain.example", "my.dns.search.suffix"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        },
    )
    assert found.nameservers == ("1.2.3.4",)
    assert found.searches == ("ns1.svc.cluster-domain.example", "my.dns.search.suffix")
    assert found.options == {"ndots": "2", "edns0": ""}


def test_a_dns_config_is_merged_without_doubles():
    config = {
        "nameservers": ["10.96.0.10", "1.1.1.1", "2.2.2.2", "3.3.3.3"],
        "searches": ["svc.cluster.local", "more.example"],
        "options": [{"name": "ndots", "value": "1"}],
    }
    found = settings(dnsConfig=config)
    assert found.nameservers == ("10.96.0.10", "1.1.1.1", "2.2.2.2")  # three at most
    assert found.searches == (*SEARCHES, "more.example")
    assert found.ndots == 1


def test_search_domains_beyond_the_limit_are_left_out():
    found = settings(dnsConfig={"searches": [f"s{number}.example" for number in range(40)]})
    assert len(found.searches) == 32
    assert "kubelets before 1.28 keep the first 6" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "ndots", "names"),
    [
        ("web", "5", ["web.a.b.", "web.c.", "web."]),
        ("web.ns", "2", ["web.ns.a.b.", "web.ns.c.", "web.ns."]),
        ("web.ns", "1", ["web.ns.", "web.ns.a.b.", "web.ns.c."]),
        ("web.", "5", ["web."]),
        ("a.b.c.d.e.f", "5", ["a.b.c.d.e.f.", "a.b.c.d.e.f.a.b.", "a.b.c.d.e.f.c."]),
    ],
)
def test_ndots_decides_when_the_name_itself_is_tried(name, ndots, names):
    found = ResolvConf(searches=("a.b", "c."), options={"ndots": ndots})
    assert [whole for whole, _ in found.candidates(name)] == names


def test_a_dot_for_a_search_domain_is_the_root():
    found = ResolvConf(searches=(".",), options={"ndots": "5"})
    assert next(whole for whole, _ in found.candidates("web")) == "web."


@pytest.mark.parametrize(("text", "ndots"), [("0", 0), ("99", 15), ("x", 1), ("", 1)])
def test_ndots_is_a_small_number(text, ndots):
    assert ResolvConf(options={"ndots": text}).ndots == ndots


def test_of_several_search_lines_the_last_counts():
    found = parse("# search a\nsearch b\nsearch c d\noptions ndots:3\nnameserver 1.1.1.1\n\n", "f")
    assert (found.searches, found.ndots, found.nameservers) == (("c", "d"), 3, ("1.1.1.1",))


def test_a_nameserver_line_names_one():
    with pytest.raises(NodeError, match="f:2:1: nameserver without an address"):
        parse("search a\nnameserver\n", "f")
