"""A capture replayed with state: the reply to a translated packet is translated back."""

from natc.netfilter.node.host import Host
from natc.trace.capture.capture_file import frames
from natc.trace.capture.replaying import replay_capture
from natc.trace.replay import Replay
from tests.trace.dumps import service

NODE = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24"]},
        {"name": "cni0", "addrs": ["10.244.0.254/16"]},
    ],
    "routes": ["default via 192.168.1.1 dev eth0"],
}


def test_a_connection_is_followed_through_a_capture(tmp_path):
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    question = Ether() / IP(src="10.244.0.9", dst="10.96.0.1") / TCP(sport=4000, dport=80, seq=9, flags="S")
    answer = TCP(sport=8080, dport=4000, seq=5, ack=10, flags="SA")
    file = tmp_path / "some.pcap"
    wrpcap(str(file), [question, Ether() / IP(src="10.244.0.1", dst="10.244.0.9") / answer, question])
    run = Replay(Host.from_node(NODE), service(1))
    rows = list(replay_capture(run, frames(str(file))))
    assert [row.number for row in rows] == [1, 2, 3]
    first, reply, again = (row.result for row in rows)
    assert (first["ctstate"], first["out"]) == ("NEW", "cni0")
    assert first["dnat"] == {"ip": "10.244.0.1", "port": 8080}
    assert (reply["ctstate"], reply["snat"]) == ("ESTABLISHED", {"ip": "10.96.0.1", "port": 80})
    assert again["dnat"] == first["dnat"]
