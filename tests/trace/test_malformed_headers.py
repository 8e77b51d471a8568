"""Packets whose headers are cut short or contradict themselves, in questions and in captures."""

import pytest

from natc.netfilter.condition import Drops
from natc.netfilter.guards import needs, needs_fields, needs_options, needs_tuple
from natc.netfilter.malformed import malformed_fields
from natc.netfilter.node.host import Host
from natc.netfilter.packet import Packet
from natc.text.reader import read
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.replaying import replay_capture
from natc.trace.machine import trace
from natc.trace.replay import Replay
from natc.trace.scapy_packets import packet_of_expression

TCP = bytes.fromhex("03e8 0050 00000005 00000000 5002 2000 0000 0000")
INIT = bytes.fromhex("03e8 0050 00000000 00000000 01000014") + bytes(16)
RULES = "*filter\n:FORWARD ACCEPT [0:0]\n{}\nCOMMIT\n"


@pytest.mark.parametrize(
    ("proto", "data", "is_sound"),
    [
        (6, TCP, True),
        (6, TCP[:19], False),
        (6, TCP[:12] + b"\x40" + TCP[13:], False),
        (6, TCP[:12] + b"\x60" + TCP[13:], False),
        (17, bytes.fromhex("03e8 0050 0008 0000"), True),
        (17, bytes.fromhex("03e8 0050 0007 0000"), False),
        (17, bytes.fromhex("03e8 0050 0009 0000"), False),
        (1, bytes(8), True),
        (1, bytes(7), False),
        (132, INIT, True),
        (132, INIT[:12], False),
        (132, INIT[:15], False),
        (132, INIT[:31], False),
        (132, INIT + bytes.fromhex("00000004"), False),
        (132, INIT[:4] + b"\1" + INIT[5:], False),
        (132, INIT[:12] + bytes.fromhex("00000000"), False),
        (132, INIT[:12] + bytes.fromhex("00000004 0a"), True),
        (47, b"", True),
    ],
)
def test_what_is_sound(proto, data, is_sound):
    assert (malformed_fields(4, proto, data) is None) is is_sound


def test_a_first_fragment_may_say_that_it_is_longer_but_not_end_inside_its_header():
    data = bytes.fromhex("03e8 0050 0400 0000")
    assert malformed_fields(4, 17, data, 0x2000) is None
    assert malformed_fields(4, 17, data[:7], 0x2000) is not None
    assert malformed_fields(4, 17, data[:7], 1) is None


@pytest.mark.parametrize("proto", [6, 17, 1])
def test_a_fragment_behind_the_first_is_dropped_by_no_match_for_its_header(proto):
    cut = Packet(proto=proto, **malformed_fields(4, proto, b"abc"))
    later = Packet(proto=proto, fragment=2, malformed=cut.malformed)
    for guard in (needs(8), needs_options()):
        assert guard.holds(cut) is Drops.UNMATCHED
        assert guard.holds(later) is False
    assert needs_fields(dport=80).holds(later) is False
    assert needs_tuple().holds(cut) is needs_tuple().holds(later) is Drops.UNMATCHED


@pytest.mark.parametrize(
    ("backend", "rule", "fate"),
    [
        ("legacy", "-p tcp -m tcp --dport 443 -j ACCEPT", "its header cannot be read by line 3"),
        ("nft", "-p tcp -m tcp --dport 443 -j ACCEPT", None),
        ("nft", "-p tcp -m tcp --tcp-option 5 -j ACCEPT", "its header cannot be read"),
        ("legacy", "-p udp -m udp --dport 443 -j ACCEPT", None),
    ],
)
def test_a_question_about_one_is_answered_by_the_rule_that_cannot_read_it(backend, rule, fate):
    ruleset = read(RULES.format(f"-A FORWARD {rule}\n-A FORWARD -m conntrack --ctstate INVALID -j DROP"))
    packet = packet_of_expression("IP(src='10.0.0.2', dst='10.0.0.1', len=30)/TCP(dport=80)")
    (case,) = trace(ruleset, packet, backend=backend).cases
    ((_, dropped),) = case.outcomes
    assert dropped.verdict == "DROP"
    assert dropped.reason == fate
    assert (dropped.drop_at is None) is (fate is not None and backend == "legacy")


def test_an_expression_of_a_call_that_carries_no_ppp_is_invalid():
    call = (
        "IP(src='10.0.0.2', dst='10.0.0.1', proto=47)/Raw(load=b'\\x20\\x01\\x08\\x00\\x00\\x04\\x00\\x07')"
    )
    assert packet_of_expression(call).ctstate == "INVALID"
    assert packet_of_expression(call.replace("x08\\x00", "x88\\x0b", 1)).ctstate == "NEW"


def test_a_malformed_packet_of_a_capture_goes_its_own_way_between_others_of_its_kind():
    """The quick way of a capture must tell it from the sound ones before and behind it."""
    host = Host.from_node(
        {
            "interfaces": [
                {"name": "eth0", "addrs": ["10.0.0.1/24"]},
                {"name": "eth1", "addrs": ["10.0.1.1/24"]},
            ]
        }
    )
    ruleset = read(RULES.format("-A FORWARD -m conntrack --ctstate INVALID -j DROP"))
    sound, wrong = (bytes.fromhex(f"03e8 0035 {size:04x} 0000") + b"data" for size in (12, 13))
    head = bytes.fromhex("45000020 00010000 40110000 0a000002 0a000102")
    frames = [Frame(float(at), 101, head + (wrong if at in (4, 7) else sound)) for at in range(9)]
    rows = list(replay_capture(Replay(host, ruleset), frames))
    assert [row.result["verdict"] for row in rows] == [
        "DROP" if at in (4, 7) else "FORWARD" for at in range(9)
    ]
    assert any(row.repeated for row in rows)
