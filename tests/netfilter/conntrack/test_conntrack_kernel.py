"""Random connections of TCP and SCTP, packet by packet as the kernel classifies them."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natc.netfilter.conntrack.sctp import SctpPacket
from natc.netfilter.conntrack.tcp_segment import Segment
from natc.netfilter.conntrack.tracker import Connections, Datagram, Settings
from tests.netfilter.nodes import number
from tests.netfilter.recorded import FLAGS, ask

pytestmark = [pytest.mark.kernel, pytest.mark.shared]

NODE: dict[str, Any] = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.1.1/24"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
}
ENDS = (("eth0", "192.168.1.77"), ("cni0", "10.244.1.5"))
FLAG_SETS = ("S", "SA", "A", "A", "A", "PA", "FA", "FA", "R", "RA", "FPA", "S", "SEC")
ODD_SEQ = (-1, 1, -5000, 5000, 8192, 8193, 20000, -70000, 100000, 1 << 31)
ODD_ACK = (-1, 1, -100, 5000, -66001, -70000, 100000, 1 << 31)


def packet(direction: int, port: int, **fields: Any) -> dict[str, Any]:
    (origin, src), (_, dst) = ENDS[direction], ENDS[1 - direction]
    sport, dport = (80, port) if direction else (port, 80)
    return {
        "origin": origin,
        "src": src,
        "dst": dst,
        "sport": sport,
        "dport": dport,
        "flush": False,
        **fields,
    }


def tcp_session(rng: random.Random, port: int) -> Iterator[dict[str, Any]]:
    """Segments that mostly fit together, some with wrong numbers, some flags out of turn."""
    seqs, opening = [1000, 5000], rng.random() < 0.4
    for i in range(rng.randint(3, 14)):
        direction, flags = 0 if i == 0 else rng.choice([0, 1]), rng.choice(FLAG_SETS)
        if opening and i < 3:
            direction, flags = ((0, "S"), (1, "SA"), (0, "A"))[i]
        length = 0 if "S" in flags else rng.choice([0, 0, 0, 10, 100, 1400, 9000])
        seq, ack = seqs[direction], seqs[1 - direction] if "A" in flags else 0
        luck = rng.random()
        if luck < 0.12:
            seq = (seq + rng.choice(ODD_SEQ)) % 2**32
        else:
            seqs[direction] = (seq + length + ("S" in flags) + ("F" in flags)) % 2**32
        if luck > 0.9 and ack:
            ack = (ack + rng.choice(ODD_ACK)) % 2**32
        seq, ack = (0 if 0.85 < luck < 0.88 else seq), (0 if 0.82 < luck < 0.85 else ack)
        sized = {"len": length} if length else {}
        yield packet(direction, port, proto="tcp", flags=flags, seq=seq, ack=ack, **sized)


def sctp_session(rng: random.Random, port: int) -> Iterator[dict[str, Any]]:
    """Chunks in any order; the judge's INIT always announces the tag 0x1234."""
    for i in range(rng.randint(3, 14)):
        chunk, tag = (
            rng.choice([1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 0]),
            rng.choice([0, 0x1234, 0x1234, 7]),
        )
        if i == 0 and rng.random() < 0.7:
            chunk, tag = 1, 0
        yield packet(0 if i == 0 else rng.choice([0, 1]), port, proto="sctp", chunk=chunk, vtag=tag)


def seen(sent: dict[str, Any]) -> Datagram:
    segment = sctp = None
    if sent["proto"] == "tcp":
        flags = frozenset(FLAGS[letter] for letter in sent["flags"])
        segment = Segment(flags, sent["seq"], sent["ack"], length=sent.get("len", 0))
    else:
        sctp = SctpPacket(sent["chunk"], sent["vtag"], 0x1234)
    proto = 6 if segment else 132
    ends = number(sent["src"]), number(sent["dst"]), sent["sport"], sent["dport"]
    return Datagram(4, proto, *ends, segment=segment, sctp=sctp)


@pytest.mark.parametrize("loose", [0, 1])
@pytest.mark.parametrize("liberal", [0, 1])
@pytest.mark.parametrize("session", [tcp_session, sctp_session])
def test_every_packet_has_the_state_the_kernel_gives(
    tmp_path: Path, session: Any, liberal: int, loose: int
) -> None:
    rng = random.Random(loose * 2 + liberal)
    base = "net.netfilter.nf_conntrack_tcp_"
    node = NODE | {"sysctl": {f"{base}loose": loose, f"{base}be_liberal": liberal}}
    packets = [sent for port in range(10000, 10080) for sent in session(rng, port)]
    table = Connections(Settings(bool(loose), bool(liberal)))
    for sent, result in zip(packets, ask(tmp_path, node, "*filter\nCOMMIT\n", packets), strict=True):
        tracked = table.track(seen(sent))
        assert tracked.state == result["ctstate"], sent
        if tracked.connection and not tracked.connection.confirmed:
            table.confirm(tracked.connection)
