"""The realm of a packet's route: 0 on a node that names none, else a question (net/netfilter/xt_realm.c)."""

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.text.node.ip_json import route_of, rule_of
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode

NODE = {
    "interfaces": [{"name": "eth0", "addrs": ["10.0.0.2/24"]}],
    "routes": ["default via 10.0.0.1 dev eth0"],
}
DUMP = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -m realm {0} -j DROP
-A FORWARD -m realm {0} -j DROP
COMMIT
"""


def verdicts(asked, node):
    dump = read(DUMP.format(asked))
    machine = Machine.of(dump, HostNode(Host.from_node(node))) if node else Machine.of(dump)
    answer = machine.trace(question_packet("10.0.0.2", 9, proto="udp", src="10.0.0.9", in_interface="eth0"))
    return {outcome.verdict for case in answer.cases for _, outcome in case.outcomes}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("--realm cosmos", {"DROP"}),
        ("--realm 0x0/0xff", {"DROP"}),
        ("--realm 0x5", {"INPUT"}),
        ("! --realm 0x5/0xff", {"DROP"}),
        ("--realm here", {"DROP", "INPUT"}),
    ],
)
def test_a_node_that_names_no_realm_has_realm_0(asked, found):
    assert verdicts(asked, NODE) == found


@pytest.mark.parametrize(
    "named",
    [
        {"routes": ["default via 10.0.0.1 dev eth0 realm 5"]},
        {"routes": ["default nexthop via 10.0.0.1 dev eth0 realms 3/5 weight 1"]},
        {"rules": ["from 10.0.0.9 lookup main realms 3/5"]},
    ],
)
def test_where_realms_are_named_it_is_a_question(named):
    assert verdicts("--realm 0x5", NODE | named) == {"DROP", "INPUT"}


def test_without_a_node_it_is_a_question():
    assert verdicts("--realm cosmos", None) == {"DROP", "FORWARD"}


def test_what_ip_shows_of_realms_is_read():
    assert route_of({"dst": "10.0.0.0/8", "dev": "eth0", "flow_to": "5"}, 4).realms
    assert not route_of({"dst": "10.0.0.0/8", "dev": "eth0"}, 4).realms
    assert rule_of({"priority": 9, "src": "all", "table": "main", "flow_from": "3", "flow_to": "5"}, 4).realms
