"""Copies that TEE sends, held against what a kernel did with them."""

import json
from pathlib import Path

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.machine import trace
from natc.trace.node.host_node import HostNode
from natc.trace.replay import Replay, replay
from tests.support import GOLDEN

NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.1.254/24"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}
TCP = {"origin": "cni0", "src": "10.244.1.5", "dst": "8.8.8.8", "proto": "tcp", "sport": 40000, "dport": 80}


def mangle(*rules):
    chains = [f":{chain} ACCEPT [0:0]" for chain in ("PREROUTING", "OUTPUT", "POSTROUTING")]
    return read("\n".join(["*mangle", *chains, *rules, "COMMIT", ""]))


def content(folder: Path, name: str):
    return json.loads((folder / f"{name}.json").read_text())


@pytest.mark.parametrize("backend", ["legacy", "nft"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_copies_go_the_way_that_a_kernel_sent_them(family, backend):
    folder = GOLDEN / "copies" / family
    host = Host.from_node(content(folder, "node"))
    run = Replay(host, read((folder / "dump.txt").read_text(), family=host.family), backend)
    for entry, kernel in zip(content(folder, "packets"), content(folder, "kernel")[backend], strict=True):
        result = run.send(entry)
        ends = [result, *result.get("copies", [])]
        assert sorted(step for end in ends for step in end["path"]) == kernel["path"], entry
        assert sorted(([end["out"], end["final"]] for end in ends if end["out"]), key=str) == kernel["sent"]


def test_an_answer_tells_what_becomes_of_the_copy():
    rules = mangle(
        "-A PREROUTING -p tcp -j TEE --gateway 10.244.1.9",
        "-A PREROUTING -j MARK --set-xmark 0x1/0x1",
        "-A OUTPUT -m statistic --mode random --probability 0.25 -j DROP",
    )
    answer = trace(rules, question_packet("10.0.0.1", 80), HostNode(Host.from_node(NODE)))
    (case,) = answer.cases
    found = {outcome.copies[0].verdict: (odds, outcome) for odds, outcome in case.outcomes}
    assert {verdict: float(odds) for verdict, (odds, _) in found.items()} == {"DROP": 0.25, "OUTPUT": 0.75}
    assert {(one.verdict, one.mark) for _, one in found.values()} == {("FORWARD", 1)}
    sent = found["OUTPUT"][1].copies[0]
    assert (sent.gateway, sent.out, sent.packet.mark) == ("10.244.1.9", "cni0", 0)
    assert [step.rule.line for step in found["DROP"][1].factors] == [7]


def test_without_a_node_the_device_of_the_copy_is_open():
    rules = mangle("-A PREROUTING -j TEE --gateway 10.244.1.9", "-A OUTPUT -o eth1 -j DROP")
    answer = trace(rules, question_packet("10.0.0.1", 80))
    ends = {case.conditions[0]: case.outcomes[0][1].copies[0].verdict for case in answer.cases}
    device = "outgoing interface of the copy to 10.244.1.9"
    assert ends == {f"{device} is eth1": "DROP", f"{device} is not eth1": "OUTPUT"}


def test_a_copy_that_a_rule_rejects_is_answered():
    rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{}COMMIT\n".format(
        "-A FORWARD -j TEE --gateway 192.168.1.9\n-A OUTPUT -p tcp -j REJECT\n"
        "-A OUTPUT -p icmp -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n"
    )
    run = Replay(Host.from_node(NODE), read(rules))
    assert run.send(TCP)["copies"][0]["verdict"] == "REJECT"
    echo = {"origin": "local", "src": "auto", "dst": "8.8.8.8", "proto": "icmp"}
    assert run.send(echo)["path"] == ["filter OUTPUT policy"]


def test_a_copy_that_comes_in_to_be_copied_without_end_is_named():
    rules = mangle("-A PREROUTING -j TEE --gateway 192.168.1.10")
    answer = trace(rules, question_packet("10.0.0.1", 80), HostNode(Host.from_node(NODE)))
    assert [one.text for one in answer.questions] == ["how often the copy to 192.168.1.10 is copied again"]


def test_where_no_route_leads_no_copy_is_sent():
    node = NODE | {"routes": []}
    (result,) = replay(
        mangle("-A PREROUTING -j TEE --gateway 8.8.4.4"), node, [TCP | {"dst": "192.168.1.77"}]
    )
    assert (result["verdict"], "copies" in result) == ("FORWARD", False)
