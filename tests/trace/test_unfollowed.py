"""What natc does not follow, it names; and what a kernel did that no recorded case can hold."""

import pytest

from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.machine import trace
from natc.trace.replay import replay

NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.1.254/24"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}
TWO_TO_ONE = """*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.244.1.6
-A PREROUTING -d 10.96.0.2/32 -j DNAT --to-destination 10.244.1.6
COMMIT
"""


def table(*rules):
    return read("\n".join(["*mangle", ":PREROUTING ACCEPT [0:0]", *rules, "COMMIT", ""]))


def test_where_natc_stops_the_rule_is_to_blame():
    answer = trace(table("-A PREROUTING -j NFQUEUE --queue-num 3"), question_packet("10.0.0.1", 80))
    assert [(one.text, one.rule.line) for one in answer.questions] == [("-j NFQUEUE --queue-num 3", 3)]


@pytest.mark.parametrize(("proto", "asked"), [("tcp", 1), ("udp", 1), ("sctp", 0), ("icmp", 0), ("47", 0)])
def test_only_some_protocols_can_have_a_socket(proto, asked):
    port = 80 if proto in ("tcp", "udp", "sctp") else None
    answer = trace(table("-A PREROUTING -m socket -j DROP"), question_packet("10.0.0.1", port, proto=proto))
    assert len(answer.questions) == asked


@pytest.mark.parametrize("proto", [33, 47, 50, 51, 89, 2, 41, 255])
def test_a_connection_without_ports_cannot_have_the_replies_of_another(proto):
    """A kernel 6.18 forwards the first packet, and the two after it are gone behind nat POSTROUTING."""
    first = {"origin": "eth0", "src": "192.168.1.77", "dst": "10.96.0.1", "proto": proto, "payload": "x" * 16}
    others = [dict(first, dst=dst, flush=False) for dst in ("10.96.0.2", "10.244.1.6")]
    results = replay(read(TWO_TO_ONE), NODE, [first, *others])
    assert [one["verdict"] for one in results] == ["FORWARD", "DROP", "DROP"]


@pytest.mark.parametrize("asked", ["--ctstatus CONFIRMED", "--ctdir REPLY"])
def test_what_a_connection_is_stays_open_when_its_zone_is_given(asked):
    """The template that CT leaves is a confirmed connection, but it is gone behind raw (xt_CT.c)."""
    zoned = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --zone 1\nCOMMIT\n"
    rules = f"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack {asked} -j DROP\nCOMMIT\n"
    packet = question_packet("10.0.0.1", 80)
    for text in (rules, zoned + rules):
        (question,) = trace(read(text), packet).questions
        assert question.text == f"-m conntrack {asked} holds"
