"""Buckets and windows of hashlimit that were idle for long (net/netfilter/xt_hashlimit.c, htable_gc)."""

import pytest

from natc.netfilter.node.host import Host
from natc.text.reader import read
from natc.trace.replay import Replay

NODE = {"interfaces": [{"name": "eth0", "addrs": ["10.0.0.2/24"]}]}
DUMP = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m hashlimit {} --hashlimit-name n -j DROP\nCOMMIT\n"
PACKET = {
    "origin": "eth0",
    "src": "10.0.0.1",
    "dst": "10.0.0.2",
    "proto": "udp",
    "sport": 1,
    "dport": 9,
    "payload": "ab",
}


def verdicts(rule, *waits):
    """What becomes of a packet at once, and of one behind each wait in seconds."""
    entries = [PACKET]
    for wait in waits:
        entries += [{"op": "sleep", "s": wait}, PACKET]
    results = Replay(Host.from_node(NODE), read(DUMP.format(rule))).run(entries)
    return [result["verdict"] for result in results if "verdict" in result]


@pytest.mark.parametrize(
    ("rule", "waits", "found"),
    [
        # Two packets an hour of one bucket; idle for an hour it is forgotten, and full again.
        ("--hashlimit-upto 1/hour --hashlimit-burst 2", (1, 1, 3700), ["DROP", "DROP", "INPUT", "DROP"]),
        # 30 bytes are two times sixteen, half of what a second earns; one more fill for the burst.
        ("--hashlimit-upto 48b/s --hashlimit-burst 48b", (0, 0, 0, 0), ["DROP"] * 4 + ["INPUT"]),
        ("--hashlimit-upto 48b/s", (0, 0, 0.6, 0), ["DROP", "DROP", "INPUT", "DROP", "INPUT"]),
        # However much it is, a packet never costs more than a second earns.
        ("--hashlimit-upto 1b/s", (0.9, 1.1), ["DROP", "INPUT", "DROP"]),
        # A second over the rate makes the next one over it, too.
        (
            "--hashlimit-above 20b/s --hashlimit-burst 40b --hashlimit-rate-match --hashlimit-rate-interval 1",
            (0.1, 1, 1),
            ["INPUT", "DROP", "DROP", "DROP"],
        ),
    ],
)
def test_what_is_idle_earns(rule, waits, found):
    assert verdicts(rule, *waits) == found


def test_no_more_is_earned_than_the_burst():
    dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m limit --limit 1/sec --limit-burst 2 -j DROP\nCOMMIT\n"
    entries = [PACKET, {"op": "sleep", "s": 60}, PACKET, PACKET, PACKET]
    results = Replay(Host.from_node(NODE), read(dump)).run(entries)
    assert [result["verdict"] for result in results[2:]] == ["DROP", "DROP", "INPUT"]


def test_before_garbage_is_collected_it_is_a_question():
    rule = "--hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-htable-expire {} --hashlimit-htable-gcinterval 5000"
    assert verdicts(rule.format(10000), 9) == ["DROP", "INPUT"]
    assert verdicts(rule.format(10000), 12) == ["DROP", "OPEN"]
    assert verdicts(rule.format(10000), 16) == ["DROP", "DROP"]
