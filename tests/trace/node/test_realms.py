"""The realm of a packet's route (net/netfilter/xt_realm.c)."""

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


def verdicts(asked, node, src="10.0.0.9", dst="10.0.0.2"):
    dump = read(DUMP.format(asked))
    machine = Machine.of(dump, HostNode(Host.from_node(node))) if node else Machine.of(dump)
    answer = machine.trace(question_packet(dst, 9, proto="udp", src=src, in_interface="eth0"))
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
    ("named", "found"),
    [
        # The way back to the source is the default route: its realm is the source's, above the destination's.
        ({"routes": ["default via 10.0.0.1 dev eth0 realm 5"]}, "! --realm 0x50000"),
        ({"routes": ["10.9.0.0/16 via 10.0.0.1 dev eth0 realms 3/5"]}, "--realm 0x50000"),
        ({"routes": [], "rules": ["from all lookup main realms 3/5"]}, "--realm 0x50003"),
        ({"rules": ["to 10.0.0.9 lookup main realms 3/5"]}, "--realm 0x50003"),
    ],
)
def test_the_source_gives_the_realms_of_what_is_delivered(named, found):
    node = NODE | named
    assert verdicts(found, node, src="10.9.0.1" if "10.9" in str(named) else "10.0.0.9") == {"DROP"}


def test_a_route_gives_its_realms_to_what_it_forwards():
    node = NODE | {
        "routes": ["10.8.0.0/16 via 10.0.0.3 dev eth0 realm 7", "10.9.0.0/16 via 10.0.0.1 dev eth0 realm 5"]
    }
    assert verdicts("--realm 0x50007", node, src="10.9.0.1", dst="10.8.0.1") == {"DROP"}
    assert verdicts("--realm 0x7/0xffff", node, dst="10.8.0.1") == {"DROP"}
    assert verdicts("--realm 0x7/0xffff", node, src=None, dst="10.8.0.1") == {"DROP", "FORWARD"}  # open


def test_of_a_realm_with_a_name_nobody_knows_the_number():
    node = NODE | {"routes": ["10.8.0.0/16 via 10.0.0.3 dev eth0 realm backbone"]}
    assert verdicts("--realm 0x7", node, dst="10.8.0.1") == {"DROP", "FORWARD"}


def test_without_a_node_it_is_a_question():
    assert verdicts("--realm cosmos", None) == {"DROP", "FORWARD"}


def test_what_ip_shows_of_realms_is_read():
    (hop,) = route_of({"dst": "10.0.0.0/8", "dev": "eth0", "flow": {"to": "5"}}, 4).hops
    assert hop.realms == 5
    hops = [{"gateway": "10.0.0.1", "dev": "a", "flow": {"from": "3", "to": "5"}}, {"dev": "b"}]
    assert [hop.realms for hop in route_of({"dst": "10.0.0.0/8", "nexthops": hops}, 4).hops] == [0x30005, 0]
    rule = {"priority": 9, "src": "all", "table": "main", "flow_from": "3", "flow_to": "5"}
    assert rule_of(rule, 4).realms == 0x30005
