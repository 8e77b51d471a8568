"""Capture files of every kind give the frames that scapy's readers give."""

import gzip
import struct

import pytest

from natc.errors import NatcError
from natc.trace.capture.capture_file import frames

DATA = [b"\x45" + bytes(20), b"\x60" + bytes(50), b"\x45" + bytes(1)]


def pcap(order="<", magic=0xA1B2C3D4, link=101):
    head = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(
        struct.pack(order + "IIII", 100 + number, 500, len(data), len(data)) + data
        for number, data in enumerate(DATA)
    )


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(order="<", resolution=b"", link=101):
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack(order + "HH", 9, 1) + resolution + bytes(3) if resolution else b""
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 65535) + options)
    out += block(order, 5, bytes(12))  # statistics: not a packet
    for number, data in enumerate(DATA):
        head = struct.pack(order + "IIIII", 0, 0, 1000 + number, len(data), len(data))
        out += block(order, 6, head + data)
    return out + block(order, 3, struct.pack(order + "I", 3) + b"abc")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "time"), [(0xA1B2C3D4, 100.0005), (0xA1B23C4D, 100.0000005)])
@pytest.mark.parametrize("packed", [False, True])
def test_pcap(tmp_path, order, magic, time, packed):
    content = pcap(order, magic)
    file = tmp_path / "a.pcap"
    file.write_bytes(gzip.compress(content) if packed else content)
    found = list(frames(str(file)))
    assert [frame.data for frame in found] == DATA
    assert [frame.link for frame in found] == [101] * 3
    assert found[0].time == pytest.approx(time, abs=1e-9)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("resolution", "time"), [(b"", 1000e-6), (b"\x09", 1000e-9), (b"\x8a", 1000 / 1024)])
def test_pcapng(tmp_path, order, resolution, time):
    file = tmp_path / "a.pcapng"
    file.write_bytes(pcapng(order, resolution))
    found = list(frames(str(file)))
    assert [frame.data for frame in found] == [*DATA, b"abc"]
    assert found[0].time == pytest.approx(time)


@pytest.mark.parametrize("content", [pcap(), pcapng(), pcapng(resolution=b"\x09")])
def test_as_scapy_reads_them(tmp_path, content):
    from scapy.utils import RawPcapReader

    file = tmp_path / "some"
    file.write_bytes(content)
    with RawPcapReader(str(file)) as reader:
        assert [frame.data for frame in frames(str(file))] == [data for data, _ in reader]


@pytest.mark.parametrize(
    "content", [pcap(), pcapng(), gzip.compress(pcap(), mtime=0)], ids=["pcap", "pcapng", "packed"]
)
def test_a_file_that_is_cut_off_is_refused_where_it_ends(tmp_path, content):
    file = tmp_path / "some"
    file.write_bytes(content[:-5])
    with pytest.raises(NatcError, match="is no capture that can be read"):
        list(frames(str(file)))


def test_what_is_no_capture(tmp_path):
    file = tmp_path / "some"
    for content in (b"", b"x", b"nothing like it", pcapng()[:8] + bytes(20), pcap()[:24] + b"\xff" * 16):
        file.write_bytes(content)
        with pytest.raises(NatcError, match="is no capture that can be read"):
            list(frames(str(file)))
    with pytest.raises(NatcError, match="No such file"):
        list(frames(str(tmp_path / "absent")))
