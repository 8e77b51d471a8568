"""Packets from scapy: expressions are parsed and never evaluated, objects are taken as they are."""

import pytest

import natc
from natc.errors import UsageError
from natc.netfilter.packet import Open
from natc.trace.scapy_packets import packet_of_expression, packet_of_scapy
from tests.support import GOLDEN

DUMP = GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt"


def test_an_expression_becomes_a_packet():
    packet = packet_of_expression(
        "IP(src='10.244.1.7', dst='10.105.182.209', tos=4) / TCP(sport=1, dport=3000)"
    )
    assert packet.show(packet.src) == "10.244.1.7"
    assert packet.show(packet.dst) == "10.105.182.209"
    assert (packet.proto, packet.sport, packet.dport, packet.tos) == (6, 1, 3000, 4)
    assert packet.flags == frozenset({"SYN"})


def test_what_is_not_given_stays_open():
    packet = packet_of_expression("IP(dst='10.0.0.1')/UDP(dport=53)")
    assert isinstance(packet.src, Open)
    assert isinstance(packet.sport, Open)


def test_icmp_and_ipv6():
    assert packet_of_expression("IP(dst='10.0.0.1')/ICMP()").icmp_type == 8
    six = packet_of_expression("IPv6(dst='fd00::1')/ICMPv6EchoRequest()")
    assert (six.family, six.proto, six.icmp_type) == (6, 58, 128)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IP(", "is no scapy expression"),
        ("", "is no scapy expression"),
        ("1", "1:1: is no layer that natc builds"),
        ("IP(dst='10.0.0.1').show()", "is no layer that natc builds"),
        ("__import__('os').system('true')", "is no layer that natc builds"),
        ("IP(dst=__import__('os').getcwd())", "1:8: is no constant"),
        ("IP(dst=open('/etc/passwd').read())", "1:8: is no constant"),
        ("IP(dst='example.com')", "1:8: is no IPv4 address"),
        ("IP(dst='fd00::1')", "is no IPv4 address"),
        ("IP(dst='10.0.0.1')/TCP(dport=[80, 443])", "is no port"),
        ("IP(dst='10.0.0.1')/TCP(dport=70000)", "is no port"),
        ("IP(dst='10.0.0.1')/TCP(dprot=80)", "TCP has no such field"),
        ("IP('10.0.0.1')", "needs a field's name before it"),
        ("TCP(dport=80)", "the packet has no IP layer"),
    ],
)
def test_anything_else_is_refused_with_its_place(text, message):
    with pytest.raises(UsageError) as caught:
        packet_of_expression(text)
    assert message in str(caught.value)


def test_the_library_takes_scapys_own_packets():
    from scapy.layers.inet import IP, TCP

    answer = natc.trace(natc.load(DUMP), IP(src="10.244.1.7", dst="10.105.182.209") / TCP(dport=3000))
    assert {str(target) for target, _ in answer.targets()} == {"10.244.0.23:8080", "10.244.2.14:8080"}


def test_a_packet_without_ip_is_refused():
    from scapy.layers.l2 import ARP

    with pytest.raises(UsageError, match="no IP layer"):
        packet_of_scapy(ARP())
