"""A capture of many packets over many flows, made without a packet library."""

import struct
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

from attrs import frozen

_LINK = b"\x02\x00\x00\x00\x00\x02" + b"\x02\x00\x00\x00\x00\x01" + b"\x08\x00"
_IPV4 = struct.Struct("!BBHHHBBHII")
_TCP = struct.Struct("!HHIIBBHHH")
_RECORD = struct.Struct("<IIII")
_SYN, _SYNACK, _ACK, _DATA = 0x02, 0x12, 0x10, 0x18
_WINDOW, _PAYLOAD = 60000, b"x" * 100


@frozen
class Flow:
    """Two ends of a TCP connection as they show on the wire."""

    client: str
    sport: int
    server: str
    dport: int


def write(path: Path, flows: Sequence[Flow], packets: int, start: int = 1_700_000_000) -> None:
    """Write a pcap file: every flow's handshake, then data and acknowledgements in turn."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in zip(range(packets), _frames(flows), strict=False):
            seconds, micro = divmod(number * 50, 1_000_000)
            file.write(_RECORD.pack(start + seconds, micro, len(data), len(data)) + data)


def _frames(flows: Sequence[Flow]) -> Iterator[bytes]:
    ends = [(int(ip_address(flow.client)), int(ip_address(flow.server))) for flow in flows]
    for flow, (client, server) in zip(flows, ends, strict=True):
        there, back = (client, server, flow.sport, flow.dport), (server, client, flow.dport, flow.sport)
        yield _tcp(there, 1000, 0, _SYN)
        yield _tcp(back, 5000, 1001, _SYNACK)
        yield _tcp(there, 1001, 5001, _ACK)
    turn = 0
    while True:
        sent = turn * len(_PAYLOAD)
        for flow, (client, server) in zip(flows, ends, strict=True):
            seq = 1001 + sent & 0xFFFFFFFF
            yield _tcp((client, server, flow.sport, flow.dport), seq, 5001, _DATA, _PAYLOAD)
            yield _tcp((server, client, flow.dport, flow.sport), 5001, seq + len(_PAYLOAD), _ACK)
        turn += 1


def _tcp(ends: tuple[int, int, int, int], seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    src, dst, *ports = ends
    ip = _IPV4.pack(0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, src, dst)
    return _LINK + ip + _TCP.pack(*ports, seq, ack & 0xFFFFFFFF, 0x50, flags, _WINDOW, 0, 0) + payload
