"""The recorded kernel cases, read for tests of connection tracking and NAT; and asking for more of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from natc.netfilter.conntrack.connection import ICMP, ICMPV6, Status, Tuple
from natc.netfilter.conntrack.sctp import SctpPacket
from natc.netfilter.conntrack.tcp_segment import Segment
from natc.netfilter.conntrack.tracker import Datagram
from natc.netfilter.node.host import Host
from tests.netfilter.nodes import number
from tests.support import need_kernel, shared

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "gre": 47, "udplite": 136}
FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR"}


@frozen
class Sent:
    """One packet of a case and what became of it."""

    asked: dict[str, Any]
    result: dict[str, Any]
    identity: int
    """The judge's running number, of which it makes sequence numbers."""

    @property
    def flushes(self) -> bool:
        return bool(self.asked.get("flush", "reply_to" not in self.asked))


@frozen
class Case:
    path: Path
    host: Host
    dump: str
    asked: list[dict[str, Any]]
    answers: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Case":
        asked = json.loads((path / "packets.json").read_text())
        packets = [p for p in asked["packets"] for _ in range(p.get("repeat", 1))]
        host = Host.from_node(json.loads((path / "node.json").read_text()))
        answers = json.loads((path / "kernel.json").read_text())
        return cls(path, host, (path / "dump.txt").read_text(), packets, answers)

    def sequence(self, backend: str) -> Iterator[Sent | dict[str, Any]]:
        """Yield packets and operations in order; nothing when the case is one of branches."""
        identity = 0
        for asked, result in zip(self.asked, self.answers[backend].get("packets", []), strict=False):
            if "op" in asked:
                yield asked
            elif "branches" not in result:
                identity += 1
                yield Sent(asked, result, identity)

    def datagram(self, sent: Sent, backend: str) -> Datagram:
        """Return what connection tracking sees of a packet as it was sent."""
        looked, inner = sent.result["orig"], None
        if sent.asked.get("icmp_error") and self.host.family == 4:
            quoted = self.answers[backend]["packets"][sent.asked["reply_to"]].get("final")
            inner = datagram(quoted, self.host.family) if quoted else None
        return datagram(looked, self.host.family, sent.asked, sent.identity, inner)


def datagram(
    looked: dict[str, Any],
    family: int,
    asked: dict[str, Any] | None = None,
    identity: int = 0,
    inner: Datagram | None = None,
) -> Datagram:
    asked = asked or {}
    proto = protocol(looked)
    length = len(asked.get("payload", "x" * asked.get("len", 0)))
    flags = frozenset(FLAGS[letter] for letter in looked.get("flags", ""))
    seq = asked.get("seq", identity << 12) & 0xFFFFFFFF
    return Datagram(
        family,
        proto,
        number(looked["src"]),
        number(looked["dst"]),
        looked.get("sport", 0),
        looked.get("dport", 0),
        looked.get("icmp_type", 0),
        looked.get("icmp_code", 0),
        looked.get("icmp_id", 0),
        segment=Segment(flags, seq, asked.get("ack", 0), length=length) if proto == 6 else None,
        sctp=SctpPacket(asked.get("chunk", 1), asked.get("vtag", 0), 0x1234) if proto == 132 else None,
        bad_checksum=bool(asked.get("badsum")),
        inner=inner,
    )


def protocol(looked: dict[str, Any]) -> int:
    return PROTOCOLS.get(looked["proto"]) or int(looked["proto"])


def recorded_tuple(looked: dict[str, Any], expected: Tuple) -> Tuple:
    """Read a tuple; the judge shows no identifiers of ICMPv6, so those are taken from ``expected``."""
    family = expected.family
    read = datagram(looked, family).key()
    if read.proto == ICMPV6:
        return Tuple(family, read.proto, read.src, expected.sport, read.dst, expected.dport)
    assert read.proto != ICMP or "icmp_id" in looked
    return read


def recorded_status(words: list[str]) -> Status:
    status = Status.NONE
    for word in words:
        status |= Status[word]
    return status


def ask(
    tmp_path: Path, node: dict[str, Any], dump: str, packets: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Ask the judge's program what the kernel does with packets."""
    need_kernel("ip", "nft", "iptables-legacy-restore")
    program = shared("kernel/kernel_oracle.py")
    files = {"dump": dump, "node": json.dumps(node), "packets": json.dumps(packets)}
    arguments = []
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        arguments += [f"--{name}", str(tmp_path / name)]
    command = [sys.executable, str(program), "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers: list[dict[str, Any]] = json.loads(done.stdout)["packets"]
    return answers
