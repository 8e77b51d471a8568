"""What a node refuses from the wire, asked without a node: refused, open, or taken for granted, and said so."""

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.report.trace_json import trace_json
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import OpenNode

RULES = read("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")


def answer(src=None, dst="10.0.0.1", *, node=None, origin="network", **asked):
    return Machine.of(RULES, node).trace(question_packet(dst, 80, src=src, **asked), origin)


def verdicts(found):
    return {verdict for case in found.cases for verdict in {outcome.verdict for _, outcome in case.outcomes}}


@pytest.mark.parametrize("src", ["224.0.0.1", "239.1.2.3", "255.255.255.255", "0.0.0.0"])
def test_what_every_node_refuses_is_refused(src):
    found = answer(src)
    assert verdicts(found) == {"NO_ROUTE"}
    assert found.assumptions == ()
    assert "martian source" in found.cases[0].outcomes[0][1].reason


def test_the_rest_of_the_network_of_0_0_0_0_is_let_in():
    assert verdicts(answer("0.1.2.3")) == {"FORWARD"}


@pytest.mark.parametrize("src", ["::1", "ff02::1"])
def test_what_ipv6_refuses_is_gone_before_any_rule(src):
    found = answer(src, "fd00::1")
    assert verdicts(found) == {"NO_ROUTE"}
    assert found.cases[0].outcomes[0][1].path == ()
    assert "NO_ROUTE" not in verdicts(answer("::1", "::1", in_interface="lo"))


@pytest.mark.parametrize(
    ("src", "dst", "question"),
    [
        ("127.0.0.1", "10.0.0.1", "route_localnet is 1"),
        ("10.0.0.5", "10.0.0.1", "accept_local is 1"),
    ],
)
def test_what_hangs_on_a_sysctl_is_open(src, dst, question):
    found = answer(src, dst, node=OpenNode(frozenset({0x0A000005})))
    (asked,) = found.questions
    assert question in asked.text
    assert len(verdicts(found)) == 2 and "NO_ROUTE" in verdicts(found)
    assert verdicts(answer(src, dst, node=OpenNode(frozenset({0x0A000005})), origin="local")) <= {
        "OUTPUT",
        "INPUT",
    }
    assert "NO_ROUTE" not in verdicts(answer(src, dst, in_interface="lo"))


NO_MARTIAN = "the source is no martian (loopback, multicast, broadcast, 0.0.0.0, the node's own)"
SYSCTLS = "rp_filter lets the source in and the node forwards packets"


def test_what_is_taken_for_granted_of_an_open_source_is_said():
    assert answer().assumptions[1:] == (NO_MARTIAN, SYSCTLS)
    assert trace_json(answer())["assumptions"][1:] == [NO_MARTIAN, SYSCTLS]
    assert answer("10.9.9.9").assumptions[1:] == (SYSCTLS,)
    assert len(answer(origin="local").assumptions) == 1
    assert answer("10.9.9.9", "127.0.0.1").assumptions == (
        "rp_filter lets the source in and route_localnet lets it in",
    )
    six = ("the source is no martian (loopback, multicast, the node's own)", "the node forwards packets")
    assert answer(dst="fd00::1").assumptions[1:] == six


def test_a_node_decides_all_but_that_the_source_is_no_martian():
    node = {
        "interfaces": [{"name": "eth0", "addrs": ["10.9.0.5/24"]}],
        "routes": ["default via 10.9.0.1 dev eth0"],
    }
    known = HostNode(Host.from_node(node))
    assert answer(node=known).assumptions == (NO_MARTIAN,)
    assert answer("10.7.7.7", node=known).assumptions == ()
