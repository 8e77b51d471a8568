"""Drift by name: each kind of change in a real node's dump is said in terms of its service."""

import re
from unittest.mock import patch

import pytest
from attrs import evolve

from natc.analysis.verify import compare, compare_written, verify
from natc.analysis.written import Shown
from natc.compile import ProxyConfig
from natc.compile import compile as compile_cluster
from natc.compile.layouts import find_version
from natc.compile.signs import recognise
from natc.text.reader import read
from tests.compile.cases import cluster_of, config_of, version_of
from tests.support import GOLDEN, case_id, present, shared_cases

CASE = GOLDEN / "kube-proxy/1.29.1-901"
MANY = GOLDEN / "kube-proxy/1.27.1-902"
CASES = sorted(path.parent for path in GOLDEN.glob("kube-proxy/*/flags.json"))
RECORDED = shared_cases("kube-proxy/corpus/*/[0-9]*")


def dump_of(case, backend="legacy"):
    return (case / f"save-{backend}.txt").read_text()


def findings(text, case=CASE):
    config = config_of(case)
    ruleset = read(text, family=6 if config.is_ipv6 else 4)
    return compare(compile_cluster(cluster_of(case), config), ruleset, config).findings


def codes(text, case=CASE):
    return [(finding.code, finding.service) for finding in findings(text, case)]


def assert_silent(case):
    expected, config = compile_cluster(cluster_of(case), config_of(case)), config_of(case)
    for backend in ("legacy", "nft"):
        ruleset = read(dump_of(case, backend), family=6 if config.is_ipv6 else 4)
        found = compare(expected, ruleset, config)
        assert found.findings == ()
        for worth in (1, 4):
            with patch("natc.compile.saved._WORTH", worth):
                quick, _ = compare_written(Shown.of(ruleset), cluster_of(case), config)
            assert quick == found


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_no_drift_where_there_is_none(case):
    assert_silent(case)


@pytest.mark.shared
@pytest.mark.parametrize("case", RECORDED, ids=case_id)
def test_no_drift_in_a_recorded_node(case):
    assert_silent(present(case))


@pytest.mark.shared
@pytest.mark.parametrize("case", RECORDED, ids=case_id)
def test_the_version_is_among_those_recognised(case):
    ruleset = read(dump_of(present(case)))
    layout = find_version(version_of(case)).layout
    assert layout in [find_version(version).layout for version in recognise(Shown.of(ruleset).tables)]


@pytest.mark.parametrize("case", [c for c in CASES if "userspace" not in c.name], ids=case_id)
def test_nothing_needs_to_be_given(case):
    """The settings that a dump shows, and those that explain it, are enough."""
    config = config_of(case)
    result = verify(read(dump_of(case), family=6 if config.is_ipv6 else 4), cluster_of(case), {})
    assert result.findings == ()


NODE_PORT = "default/nodeport-svc"


def test_an_endpoint_chain_that_leads_elsewhere():
    found = findings(dump_of(CASE).replace("--to-destination 10.244.2.14", "--to-destination 10.244.2.99"))
    assert [f.code for f in found] == ["NV103", "NV104"]
    assert "10.244.2.14:8080" in found[0].message
    assert "10.244.2.99:8080" in found[1].message
    assert found[1].line


def test_an_endpoint_that_no_longer_exists_and_one_that_is_not_there_yet():
    """What a node shows whose kube-proxy stopped before a rollout."""
    cluster, config = cluster_of(CASE), config_of(CASE)
    (piece,) = cluster.endpoint_slices
    later = evolve(
        piece, endpoints=(piece.endpoints[0], evolve(piece.endpoints[1], addresses=("10.244.1.7",)))
    )
    expected = compile_cluster(evolve(cluster, endpoint_slices=(later,)), config)
    found = compare(expected, read(dump_of(CASE)), config).findings
    assert [(f.code, f.details["endpoint"]) for f in found] == [
        ("NV104", "10.244.2.14:8080"),
        ("NV103", "10.244.1.7:8080"),
    ]


def test_an_endpoint_that_is_gone_has_moved_nothing():
    cluster, config = cluster_of(CASE), config_of(CASE)
    (piece,) = cluster.endpoint_slices
    expected = compile_cluster(
        evolve(cluster, endpoint_slices=(evolve(piece, endpoints=piece.endpoints[1:]),)), config
    )
    assert [f.code for f in compare(expected, read(dump_of(CASE)), config).findings] == ["NV104"]


def test_shares_are_expected_and_found():
    (finding,) = findings(dump_of(CASE).replace("--probability 0.50000000000", "--probability 0.25000000000"))
    assert (finding.code, finding.service) == ("NV105", NODE_PORT)
    assert "25 % instead of 50 %" in finding.message
    assert [e["found"]["value"] for e in finding.details["endpoints"]] == [0.25, 0.75]


def test_a_masquerade_rule_that_is_gone():
    text = re.sub(r"-A KUBE-SVC-\S+ ! -s .*\n", "", dump_of(CASE), count=1)
    assert [code for code, _ in codes(text)] == ["NV107"]


def test_a_service_that_is_gone_and_one_too_many():
    cluster, config = cluster_of(MANY), config_of(MANY)
    ruleset = read(dump_of(MANY))
    fewer = evolve(cluster, services=tuple(s for s in cluster.services if s.name != "udp"))
    result = compare(compile_cluster(fewer, config), ruleset, config)
    assert [(f.code, f.service) for f in result.findings] == [("NV102", "ns/udp:dns")]
    back = compare(compile_cluster(cluster, config), compile_cluster(fewer, config), config)
    assert [(f.code, f.service) for f in back.findings] == [("NV101", "ns/udp:dns")]


def test_a_changed_external_traffic_policy_is_one_finding():
    cluster, config = cluster_of(MANY), config_of(MANY)
    services = tuple(
        evolve(s, external_traffic_policy="Cluster") if s.name == "lb-local" else s for s in cluster.services
    )
    expected = compile_cluster(evolve(cluster, services=services), config)
    found = compare(expected, read(dump_of(MANY)), config).findings
    assert ("NV106", "ns/lb-local:http") in [(f.code, f.service) for f in found]
    assert {f.service for f in found} == {"ns/lb-local:http"}


def with_affinity(text):
    """A node's dump, its endpoints remembering their clients and sending them back."""
    remember = r"-m recent --set --name \2 --mask 255.255.255.255 --rsource \3"
    text = re.sub(r"(-A (KUBE-SEP-\S+) -p tcp .*)(-m tcp -j DNAT)", rf"\1{remember}", text)
    back = r"-m recent --rcheck --seconds 10800 --reap --name \3 --mask 255.255.255.255 --rsource -j \3"
    return re.sub(
        r"((-A KUBE-SVC-\S+ -m comment --comment \S+ -> \S+ ).*-j (KUBE-SEP-\S+)\n)", rf"\2{back}\n\1", text
    )


def test_session_affinity_that_one_side_has_is_one_finding():
    sticky = with_affinity(dump_of(CASE))
    assert sticky.count("--rcheck") == sticky.count("--set --name") == 2
    (finding,) = findings(sticky)
    assert (finding.code, finding.service) == ("NV111", NODE_PORT)
    assert finding.message == "sessionAffinity should be None, and the rules are those of ClientIP"
    assert "recent" in sticky.splitlines()[finding.line - 1]
    (gone,) = compare(read(sticky), read(dump_of(CASE)), config_of(CASE)).findings
    assert gone.message == "sessionAffinity should be ClientIP, and the rules are those of None"


def test_what_affinity_does_not_explain_is_told_beside_it():
    found = findings(
        with_affinity(dump_of(CASE)).replace("--to-destination 10.244.2.14", "--to-destination 10.244.2.99")
    )
    assert [f.code for f in found] == ["NV111", "NV103", "NV104"]


def test_another_time_of_affinity_is_told():
    sticky = with_affinity(dump_of(CASE))
    shorter = read(sticky.replace("--seconds 10800", "--seconds 60", 1))
    (finding,) = compare(read(sticky), shorter, config_of(CASE)).findings
    assert finding.code == "NV111"
    assert (
        "to send clients back to 10.244.0.23:8080: --seconds should be 10800, is 60: -A KUBE-SVC-"
        in finding.message
    )


CLUSTER_IP = '-d {} -p {} -m comment --comment "default/nodeport-svc cluster IP" -m {} --dport {} -j KUBE-SVC'


@pytest.mark.parametrize(("old", "new", "said"), [
    ("--dport 30090", "--dport 30091", "--dport should be 30090, is 30091: -A KUBE-NODEPORTS "),
    (" --random-fully", "", "lacks --random-fully: -A KUBE-POSTROUTING "),
    ("--dst-type LOCAL", "--dst-type LOCAL --limit-iface-in", "has --limit-iface-in too much: -A KUBE-SERVICES "),
    (CLUSTER_IP.format("10.105.182.209/32", "tcp", "tcp", 3000), CLUSTER_IP.format("10.9.9.9/32", "udp", "udp", 1),
     "should be: -A KUBE-SERVICES -d 10.105.182.209/32 "),
])  # fmt: skip
def test_a_rule_that_differs_is_told_by_its_words(old, new, said):
    text = dump_of(CASE)
    assert old in text
    (finding,) = [one for one in findings(text.replace(old, new)) if one.message.startswith(said[:9])]
    assert finding.message.startswith(said)
    assert {"expected", "found"} <= finding.details.keys()


def test_an_endpoint_chain_that_translates_nothing_is_one_endpoint_missing():
    text = re.sub(r"-A KUBE-SEP-\S+ .*-j DNAT --to-destination 10.244.2.14:8080\n", "", dump_of(CASE))
    assert [code for code, _ in codes(text)] == ["NV103"]


def test_a_chain_left_over():
    chain = "KUBE-SEP-AAAAAAAAAAAAAAAA"
    text = dump_of(CASE).replace(
        ":KUBE-SERVICES - [0:0]\n-A PRE", f":KUBE-SERVICES - [0:0]\n:{chain} - [0:0]\n-A PRE"
    )
    text = text.replace("*nat\n", f"*nat\n:{chain} - [0:0]\n", 1)
    (finding,) = findings(text)
    assert (finding.code, chain in finding.message) == ("NV108", True)


def test_a_jump_of_kube_proxy_that_is_gone():
    text = re.sub(r"-A PREROUTING .*-j KUBE-SERVICES\n", "", dump_of(CASE))
    assert codes(text) == [("NV114", "")]


def test_a_table_that_is_not_in_the_dump():
    text = dump_of(CASE)
    assert ("NV114", "") in codes(text[text.index("*nat") :])


def test_order_of_services_counters_and_other_peoples_rules_are_no_drift():
    lines = dump_of(MANY).splitlines()
    services = [line for line in lines if line.startswith("-A KUBE-SERVICES -d") and "cluster IP" in line]
    at = lines.index(services[0])
    lines = [line for line in lines if line not in services]
    lines[at:at] = reversed(services)
    lines = [f"[7:420] {line}" if line.startswith("-A") else line for line in lines]
    start = lines.index("*nat")
    lines[start + 1 : start + 1] = [":CNI-HOSTPORT-DNAT - [0:0]", ":KUBE-ROUTER-X - [0:0]"]
    end = lines.index("COMMIT", start)
    lines[end:end] = ["-A PREROUTING -j CNI-HOSTPORT-DNAT", "-A OUTPUT -j KUBE-ROUTER-X"]
    assert findings("\n".join(lines) + "\n", MANY) == ()


def test_without_comments_in_a_large_cluster():
    """Services given alone do not say that the cluster is large; its endpoints have no comments."""
    text = re.sub(
        r'(-A KUBE-(?:SVC|SEP|SVL)-\S+.*?) -m comment --comment (?:"[^"]*"|\S+)', r"\1", dump_of(CASE)
    )
    assert "cluster IP" in text
    assert [f for f in findings(text) if f.code != "NV107"] == []


def test_an_empty_node_misses_every_service():
    config = ProxyConfig()
    empty = read("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n")
    result = compare(compile_cluster(cluster_of(CASE), config), empty, config)
    assert ("NV101", NODE_PORT) in [(f.code, f.service) for f in result.findings]
    assert result.services == 1


def test_the_dump_may_be_spelled_otherwise():
    config = config_of(CASE)
    expected = compile_cluster(cluster_of(CASE), config)
    spelled = dump_of(CASE).replace(" -p tcp ", " --protocol tcp ").replace(" -j ", " --jump ")
    assert compare(expected, read(spelled), config).findings == ()
