"""Packets as scapy objects and expressions; nothing is evaluated."""

import pytest

from natc.errors import NatcError, UsageError
from natc.netfilter.packet import Open
from natc.trace import trace
from natc.trace.capture.capture_file import frames
from natc.trace.capture.frames import packet_of_frame
from natc.trace.scapy_packets import packet_of_expression, packet_of_scapy
from tests.trace.dumps import service


def test_an_expression_becomes_a_packet():
    packet = packet_of_expression(
        "IP(dst='10.96.0.1', ttl=9)/TCP(dport=80, flags='SA', options=[('MSS', 1400)])"
    )
    assert (packet.show(packet.dst), packet.dport, packet.ttl) == ("10.96.0.1", 80, 9)
    assert packet.flags == {"SYN", "ACK"}
    assert packet.tcp_options[0] == (2, (1400).to_bytes(2, "big"))
    assert isinstance(packet.src, Open)


def test_ipv6_and_payload():
    packet = packet_of_expression("IPv6(src='fd00::1', dst='fd00::2')/UDP(sport=5, dport=53)/'hello'")
    assert (packet.family, packet.show(packet.src), packet.payload) == (6, "fd00::1", b"hello")
    assert packet.length == 40 + 8 + 5


def test_a_scapy_object_is_traced():
    from scapy.layers.inet import IP, TCP

    answer = trace(service(2), packet_of_scapy(IP(src="10.244.0.9", dst="10.96.0.1") / TCP(dport=80)))
    (case,) = answer.cases
    assert [str(outcome.dnat) for _, outcome in case.outcomes] == ["10.244.0.1:8080", "10.244.0.2:8080"]


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("__import__('os').system('id')", "not a layer", 1),
        ("IP(dst=open('/etc/passwd'))", "only literal values", 8),
        ("IP(dst='10.0.0.1')/Dot11()", "no layer 'Dot11'", 20),
        ("IP('10.0.0.1')", "need their names", 4),
        ("IP(**{})", "not allowed", 6),
        ("IP(dst='10.0.0.1'", "not an expression", 1),
        ("[IP() for x in range(9)]", "not a layer", 1),
        ("(lambda: 1)()/IP()", "not a layer", 1),
    ],
)
def test_anything_else_is_refused_with_its_place(text, message, column):
    with pytest.raises(UsageError, match=message) as caught:
        packet_of_expression(text)
    assert caught.value.span.column == column


def test_wrong_fields_are_refused():
    with pytest.raises(UsageError, match="no field 'port'"):
        packet_of_expression("IP(dst='10.0.0.1')/TCP(port=80)")
    with pytest.raises(UsageError, match="--packet:1:20: scapy refuses"):
        packet_of_expression("IP(dst='10.0.0.1')/TCP(dport=99999999)")
    with pytest.raises(NatcError, match="no IP layer"):
        packet_of_expression("TCP(dport=80)")


def test_a_capture_is_read_in_order(tmp_path):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    file = tmp_path / "some.pcap"
    wrpcap(str(file), [Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=n, dport=53) for n in (1, 2)])
    assert [packet_of_frame(frame).sport for frame in frames(str(file))] == [1, 2]
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"not a capture at all")
    with pytest.raises(NatcError, match="no capture"):
        list(frames(str(broken)))
