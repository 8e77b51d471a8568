"""What matches and targets ask of routing, against the kernel: addrtype, rpfilter, MASQUERADE, REDIRECT."""

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.own_addresses import masquerade_address, redirect_address
from natc.netfilter.node.route_matches import address_type_matches, reverse_path_matches
from natc.netfilter.node.routing import route_input
from natc.netfilter.node.sending import route_output
from tests.netfilter.nodes import number
from tests.netfilter.recorded import ask

pytestmark = [pytest.mark.kernel, pytest.mark.shared]


MATCHES = (
    "-m rpfilter",
    "-m rpfilter --loose",
    "-m rpfilter --accept-local",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype --src-type UNICAST",
    "-m addrtype --dst-type LOCAL --limit-iface-in",
    "-m addrtype --src-type LOCAL --limit-iface-in",
    "-m addrtype --dst-type {special}",
)
MANGLE = "*mangle\n:PREROUTING ACCEPT [0:0]\n{rules}COMMIT\n"
NODES: dict[int, dict[str, Any]] = {
    4: {
        "interfaces": [
            {"name": "eth0", "addrs": ["192.168.1.10/24", "192.168.1.20/24"]},
            {"name": "cni0", "addrs": ["10.244.1.1/24"]},
        ],
        "routes": ["default via 192.168.1.1 dev eth0", "blackhole 10.66.0.0/16", "unreachable 10.67.0.0/16"],
    },
    6: {
        "family": 6,
        "interfaces": [
            {"name": "eth0", "addrs": ["2001:db8::10/64"]},
            {"name": "cni0", "addrs": ["fd00:1::fffe/64"]},
        ],
        "routes": ["default via 2001:db8::1 dev eth0", "blackhole fd00:66::/64", "unreachable fd00:67::/64"],
    },
}
SOURCES = {
    4: "10.244.1.5 192.168.1.77 8.8.8.8 192.168.1.10 10.66.0.1 10.67.0.1 192.168.1.255 192.168.1.0",
    6: "fd00:1::5 2001:db8::77 2001:4860::8 2001:db8::10 fd00:66::1 fd00:67::1 2001:db8::",
}
DESTINATIONS = {
    4: "192.168.1.10 192.168.1.20 192.168.1.255 10.244.1.9 192.168.1.0 10.67.0.9 10.244.1.1 8.8.4.4",
    6: "2001:db8::10 fd00:1::9 2001:db8:: fd00:67::9 fd00:1::fffe 2001:4860::9",
}
SPECIAL = {4: "BROADCAST", 6: "ANYCAST"}


def answers_of(host: Host, flow: Flow) -> list[bool]:
    """Return what natc says to each of MATCHES."""
    source, destination, arriving = flow.source, flow.destination, flow.in_interface
    special = SPECIAL[host.family]
    return [
        reverse_path_matches(host, flow),
        reverse_path_matches(host, flow, loose=True),
        reverse_path_matches(host, flow, accept_local=True),
        address_type_matches(host, destination, frozenset({"LOCAL"})),
        address_type_matches(host, source, frozenset({"UNICAST"})),
        address_type_matches(host, destination, frozenset({"LOCAL"}), arriving),
        address_type_matches(host, source, frozenset({"LOCAL"}), arriving),
        address_type_matches(host, destination, frozenset({special})),
    ]


@pytest.mark.parametrize("family", [4, 6])
def test_matches_about_addresses(tmp_path: Path, family: int) -> None:
    rules = "".join(f"-A PREROUTING {match.format(special=SPECIAL[family])}\n" for match in MATCHES)
    combinations = list(product(["eth0", "cni0"], SOURCES[family].split(), DESTINATIONS[family].split()))
    packets = [
        {"origin": origin, "src": src, "dst": dst, "proto": "udp", "sport": 1, "dport": 2}
        for origin, src, dst in combinations
    ]
    host = Host.from_node(NODES[family])
    results = ask(tmp_path, NODES[family], MANGLE.format(rules=rules), packets)
    for (origin, src, dst), result in zip(combinations, results, strict=True):
        flow = Flow(number(dst), number(src), origin)
        matched = {step["n"] for step in result["path"] if step["type"] == "rule"}
        assert answers_of(host, flow) == [n in matched for n in range(1, len(MATCHES) + 1)], (
            origin,
            src,
            dst,
        )
        kind = {"FORWARD": "forward", "INPUT": "local"}.get(result["verdict"], "drop")
        assert route_input(host, flow).kind == kind, (origin, src, dst)


TRANSLATING = """\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 9 -j REDIRECT
-A POSTROUTING -j MASQUERADE
COMMIT
"""
ADDRESSES = {
    4: "192.168.1.10/24 192.168.1.20/24 192.168.1.5/25 172.16.0.4/16 10.9.0.1/32 192.168.1.200/32 10.0.5.2/24",
    6: "2001:db8::10/64 2001:db8::20/64 2001:db8:1::5/64 fd00:5::2/64 fd00:9::1/128 2002:aa::1/64 fd00:5::7/48",
}
TARGETS = {
    4: "8.8.8.8 192.168.1.99 172.16.3.3 10.0.5.9 10.244.1.7 192.168.1.201",
    6: "2001:4860::1 2001:db8::99 2001:db8:1::9 fd00:5::9 fd00:77::1 fd00:1::5 2002:bb::1 2001:db8::1:0",
}


def random_node(rng: random.Random, family: int) -> dict[str, Any]:
    chosen = rng.sample(ADDRESSES[family].split(), 5)
    some = rng.randint(1, 4)
    pods = "10.244.1.1/24" if family == 4 else "fd00:1::fffe/64"
    return {
        "family": family,
        "interfaces": [
            {"name": "eth0", "addrs": chosen[:some]},
            {"name": "cni0", "addrs": [pods]},
            {"name": "eth1", "addrs": chosen[some:]},
        ],
        "routes": ["default dev eth0"],
    }


@pytest.mark.parametrize("family", [4, 6])
def test_addresses_that_translation_takes(tmp_path: Path, family: int) -> None:
    rng = random.Random(11)
    pod, other = ("10.244.1.5", "8.8.4.4") if family == 4 else ("fd00:1::5", "2001:4860::5")
    for _ in range(8):
        node = random_node(rng, family)
        packets = []
        for dst in TARGETS[family].split():
            packets.append({"origin": "cni0", "src": pod, "dst": dst, "proto": "udp", "sport": 1, "dport": 2})
            packets.append(
                {"origin": "eth0", "src": other, "dst": dst, "proto": "udp", "sport": 1, "dport": 9}
            )
            packets.append(
                {"origin": "local", "src": "auto", "dst": dst, "proto": "udp", "sport": 1, "dport": 2}
            )
        host = Host.from_node(node)
        for packet, result in zip(packets, ask(tmp_path, node, TRANSLATING, packets), strict=True):
            check_addresses(host, packet, result)


def check_addresses(host: Host, packet: dict[str, Any], result: dict[str, Any]) -> None:
    destination = number(packet["dst"])
    if packet["origin"] == "local":
        chosen = route_output(host, Flow(destination))
        assert str(address_of(chosen.source, host.bits)) == result["orig"]["src"], packet
    if packet["dport"] == 9:
        after = next(h for h in result["hooks"] if h["hook"] == "PREROUTING" and h["at"] == "end")
        assert redirect_address(host, "eth0", destination) == number(after["dst"]), packet
        return
    leaving = [h for h in result["hooks"] if h["hook"] == "POSTROUTING"]
    if leaving:
        way = route_output(host, Flow(destination), any_source=True)
        taken = masquerade_address(host, leaving[0]["out"], destination, way.gateway)
        assert taken == number(leaving[-1]["src"]), packet
