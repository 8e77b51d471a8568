"""Rules that nearly matched: one word away, told with what the packet has instead."""

from ipaddress import ip_address

import pytest

from natc.netfilter.packet import question_packet
from natc.netfilter.ruleset import Ruleset
from natc.text.reader import read
from natc.trace.answer.near_miss import NearMiss, near_misses
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from tests.trace.dumps import nat, service

OWN = OpenNode(frozenset({int(ip_address("192.168.7.1"))}))


def missed(
    ruleset: Ruleset,
    dst: str,
    port: int | None,
    node: OpenNode | None = None,
    origin: str = "network",
    **asked,
) -> tuple[NearMiss, ...]:
    machine = Machine.of(ruleset, node)
    return near_misses(machine, machine.trace(question_packet(dst, port, **asked), origin))


def words(misses: tuple[NearMiss, ...]) -> list[tuple[str, str]]:
    return [(miss.failed, miss.have) for miss in misses]


def test_a_packet_that_is_translated_has_none():
    assert missed(service(2), "10.96.0.1", 80) == ()


def test_a_condition_that_is_left_open_is_none():
    """The answer itself says what holds when the address is the node's."""
    assert missed(service(2), "192.168.7.1", 30080) == ()


def test_a_node_port_of_an_address_that_is_not_the_nodes():
    (miss,) = missed(service(2), "192.168.7.2", 30080, OWN)
    assert miss.have == "192.168.7.2 is not one of the node's addresses"
    assert miss.failed == "-m addrtype --dst-type LOCAL"
    assert "--dport 30080" in miss.rule.text
    assert miss.at.text == "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"


@pytest.mark.parametrize(
    ("dst", "port", "asked", "expected"),
    [
        ("10.96.0.1", 81, {}, ("-m tcp --dport 80", "the destination port is 81")),
        ("10.96.0.1", 80, {"proto": "udp"}, ("-p tcp", "the packet is udp")),
        ("10.96.0.9", 80, {}, ("-d 10.96.0.1/32", "the destination is 10.96.0.9")),
    ],
)
def test_one_word_of_the_rule_itself(dst, port, asked, expected):
    (miss,) = missed(service(2), dst, port, **asked)
    assert (miss.failed, miss.have) == expected
    assert miss.at is miss.rule
    assert miss.rule.text.endswith("-j SVC")


def test_two_words_off_is_no_near_miss():
    assert missed(service(2), "10.96.0.1", 81, proto="udp") == ()


def test_a_packet_that_is_not_the_first_of_its_connection():
    (miss,) = missed(service(2), "10.96.0.1", 80, ctstate="ESTABLISHED")
    assert miss.failed == "the nat table"
    assert miss.have.startswith("the connection is ESTABLISHED")


def test_a_common_port_is_not_told_of_every_address():
    rules = [
        f"-A PREROUTING -d 10.0.0.{n}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.1"
        for n in range(9)
    ]
    assert missed(nat(*rules), "10.9.0.1", 80) == ()
    assert len(missed(nat(*rules[:3]), "10.9.0.1", 80)) == 3


def test_a_chain_that_nothing_jumps_to():
    ruleset = nat(
        "-A LOST -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.1", chains="LOST"
    )
    assert words(missed(ruleset, "10.0.0.1", 80)) == [("chain LOST", "nothing jumps to LOST")]


def test_a_rule_of_a_hook_that_the_packet_does_not_come_to():
    ruleset = read(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
        "-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT\n-A FORWARD -d 8.8.8.8/32 -j DROP\nCOMMIT\n"
    )
    assert words(missed(ruleset, "8.8.8.8", 443)) == [("chain INPUT", "the packet comes through FORWARD")]


def test_a_chain_that_hangs_elsewhere():
    dnat = "-d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.1"
    ruleset = nat("-A OUTPUT -j PORTALS", f"-A PORTALS {dnat}", chains="PORTALS")
    (miss,) = missed(ruleset, "10.0.0.1", 80)
    assert miss.have == "PORTALS is not reached from PREROUTING or POSTROUTING"
    assert missed(ruleset, "10.0.0.1", 80, origin="local") == ()


def test_a_rule_that_another_came_before():
    dnat = "-A PREROUTING -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.1"
    (miss,) = missed(nat("-A PREROUTING -d 10.0.0.0/8 -j ACCEPT", dnat), "10.0.0.1", 80)
    assert miss.rule.text == dnat
    assert miss.have == f"the way through nat PREROUTING ended at line {miss.rule.line - 1}"


def test_a_dropped_packet_looks_for_what_would_have_let_it_in():
    text = (
        "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n"
        "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT\n"
        "-A INPUT -p tcp -m tcp --dport 22 -j LOG\nCOMMIT\n"
    )
    (miss,) = missed(read(text), "192.168.7.1", 22, OWN, src="203.0.113.1")
    assert (miss.failed, miss.have) == ("-s 10.0.0.0/8", "the source is 203.0.113.1")


def test_source_ranges_of_a_load_balancer():
    """The rule that failed names no destination, but stands in a chain that a rule of the service led to."""
    ruleset = nat(
        "-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j FW",
        "-A FW -s 10.0.0.0/8 -j SVC",
        "-A FW -j MARK-DROP",
        "-A SVC -p tcp -j DNAT --to-destination 10.244.0.1:8080",
        "-A MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
        chains="FW SVC MARK-DROP",
    )
    assert words(missed(ruleset, "192.0.2.1", 80, src="203.0.113.1")) == [
        ("-s 10.0.0.0/8", "the source is 203.0.113.1")
    ]
