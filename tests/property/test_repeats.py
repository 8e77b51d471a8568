"""A capture replayed with known results and without them: the same rows, and the same table of connections."""

import struct
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.conntrack.datagrams import TABLE
from natc.netfilter.node.host import Host
from natc.text.reader import read
from natc.trace.capture.capture_file import Frame
from natc.trace.capture.replaying import replay_capture
from natc.trace.replay import Replay

HOST = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.0.254/16"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
    "ip_forward": 1,
}
RULES = {
    "raw": [
        "-A PREROUTING -s 10.244.0.7/32 -j CT --notrack",
        "-A PREROUTING -p udp -m udp --sport 4002 -j CT --zone 3",
    ],
    "mangle": [
        "-A FORWARD -m conntrack --ctstate ESTABLISHED -j MARK --set-xmark 0x5/0xff",
        "-A FORWARD -m conntrack --ctstatus ASSURED -j MARK --set-xmark 0x100/0x100",
        "-A FORWARD -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
        "-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
        "-A FORWARD -p tcp -m tcp --tcp-flags PSH PSH -j MARK --set-xmark 0x200/0x200",
        "-A FORWARD -j TTL --ttl-dec 1",
    ],
    "nat": [
        "-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.8:8080",
        "-A PREROUTING -d 10.96.0.1/32 -m statistic --mode random --probability 0.5 "
        "-j DNAT --to-destination 10.244.0.8",
        "-A PREROUTING -d 10.96.0.1/32 -m recent --rcheck --name SEEN -j DNAT --to-destination 10.244.0.9",
        "-A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE",
        "-A PREROUTING -m recent --set --name SEEN",
    ],
    "filter": [
        "-A FORWARD -m conntrack --ctstate INVALID -j DROP",
        "-A FORWARD -m limit --limit 1/sec -j ACCEPT",
        "-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP",
        "-A FORWARD -m length --length 60:200 -j DROP",
        "-A FORWARD -p tcp -m tcp --dport 81 -j REJECT --reject-with tcp-reset",
        "-A FORWARD -m statistic --mode random --probability 0.25 -j DROP",
        "-A FORWARD -m recent --update --seconds 1 --name SEEN -j DROP",
        "-A FORWARD -m quota --quota 300 -j ACCEPT",
        "-A FORWARD -m connbytes --connbytes 400 --connbytes-mode bytes --connbytes-dir both -j DROP",
    ],
}
HEADS = {
    "raw": "PREROUTING OUTPUT", "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING",
    "nat": "PREROUTING INPUT OUTPUT POSTROUTING", "filter": "INPUT FORWARD OUTPUT",
}  # fmt: skip
ENDS = [
    ("10.244.0.7", 4000),
    ("10.244.0.8", 8080),
    ("192.168.1.9", 4001),
    ("10.96.0.1", 80),
    ("10.9.9.9", 81),
]


TCP_FLAGS = {"S": 0x02, "s": 0x12, "A": 0x10, "P": 0x18, "F": 0x11, "R": 0x14}


def frame(src, sport, dst, dport, letter, *, back, jump=0):
    """A segment by its letter of TCP_FLAGS, a UDP packet (u) or an echo (e) on Ethernet."""
    seq, ack = (5000, 1001) if back else (1000, 5001)
    if letter in TCP_FLAGS:
        seq += letter not in "Ss"
        payload = b"x" * (20 if letter == "P" else 0)
        words = (sport, dport, seq + jump, ack * (letter != "S"), 0x50, TCP_FLAGS[letter], 60000, 0, 0)
        proto, body = 6, struct.pack("!HHIIBBHHH", *words) + payload
    elif letter == "u":
        proto, body = 17, struct.pack("!HHHH", sport, dport, 12, 0) + b"data"
    else:
        proto, body = 1, struct.pack("!BBHHH", 0 if back else 8, 0, jump & 0xFFFF, sport, jump & 0xFFFF)
    ends = ip_address(src).packed + ip_address(dst).packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), jump & 0xFFFF, 0, 64, proto, 0) + ends
    return bytes(12) + b"\x08\x00" + ip + body


@st.composite
def rulesets(draw):
    lines = []
    for table, rules in RULES.items():
        chosen = draw(st.lists(st.sampled_from(rules), max_size=3, unique=True))
        heads = [f":{name} ACCEPT [0:0]" for name in HEADS[table].split()]
        lines += [f"*{table}", *heads, *chosen, "COMMIT"]
    return "\n".join([*lines, ""])


@st.composite
def captures(draw):
    """Packets of a few flows in any order: handshakes, data, stray segments, closings, UDP and echoes."""
    flows = draw(st.lists(st.permutations(ENDS).map(lambda ends: ends[:2]), min_size=1, max_size=3))
    out, time = [], 100.0
    steps = st.tuples(
        st.integers(0, len(flows) - 1), st.booleans(), st.sampled_from("SssAAAAAAAPPFRuuuue"),
        st.sampled_from([0, 0, 0, 0, 100, 100000]), st.sampled_from([0.0, 0.0, 0.01, 1.5]),
    )  # fmt: skip
    handshakes = [
        step for flow in range(len(flows)) for step in ((flow, False, "S", 0, 0.0), (flow, True, "s", 0, 0.0))
    ]
    for flow, back, letter, jump, passed in [*handshakes, *draw(st.lists(steps, min_size=5, max_size=40))]:
        (src, sport), (dst, dport) = flows[flow][::-1] if back else flows[flow]
        time += passed
        data = frame(src, sport, dst, dport, letter, back=back, jump=jump)
        out.append(Frame(time, 1, data))
    return out


def replayed(text, frames, repeats):
    run = Replay(Host.from_node(HOST), read(text), clock=1e9)
    rows = [(row.number, row.time, row.result) for row in replay_capture(run, frames, repeats=repeats)]
    return rows, list(run.memory.get(TABLE)), run.memory.now


@settings(max_examples=200, deadline=None)
@given(rulesets(), captures())
def test_known_results_are_those_of_the_whole_way(text, frames):
    assert replayed(text, frames, True) == replayed(text, frames, False)


def test_a_udp_flow_that_was_answered_is_new_no_more():
    there, back = ENDS[1:3], ENDS[2:0:-1]
    frames = [
        Frame(100.0, 1, frame(*ends[0], *ends[1], "u", back=False))
        for ends in (there, there, back, back, there)
    ]
    rows, *_ = replayed("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", frames, True)
    assert [result["ctstate"] for _, _, result in rows] == ["NEW", "NEW", *["ESTABLISHED"] * 3]


def test_most_packets_of_a_flow_are_known():
    from natc.trace.capture.repeats import Repeats

    text = "\n".join(["*filter", ":FORWARD ACCEPT [0:0]", "COMMIT", ""])
    run = Replay(Host.from_node(HOST), read(text))
    letters = ["S", "s", *"AP" * 50]
    frames = [
        Frame(1.0, 1, frame("10.244.0.7", 4000, "192.168.1.9", 80, letter, back=letter == "s"))
        if letter != "s"
        else Frame(1.0, 1, frame("192.168.1.9", 80, "10.244.0.7", 4000, "s", back=True))
        for letter in letters
    ]
    sent = 0
    original = Repeats.send

    def counted(self, *arguments):
        nonlocal sent
        sent += 1
        return original(self, *arguments)

    Repeats.send = counted
    try:
        rows = list(replay_capture(run, frames))
    finally:
        Repeats.send = original
    assert len(rows) == len(letters)
    assert sent <= 5
