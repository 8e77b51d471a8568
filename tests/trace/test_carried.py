"""What connections carry: in a trace, where mostly nothing of it is known, and across rulesets of a replay.

Facts: net/netfilter/xt_connbytes.c, nf_conntrack_acct.c.
"""

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.text.node.conntrack import read_connections
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.replay import Replay
from natc.trace.starting import Start

ASKED = "-A PREROUTING -m connbytes {} -j MARK --set-xmark 0x1/0x1"
UDP = "udp 17 29 src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=9{} src=10.0.0.2 dst=10.0.0.1 sport=9 dport=1000{} mark=0 use=1"
SHOWN = UDP.format(" packets=7 bytes=900", " packets=5 bytes=4000")


def dump(asked):
    heads = ":PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    return f"*mangle\n{heads}{ASKED.format(asked)}\nCOMMIT\n"


def marks(asked, *, shown=None, **given):
    """The marks that a UDP packet may come to have; None where that is a question."""
    start = Start(read_connections(shown)) if shown else Start()
    asked_of = {"proto": "udp", "src": "10.0.0.1", "sport": 1000} | given
    answer = Machine.of(read(dump(asked)), start=start).trace(question_packet("10.0.0.2", 9, **asked_of))
    return {outcome.mark for case in answer.cases for _, outcome in case.outcomes}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("--connbytes 1:1 --connbytes-mode packets --connbytes-dir original", {1}),
        ("--connbytes 1:1 --connbytes-mode packets --connbytes-dir reply", {0}),
        ("! --connbytes 1:2 --connbytes-mode packets --connbytes-dir both", {0}),
        ("--connbytes 0:0 --connbytes-mode avgpkt --connbytes-dir reply", {1}),
        ("--connbytes 100 --connbytes-mode bytes --connbytes-dir both", {0, 1}),
    ],
)
def test_the_first_packet_of_a_connection_is_all_it_carried(asked, found):
    assert marks(asked) == found


def test_of_a_packet_in_any_state_it_is_a_question():
    asked = "--connbytes 1:1 --connbytes-mode packets --connbytes-dir original"
    assert marks(asked, ctstate=None) == marks(asked, ctstate="ESTABLISHED") == {0, 1}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("--connbytes 8:8 --connbytes-mode packets --connbytes-dir original", {1}),
        ("--connbytes 13 --connbytes-mode packets --connbytes-dir both", {1}),
        ("--connbytes 4000:4000 --connbytes-mode bytes --connbytes-dir reply", {1}),
        ("--connbytes 800:800 --connbytes-mode avgpkt --connbytes-dir reply", {1}),
        ("--connbytes 1:900 --connbytes-mode bytes --connbytes-dir original", {0, 1}),
    ],
)
def test_a_connection_that_was_shown_has_carried_the_packet_too(asked, found):
    assert marks(asked, shown=SHOWN) == found


def test_a_connection_that_the_node_does_not_count_has_carried_nothing():
    asked = "--connbytes 0 --connbytes-mode packets --connbytes-dir both"
    assert marks(asked, shown=UDP.format("", "")) == {0}


def test_connections_are_counted_from_the_first_rule_that_asks():
    packet = {"origin": "eth0", "src": "10.0.0.1", "dst": "10.0.0.2", "proto": "udp", "dport": 9}
    asked = dump("--connbytes 0 --connbytes-mode packets --connbytes-dir both")
    without = dump("--connbytes 0 --connbytes-mode packets --connbytes-dir both").replace("-A", "#")
    node = {"interfaces": [{"name": "eth0", "addrs": ["10.0.0.2/24"]}]}
    old, new = {**packet, "sport": 1, "flush": False}, {**packet, "sport": 2, "flush": False}
    loads = [{"op": "restore", "dump": text} for text in (asked, without)]
    entries = [old, loads[0], old, new, loads[1], {**new, "sport": 3}, loads[0], old, {**new, "sport": 3}]
    results = Replay(Host.from_node(node), read(without)).run(entries)
    assert [result["mark"] for result in results if "mark" in result] == [0, 0, 1, 0, 0, 1]
