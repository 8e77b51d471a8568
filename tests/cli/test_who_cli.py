"""natc who: text, JSON and exit status."""

import json

import pytest

from natc.cli import run
from tests.bundles import bundle
from tests.support import GOLDEN

DUMP = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")


def test_text_says_what_the_pod_sees(capsys):
    assert run(["who", DUMP, "10.244.0.23:8080"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 service paths to 10.244.0.23:8080\n")
    assert ":30090/tcp on the node's addresses  default/nodeport-svc  line 51\n" in out
    assert "10.105.182.209:3000/tcp  default/nodeport-svc cluster IP  line 59\n" in out
    assert "the pod sees the sender's own address when source is not the chosen endpoint and" in out


def test_json_has_a_row_for_each_condition(capsys):
    assert run(["who", DUMP, "10.244.0.23", "--output", "json"]) == 0
    paths = json.loads(capsys.readouterr().out)["paths"]
    assert {"dst", "proto", "odds", "conditions", "source_seen", "name", "line"} <= paths[0].keys()
    assert {path["odds"]["value"] for path in paths} == {0.5}
    own = [path["conditions"] for path in paths if path["source_seen"] == "own"]
    assert own == [["source is not the chosen endpoint", "source in 10.244.0.0/16"]] * 2


ROUTER = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i wan -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5
-A PREROUTING -i wan -p udp -j DNAT --to-destination 10.0.0.5
-A POSTROUTING -s 10.0.0.0/8 -o lan -j MASQUERADE
-A POSTROUTING -s 172.16.0.0/12 -j MASQUERADE
COMMIT
"""


def test_a_router_translates_whatever_address_it_is_asked_for(tmp_path, capsys):
    (tmp_path / "router.txt").write_text(ROUTER)
    assert run(["who", str(tmp_path / "router.txt"), "10.0.0.5"]) == 0
    out = capsys.readouterr().out
    assert ":80/tcp on any address that the rules take  line 4\n" in out
    assert "\nany port/udp on any address that the rules take  line 5\n" in out
    assert (
        "the pod sees the node's address (masquerade) when\n                   source in 10.0.0.0/8 and "
        in out
    )
    assert "\n                   or source in 172.16.0.0/12 and incoming interface is wan\n" in out


NODE = """\
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -m set ! --match-set s src -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:NP - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NP
-A PREROUTING -d ELSEWHERE -m addrtype --dst-type LOCAL -j NP
-A NP -p tcp -m tcp --dport 30090 -j DNAT --to-destination 10.1.0.1:80
-A POSTROUTING -j MASQUERADE
COMMIT
"""


@pytest.mark.parametrize(("elsewhere", "more"), [
    ("192.0.2.0/24", []), ("10.0.0.0/24", ["10.0.0.5:30090"]),
])  # fmt: skip
def test_what_a_bundle_says_of_its_node_is_known(elsewhere, more, tmp_path, capsys):
    rules = NODE.replace("ELSEWHERE", elsewhere)
    (tmp_path / "node.tar").write_bytes(bundle(**{"iptables-save": rules, "iptables-nft-save": rules}))
    assert run(["who", str(tmp_path / "node.tar"), "10.1.0.1", "--output", "json"]) == 0
    paths = json.loads(capsys.readouterr().out)["paths"]
    assert [path["dst"] for path in paths] == [*more, ":30090"]
    for path in paths:
        assert path["source_seen"] == "10.0.0.5:source port"
        assert path["conditions"] == ["source is 10.0.0.7"]


@pytest.mark.parametrize("pod", ["10.244.0.99", "10.244.0.23:99", "::1"])
def test_nothing_leads_there(capsys, pod):
    assert run(["who", DUMP, pod]) == 1
    assert capsys.readouterr().out == f"No service path leads to {pod}\n"


@pytest.mark.parametrize("pod", ["10.244", "pod", "10.0.0.1-10.0.0.2", "10.0.0.1:1-2", ":80", "10.0.0.1:x"])
def test_bad_input(capsys, pod):
    assert run(["who", DUMP, pod]) == 2
    assert "expected IP, IP:PORT or [IPv6]:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ("10.0.0", "IP:1:1: '10.0.0' is not an IP address (expected IP, IP:PORT or [IPv6]:PORT)"),
        ("10.0.0.1-10.0.0.9", "IP:1:1: is not one address"),
        ("10.0.0.1:x", "IP:1:1: 'x' is not a port"),
    ],
)
def test_what_is_no_pod_is_refused_with_what_was_expected(pod, said, capsys):
    assert run(["who", DUMP, pod]) == 2
    assert capsys.readouterr().err.startswith(said)
