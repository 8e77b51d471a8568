"""``natc trace --pcap``: a capture replayed in order, with state."""

import json

import pytest

from natc.cli import run
from tests.support import GOLDEN

DUMP = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.7.3/24"]},
        {"name": "cni0", "addrs": ["10.244.0.1/24"]},
    ],
    "routes": ["default via 192.168.7.1 dev eth0"],
    "ip_forward": 1,
}


@pytest.fixture
def files(tmp_path):
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packets = [
        link / IP(src="192.168.7.50", dst="10.9.9.9") / UDP(sport=1000, dport=53),
        link / IP(src="192.168.7.50", dst="10.9.9.9") / UDP(sport=1000, dport=53),
        link / IP(src="192.168.7.51", dst="10.244.0.23") / TCP(sport=2000, dport=8080, flags="S"),
    ]
    for number, packet in enumerate(packets):
        packet.time = 1_700_000_000 + number
    capture, node = tmp_path / "capture.pcap", tmp_path / "node.json"
    wrpcap(str(capture), packets)
    node.write_text(json.dumps(NODE))
    return ["--pcap", str(capture), "--node", str(node)]


def test_a_row_a_packet_and_a_summary_by_flow(files, capsys):
    assert run(["trace", DUMP, *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["1", "FORWARD"], ["2", "FORWARD"], ["3", "FORWARD"]]
    assert "2 flows" in lines
    assert any(line.split()[0] == "2" and "10.9.9.9:53" in line for line in lines[5:])


def test_the_document_has_every_packet_and_the_flows(files, capsys):
    assert run(["trace", DUMP, *files, "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:2] == ["natc", "schema"]
    assert [packet["number"] for packet in answer["packets"]] == [1, 2, 3]
    assert [packet["out"] for packet in answer["packets"]] == ["eth0", "eth0", "cni0"]
    assert sorted(flow["packets"] for flow in answer["flows"]) == [1, 2]


def test_a_capture_needs_a_node(files, capsys):
    assert run(["trace", DUMP, *files[:2]]) == 2
    assert "--pcap needs --node" in capsys.readouterr().err


def test_what_is_no_capture(files, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.write_text("nothing like it")
    assert run(["trace", DUMP, "--pcap", str(broken), *files[2:]]) == 2
    assert "is no capture" in capsys.readouterr().err
