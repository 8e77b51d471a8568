"""Frames whose headers are read directly are read as scapy reads them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.wire import encode
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.frames import packet_of_frame, plain_packet
from natc.trace.scapy_packets import dissected

numbers = {bits: st.integers(0, (1 << bits) - 1) for bits in (3, 8, 13, 16, 20, 32)}
payloads = st.binary(max_size=40)
TCP_OPTIONS = [
    ("MSS", 1460), ("WScale", 7), ("SAckOK", b""), ("NOP", None), ("Timestamp", (1, 2)), ("SAck", (5, 9)),
]  # fmt: skip


@st.composite
def transports(draw, family):
    from scapy.layers.inet import ICMP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoRequest
    from scapy.layers.sctp import SCTP

    port = numbers[16]
    kinds = {
        "tcp": lambda: TCP(
            sport=draw(port), dport=draw(port), seq=draw(numbers[32]), ack=draw(numbers[32]),
            flags=draw(numbers[8]), window=draw(port),
            options=draw(st.lists(st.sampled_from(TCP_OPTIONS), max_size=4)),
        ),
        "udp": lambda: UDP(sport=draw(port), dport=draw(port)),
        "sctp": lambda: SCTP(sport=draw(port), dport=draw(port)),
        "echo": lambda: (
            ICMP(type=draw(numbers[8]), code=draw(numbers[8]), id=draw(port))
            if family == 4
            else ICMPv6EchoRequest(id=draw(port), code=draw(numbers[8]))
        ),
        "error": lambda: ICMPv6DestUnreach() if family == 6 else None,
        "none": lambda: None,
    }  # fmt: skip
    return kinds[draw(st.sampled_from([*kinds, "tcp"]))]()


@st.composite
def frames(draw):
    """A frame of any common link layer, plain or not, filled up to its least length or beyond."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1Q, Ether

    family = draw(st.sampled_from([4, 6]))
    if family == 4:
        network = IP(
            src="10.1.2.3", dst="192.0.2.1",
            tos=draw(numbers[8]), ttl=draw(numbers[8]), id=draw(numbers[16]),
            flags=draw(st.sampled_from([0, 2, 1])), frag=draw(st.sampled_from([0, 0, 0, 8])),
        )  # fmt: skip
    else:
        network = IPv6(src="fd00::1", dst="2001:db8::7", tc=draw(numbers[8]), fl=draw(numbers[20]))
    transport = draw(transports(family))
    packet = network / draw(payloads) if transport is None else network / transport / draw(payloads)
    link = draw(st.sampled_from([1, 1, 101, 113, 276, 0]))
    protocol = {4: 0x0800, 6: 0x86DD}[family]
    if link == 1:
        vlan = Dot1Q(vlan=7) if draw(st.integers(0, 5)) == 0 else None
        ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        packet = ether / vlan / packet if vlan else ether / packet
    elif link == 113:
        packet = CookedLinux(proto=protocol) / packet
    elif link == 276:
        packet = CookedLinuxV2(proto=protocol) / packet
    elif link == 0:
        return Frame(0.0, 1, draw(st.binary(max_size=60)))
    data = bytes(packet)
    return Frame(0.0, link, data + bytes(draw(st.sampled_from([0, 0, 6]))))


@settings(max_examples=400, deadline=None)
@given(frames())
def test_plain_frames_are_read_as_scapy_reads_them(frame):
    quick = plain_packet(frame)
    if quick is not None:
        assert quick == dissected(frame.link, frame.data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([1, 101, 113, 276]))
def test_any_bytes_are_read_or_left_to_scapy(data, link):
    quick = plain_packet(Frame(0.0, link, data))
    assert quick is None or quick == dissected(link, data)


#: Protocols with headers that are read, and the extension headers of IPv6.
READ = (1, 6, 17, 58, 132, 136, 0, 43, 44, 51, 60)


@st.composite
def datagrams(draw):
    """An IP header, and any bytes behind it."""
    proto, behind = draw(st.sampled_from(READ)), draw(st.binary(min_size=1, max_size=40))
    if draw(st.booleans()):
        head = bytes.fromhex("4500") + (20 + len(behind)).to_bytes(2, "big") + bytes(4) + bytes([64, proto])
        return head + bytes(2) + bytes([10, 0, 0, 1, 10, 0, 0, 2]), behind
    head = bytes.fromhex("60000000") + len(behind).to_bytes(2, "big") + bytes([proto, 64])
    return head + bytes([0xFD, *bytes(14), 1]) + bytes([0xFD, *bytes(14), 2]), behind


@settings(max_examples=300, deadline=None)
@given(datagrams())
def test_headers_of_any_bytes_are_read_alike_and_malformed_ones_kept_as_they_are(datagram):
    head, behind = datagram
    quick = plain_packet(Frame(0.0, 101, head + behind))
    if quick is not None and not (quick.malformed and quick.malformed.is_lost):  # those scapy may fail at
        assert quick == dissected(101, head + behind)
    assert quick is None or quick.malformed is None or encode(quick)[-len(behind) :] == behind


@settings(max_examples=200, deadline=None)
@given(datagrams(), st.integers(1, 40))
def test_no_packet_is_malformed_because_its_end_was_not_captured(datagram, missing):
    head, behind = datagram
    part = packet_of_frame(Frame(0.0, 101, head + behind[: max(len(behind) - missing, 0)]))
    assert part.malformed is None or packet_of_frame(Frame(0.0, 101, head + behind)).malformed is not None
