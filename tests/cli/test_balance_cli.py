"""natc balance: text, JSON, weights, health checks, and who does the work."""

import json
import sys
from pathlib import Path

import pytest

from natc.cli import run
from tests.bundles import ADDRESSES, POLICY, ROUTES, bundle

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  clusterIP: 10.96.7.7
  externalTrafficPolicy: POLICY
  healthCheckNodePort: 32100
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30090}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.10}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
"""
ENDPOINTS = """
- {addresses: [10.244.1.2], nodeName: node1}
- {addresses: [10.244.2.2], nodeName: node2}
- {addresses: [10.244.2.3], nodeName: node2}
"""


def compiled(folder, version="1.30", policy="Local", endpoints=ENDPOINTS):
    """The dumps of three nodes of one cluster; the third has none of the pods."""
    service = SERVICE.replace("POLICY", policy)
    if policy == "Cluster":
        service = service.replace("  healthCheckNodePort: 32100\n", "")
    manifest = folder / "cluster.yaml"
    manifest.write_text(service + endpoints)
    flags = ["--kube-version", version, "--cluster-cidr", "10.244.0.0/16", "--with-kubelet"]
    dumps = {name: str(folder / f"{name}.txt") for name in ("node1", "node2", "node3")}
    for name, dump in dumps.items():
        assert run(["compile", str(manifest), *flags, "--hostname-override", name, "-o", dump]) == 0
    return list(dumps.values())


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("nodes"))


def asked(capsys, *words, status=0):
    """The JSON answer."""
    assert run(["balance", *words, "--output", "json"]) == status
    return json.loads(capsys.readouterr().out)


def outside(answer, kind="shares"):
    """What senders outside the cluster meet: num/den by pod or verdict."""
    first = answer["cases"][0]["conditions"]
    return {
        row.get("ip") or row["verdict"]: (row["odds"]["num"], row["odds"]["den"])
        for row in answer[kind]
        if row["conditions"] == first
    }


def test_text_says_how_uneven_local_is_and_what_is_lost(capsys, dumps):
    assert run(["balance", "--dst", ":30090", *dumps]) == 0
    out = capsys.readouterr().out
    assert out.startswith(":30090/tcp over 3 nodes: 3 pods\n\nwhen source outside 10.244.0.0/16: uneven, ")
    assert "the most is 2 times the least; even would be 33.3333 % each\n     16.6667 %   10.244.2." in out
    assert f"     33.3333 %   dropped, on {dumps[2]}\n  the pods see the sender's own address\n" in out
    assert "when source in 10.244.0.0/16: even, 33.3333 % each\n" in out


def test_shares_are_exact_and_weights_any_ratios(capsys, dumps):
    answer = asked(capsys, "--dst", ":30090", f"{dumps[0]}=1/2", f"{dumps[1]}=1.5", f"{dumps[2]}=0")
    assert outside(answer) == {"10.244.1.2": (1, 4), "10.244.2.2": (3, 8), "10.244.2.3": (3, 8)}
    assert outside(answer, "lost") == {}
    assert answer["cases"][0]["ratio"] == {"num": 3, "den": 2, "value": 1.5}
    assert [node["part"]["value"] for node in answer["nodes"]] == [0.25, 0.75, 0]


@pytest.mark.parametrize("version", ["1.18.6", "1.23.4", "1.30"])
def test_a_node_without_local_endpoints_fails_its_health_check(capsys, tmp_path, version):
    dumps = compiled(tmp_path, version)
    for dst in (":30090", "203.0.113.10:80"):
        answer = asked(capsys, "--dst", dst, *dumps, "--health-check", "--src", "198.51.100.7")
        assert [node["local_endpoints"] for node in answer["nodes"]] == [True, True, False]
        assert [node["part"]["value"] for node in answer["nodes"]] == [0.5, 0.5, 0]
        assert outside(answer) == {"10.244.1.2": (1, 2), "10.244.2.2": (1, 4), "10.244.2.3": (1, 4)}
        assert answer["lost"] == []


def test_where_every_health_check_fails_nobody_gets_anything(capsys, tmp_path):
    dumps = compiled(tmp_path, endpoints=" []")
    assert run(["balance", "--dst", ":30090", *dumps, "--health-check"]) == 1
    assert "no connections go to" in capsys.readouterr().out
    assert asked(capsys, "--dst", ":30090", *dumps, status=1)["lost"][0]["verdict"] == "REJECT"


def test_under_the_policy_cluster_no_health_check_fails(capsys, tmp_path):
    answer = asked(capsys, "--dst", ":30090", *compiled(tmp_path, policy="Cluster"), "--health-check")
    assert [row["conditions"] for row in answer["cases"]] == [[]]
    assert answer["cases"][0]["source_seen"] == ["node"]
    assert all(abs(row["odds"]["value"] - 1 / 3) < 1e-9 for row in answer["shares"])


def test_a_bundle_knows_the_addresses_of_its_node(capsys, tmp_path, dumps):
    addresses = [*ADDRESSES, {"ifname": "cni0", "addr_info": [
        {"family": "inet", "local": "10.244.1.1", "prefixlen": 24, "scope": "global"}]}]  # fmt: skip
    rules = Path(dumps[0]).read_text()
    files = {"iptables-save": rules, "iptables-nft-save": rules, "addr-4.json": json.dumps(addresses),
             "route-4.json": json.dumps(ROUTES), "rule-4.json": json.dumps(POLICY)}  # fmt: skip
    node = tmp_path / "node1.tar"
    node.write_bytes(bundle(**files))
    answer = asked(capsys, "--dst", ":30090", str(node), "--src", "10.0.0.77", "--in", "eth0")
    assert outside(answer) == {"10.244.1.2": (1, 1)}
    assert answer["nodes"][0]["open"] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--dst", "30090", "DUMP"], "expected :PORT, IP:PORT"),
        (["--dst", "10.0.0.1", "DUMP"], "has no port (expected :PORT, IP:PORT or [IPV6]:PORT)"),
        (["--dst", ":99999", "DUMP"], "port 99999 is not between 0 and 65535 (expected :PORT"),
        (["--dst", ":nobody", "DUMP"], "expected :PORT, IP:PORT or [IPV6]:PORT"),
        (["--dst", ":30090", "DUMP=x"], "'x' is no weight (expected 5, 0.5 or 1/3)"),
        (["--dst", ":30090", "DUMP=-1"], "'-1' is no weight"),
        (["--dst", ":30090", "DUMP=0"], "every node has weight 0"),
        (["--dst", "[2001:db8::1]:80", "DUMP"], "is of IPv4, the question of IPv6"),
        (["--dst", "[::]:80", "DUMP"], "is of IPv4, the question of IPv6"),
        (["--dst", ":80", "DUMP=1e9"], "'1e9' is no weight"),
        (["--dst", "10.0.0.1:80", "--src", "::1", "DUMP"], "not of one family"),
        (
            ["--dst", ":30090", "DUMP", "/nowhere", "/none"],
            "/nowhere:1:1: No such file or directory\n/none:1:1",
        ),
    ],
)
def test_bad_input(capsys, dumps, words, expected):
    assert run(["balance", *(word.replace("DUMP", dumps[0]) for word in words)]) == 2
    out, err = capsys.readouterr()
    assert expected in err
    assert out == ""


def test_without_dask_the_cluster_is_an_error(capsys, dumps, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(["balance", "--dst", ":30090", dumps[0], "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == "--scheduler needs Dask: pip install 'natc[cluster]'\n"
