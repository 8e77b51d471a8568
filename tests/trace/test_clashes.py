"""Flows whose answers would be taken for another's (net/netfilter/nf_conntrack_core.c, nf_ct_resolve_clash)."""

import pytest

from natc.netfilter.node.host import Host
from natc.text.reader import read
from natc.trace.replay import Replay

NODE = {
    "interfaces": [{"name": "eth0", "addrs": ["10.0.0.2/24"]}, {"name": "cni0", "addrs": ["10.1.0.1/24"]}]
}
DUMP = (
    "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -p {} -j SNAT --to-source 10.9.0.1:5000-5001\nCOMMIT\n"
)


@pytest.mark.parametrize("proto", ["udp", "tcp", "sctp"])
def test_the_packet_of_a_flow_that_finds_no_free_port_is_dropped(proto):
    packet = {
        "origin": "eth0",
        "src": "10.0.0.1",
        "dst": "10.1.0.5",
        "proto": proto,
        "dport": 80,
        "flush": False,
    }
    packets = [packet | {"sport": port} for port in (1, 2, 3)]
    results = Replay(Host.from_node(NODE), read(DUMP.format(proto))).run(packets)
    assert [result["verdict"] for result in results] == ["FORWARD", "FORWARD", "DROP"]
