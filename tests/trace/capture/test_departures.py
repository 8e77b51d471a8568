"""What a capture shows of packets after the node changed them: endpoints and ports as they were chosen."""

import struct

import pytest

from natc.netfilter.node.host import Host
from natc.report.replay import capture_text
from natc.text.reader import read
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.replaying import replay_capture
from natc.trace.replay import Replay

NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.0.254/16"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}
COIN = "-m statistic --mode random --probability 0.5"
SERVICE, ONE, TWO = "10.96.0.1", "10.244.0.1", "10.244.0.2"


def dump(*masquerade, services="-p tcp -m tcp --dport 80"):
    return "\n".join(
        [
            "*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]",
            f"-A PREROUTING -d {SERVICE}/32 {services} {COIN} -j DNAT --to-destination {ONE}:8080",
            f"-A PREROUTING -d {SERVICE}/32 {services} -j DNAT --to-destination {TWO}:8080",
            *masquerade, "COMMIT", "",
        ]
    )  # fmt: skip


MASQUERADED = "-A POSTROUTING -d 10.244.0.0/16 -j MASQUERADE --random-fully"


def packet(src, dst, flags="S", *, seq=1000, ack=0, ttl=64, ident=7):
    """The bytes of a TCP segment: from and to are (address, port), by the names of IP and scapy's flags."""
    from scapy.layers.inet import IP, TCP

    ip = IP(src=src[0], dst=dst[0], ttl=ttl, id=ident)
    return bytes(ip / TCP(sport=src[1], dport=dst[1], flags=flags, seq=seq, ack=ack))


def query(src, dst, *, ttl=64, ident=7, data=b"what"):
    from scapy.layers.inet import IP, UDP

    return bytes(IP(src=src[0], dst=dst[0], ttl=ttl, id=ident) / UDP(sport=src[1], dport=dst[1]) / data)


def cooked(data, interface, *, leaves):
    """A frame of ``tcpdump -i any``: LINKTYPE_LINUX_SLL2."""
    return Frame(
        100.0, 276, struct.pack("!HHIHBB8s", 0x800, 0, interface, 1, 4 if leaves else 0, 6, b"") + data
    )


def plain(*packets):
    return [Frame(100.0 + number / 1000, 101, data) for number, data in enumerate(packets)]


def rows(text, frames):
    return list(replay_capture(Replay(Host.from_node(NODE), read(text)), frames))


CLIENT = ("192.168.1.77", 4000)
VIP, POD, OTHER = (SERVICE, 80), (TWO, 8080), (ONE, 8080)


def test_a_packet_that_leaves_decides_where_it_went():
    first, again, reply, gone = rows(
        dump(),
        plain(
            packet(CLIENT, VIP), packet(CLIENT, POD, ttl=63),
            packet(POD, CLIENT, "SA", seq=5, ack=1001), packet(VIP, CLIENT, "SA", seq=5, ack=1001, ttl=63),
        ),
    )  # fmt: skip
    assert first.result["verdict"] == "OPEN"
    assert again.result["verdict"] == "SEEN" and again.result["first"] == 1
    assert again.decision.after["dnat"] == {"ip": TWO, "port": 8080}
    assert (reply.result["ctstate"], reply.result["snat"]) == ("ESTABLISHED", {"ip": SERVICE, "port": 80})
    assert gone.result["verdict"] == "SEEN"


@pytest.mark.parametrize("endpoint", [POD, OTHER])
def test_a_reply_decides_where_its_question_went(endpoint):
    first, reply, second = rows(
        dump(),
        plain(
            packet(CLIENT, VIP), packet(endpoint, CLIENT, "SA", seq=5, ack=1001),
            packet(CLIENT, VIP, "A", seq=1001, ack=6),
        ),
    )  # fmt: skip
    assert first.result["verdict"] == "OPEN"
    assert reply.decision.after["dnat"]["ip"] == endpoint[0]
    assert reply.result["snat"] == {"ip": SERVICE, "port": 80}
    assert (second.result["ctstate"], second.result["dnat"]["ip"]) == ("ESTABLISHED", endpoint[0])


@pytest.mark.parametrize(
    "reply",
    [
        packet(("10.244.0.3", 8080), CLIENT, "SA", seq=5, ack=1001),  # no endpoint
        packet((TWO, 8081), CLIENT, "SA", seq=5, ack=1001),
        packet(POD, CLIENT, "SA", seq=5, ack=1002),  # acknowledges something else
    ],
)
def test_what_no_branch_foretold_decides_nothing(reply):
    assert [row.decision for row in rows(dump(), plain(packet(CLIENT, VIP), reply))] == [None, None]


def test_a_reply_as_it_leaves_does_not_tell_the_endpoint():
    _, reply = rows(dump(), plain(packet(CLIENT, VIP), packet(VIP, CLIENT, "SA", seq=5, ack=1001, ttl=63)))
    assert reply.result["verdict"] == "OPEN"
    assert reply.result["open"] == ["it answers packet 1, and whom that went to is open"]
    (*_, shown) = [text for text in capture_text([reply]) if "OPEN" in text and "mark" in text]
    assert shown.rstrip().endswith("open: it answers packet 1, and whom that went to is open")


def test_a_port_that_the_kernel_chose_is_taken_from_the_capture():
    node = ("10.244.0.254", 34567)
    first, again, reply = rows(
        dump(MASQUERADED),
        plain(
            packet(CLIENT, VIP), packet(node, POD, ttl=63), packet(POD, node, "SA", seq=5, ack=1001)
        ),
    )  # fmt: skip
    assert again.decision.after["snat"] == {"ip": node[0], "port": node[1]}
    assert (reply.result["verdict"], reply.result["ctstate"]) == ("FORWARD", "ESTABLISHED")
    assert reply.result["final"]["dst"] == CLIENT[0] and reply.result["final"]["dport"] == CLIENT[1]
    assert first.result["verdict"] == "OPEN"


def test_a_port_is_taken_from_a_reply_too_where_the_endpoint_was_never_open():
    node = ("10.244.0.254", 34567)
    to = ("10.244.9.9", 81)
    first, reply = rows(dump(MASQUERADED), plain(packet(CLIENT, to), packet(to, node, "SA", seq=5, ack=1001)))
    assert first.result["snat"]["ip"] == node[0] and first.result["snat"]["port"] != node[1]
    assert reply.result["final"]["dst"] == CLIENT[0]


def test_replies_that_were_captured_only_as_they_left_carry_the_connection_on():
    text = dump().replace(COIN, "")
    first, reply, second = rows(
        text,
        plain(
            packet(CLIENT, VIP), packet(VIP, CLIENT, "SA", seq=5, ack=1001, ttl=63),
            packet(CLIENT, VIP, "A", seq=1001, ack=6),
        ),
    )  # fmt: skip
    assert first.result["dnat"]["ip"] == ONE
    assert reply.result["seen"] == "as it left"
    assert (reply.result["orig"]["src"], reply.result["final"]["src"]) == (ONE, SERVICE)
    assert (reply.result["final"]["ttl"], second.result["ctstate"]) == (63, "ESTABLISHED")


def test_udp_is_decided_by_whoever_answers_the_client():
    text = dump(services="-p udp -m udp --dport 80")
    first, reply, again, second = rows(
        text,
        plain(
            query(CLIENT, VIP), query(POD, CLIENT, data=b"that"), query(VIP, CLIENT, ttl=63, data=b"that"),
            query(CLIENT, VIP, ident=8),
        ),
    )  # fmt: skip
    assert first.result["verdict"] == "OPEN"
    assert reply.decision.after["dnat"]["ip"] == TWO
    assert again.result["verdict"] == "SEEN"
    assert second.result["dnat"]["ip"] == TWO


def test_a_capture_of_all_interfaces_counts_each_packet_once():
    there, back = packet(CLIENT, VIP), packet(POD, CLIENT, "SA", seq=5, ack=1001)
    frames = [
        cooked(there, 2, leaves=False),
        cooked(packet(CLIENT, POD, ttl=63), 3, leaves=True),
        cooked(packet(CLIENT, POD, ttl=63), 9, leaves=True),  # the pod's end of the bridge
        cooked(back, 9, leaves=False),
        cooked(back, 3, leaves=False),
        cooked(packet(VIP, CLIENT, "SA", seq=5, ack=1001, ttl=63), 2, leaves=True),
    ]
    found = rows(dump(), frames)
    assert [row.result["verdict"] for row in found] == ["OPEN", "SEEN", "SEEN", "FORWARD", "SEEN", "SEEN"]
    shown = "".join(capture_text(rows(dump(), frames))).splitlines()
    assert shown[1].endswith("so packet 1 became 192.168.1.77:4000 > 10.244.0.2:8080")
    assert shown[7:] == [
        "2 flows",
        "      1  tcp 192.168.1.77:4000 > 10.96.0.1:80  FORWARD  10.244.0.2:8080",
        "      1  tcp 10.244.0.2:8080 > 192.168.1.77:4000  FORWARD  192.168.1.77:4000",
        "and 4 packets captured a second time, of the same flows",
    ]


def test_packets_that_only_look_alike_are_each_counted():
    same = query(CLIENT, ("10.244.0.9", 53))
    assert [row.result["verdict"] for row in rows(dump(), plain(same, same))] == ["FORWARD", "FORWARD"]
    frames = [cooked(same, 2, leaves=False), cooked(same, 2, leaves=False)]
    assert [row.result["verdict"] for row in rows(dump(), frames)] == ["FORWARD", "FORWARD"]
    frames.append(Frame(200.0, 276, cooked(same, 3, leaves=False).data))
    assert [row.result["verdict"] for row in rows(dump(), frames)] == ["FORWARD"] * 3


def test_cooked_frames_of_the_first_version_tell_no_interfaces_apart():
    data = struct.pack("!HHH8sH", 0, 1, 6, b"", 0x800) + query(CLIENT, ("10.244.0.9", 53))
    frames = [Frame(time, 113, data) for time in (100.0, 100.0001, 101.0)]
    assert [row.result["verdict"] for row in rows(dump(), frames)] == ["FORWARD", "SEEN", "FORWARD"]
