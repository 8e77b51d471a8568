"""The extension headers of IPv6: how packets come by them, and what stays open about them."""

import pytest

from natc.netfilter.ipv6_headers import NOT_CAPTURED
from natc.netfilter.packet import question_packet
from natc.netfilter.wire import encode
from natc.text.reader import read
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.frames import plain_packet
from natc.trace.machine import trace
from natc.trace.replay import replay
from natc.trace.scapy_packets import dissected, packet_of_expression

NODE = {
    "family": 6,
    "interfaces": [{"name": "eth0", "addrs": ["fd00:1::1/64"]}, {"name": "cni0", "addrs": ["fd00:2::1/64"]}],
}
UDP = bytes.fromhex("9c40 0035 000c 0000") + b"data"
DESTINATION = bytes.fromhex("00 00 1e04 61626364")
AUTHENTICATION = bytes.fromhex("00 04 0000 00000100 00000000") + bytes(12)
#: Only its first three bytes and the fourth matter here: two segments are said to be there, one is.
SEGMENTS = bytes.fromhex("11 02 04 00 01 00 0000") + bytes(16)


def following(header, number):
    return bytes([number]) + header[1:]


def on_the_wire(number, behind):
    head = bytes.fromhex("60000000") + len(behind).to_bytes(2, "big") + bytes([number, 64])
    return (
        head + bytes.fromhex("fd0000010000000000000000000000 05 fd0000020000000000000000000000 05") + behind
    )


def table(rule):
    return read(f"*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule} -j DROP\nCOMMIT\n", family=6)


@pytest.mark.parametrize(
    ("number", "behind", "numbers", "proto"),
    [
        (60, following(DESTINATION, 17) + UDP, [60], 17),
        (0, following(DESTINATION, 60) + following(DESTINATION, 51) + following(AUTHENTICATION, 17) + UDP,
         [0, 60, 51], 17),
        (44, bytes.fromhex("11 00 0000 00000007") + UDP, [44], 17),
        (44, bytes.fromhex("3c 00 0008 00000007") + UDP, [44], 60),
        (60, following(DESTINATION, 59), [60], 59),
        (60, following(DESTINATION, 50) + bytes(12), [60], 50),
    ],
)  # fmt: skip
def test_a_captured_packet_is_what_stands_behind_its_headers(number, behind, numbers, proto):
    data = on_the_wire(number, behind)
    packet = dissected(101, data)
    assert [kind for kind, _ in packet.extensions] == numbers
    assert packet.proto == proto
    assert packet.dport == (53 if proto == 17 else None)
    assert encode(packet)[:40] == data[:40] and len(encode(packet)) == len(data)
    assert plain_packet(Frame(0.0, 101, data)) in (packet, None)


def test_headers_that_were_not_captured_stay_open():
    data = on_the_wire(60, following(DESTINATION, 17) + UDP)[:46]
    assert plain_packet(Frame(0.0, 101, data)).extensions == NOT_CAPTURED


@pytest.mark.parametrize(
    ("behind", "numbers", "proto", "is_lost"),
    [
        (following(DESTINATION, 17)[:6], [60], 17, False),
        (following(DESTINATION, 60) + b"\x11", [60], 60, True),
        (following(DESTINATION, 17) + UDP[:3], [60], 17, False),
    ],
)
def test_a_packet_that_ends_in_a_header_is_malformed(behind, numbers, proto, is_lost):
    data = on_the_wire(60, behind)
    packet = plain_packet(Frame(0.0, 101, data))
    assert ([kind for kind, _ in packet.extensions], packet.proto) == (numbers, proto)
    assert packet.malformed.is_lost is is_lost
    assert encode(packet) == data
    assert dissected(101, data).malformed == packet.malformed


def test_an_expression_may_name_them():
    packet = packet_of_expression("IPv6(dst='fd00::2')/IPv6ExtHdrDestOpt()/UDP(dport=53)")
    assert (packet.proto, packet.dport, [kind for kind, _ in packet.extensions]) == (17, 53, [60])


@pytest.mark.parametrize(
    "rule",
    ["-m dst", "-m hbh", "-m frag", "-m rt", "-m srh", "-m ah", "-m ipv6header --header prot", "-m eui64"],
)
def test_a_question_leaves_them_open(rule):
    (question,) = trace(table(rule), question_packet("fd00:2::5", 80, src="fd00:1::5")).questions
    assert question.text.startswith(rule)


@pytest.mark.parametrize(
    ("proto", "payload", "rule"),
    [
        (43, SEGMENTS + UDP, "-m srh"),
        (60, bytes.fromhex("11 00 1e05 61626364") + UDP, "-m dst --dst-opts 30"),
    ],
)
def test_what_later_kernels_drop_for_its_malformed_header_stays_open(proto, payload, rule):
    packet = {"origin": "eth0", "src": "fd00:1::5", "dst": "fd00:2::5", "proto": str(proto)}
    (result,) = replay(table(rule), NODE, [packet | {"payload": payload.decode("latin1")}])
    assert result["verdict"] == "OPEN"
