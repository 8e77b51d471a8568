"""Nodes for the tests of routing, in the form of a node file."""

from ipaddress import ip_address
from typing import Any

from natc.netfilter.node.fib import Flow


def number(text: str) -> int:
    """Return an address as the integer that natc works with."""
    return int(ip_address(text))


def flow(destination: str, source: str = "0.0.0.0", interface: str = "lo", **more: Any) -> Flow:
    """Return a flow of addresses given as text."""
    return Flow(number(destination), number(source), interface, **more)


def plugged(name: str) -> list[str]:
    """Return the commands that make an interface with a carrier: without one IPv6 waits before it works."""
    other = f"p-{name}"
    return [
        f"ip link add {name} type veth peer name {other}",
        f"ip link set {other} up",
        f"ip link set {name} up",
    ]


#: An ordinary node with a second router, reached by policy.
NODE4: dict[str, Any] = {
    "interfaces": [
        {"name": "eth0", "addrs": ["192.168.1.10/24", "192.168.1.20/24", "192.168.1.200/32"]},
        {"name": "cni0", "addrs": ["10.244.1.1/24"]},
        {"name": "eth1", "addrs": ["10.0.5.2/24", "172.16.0.4/16"]},
        {"name": "lo", "addrs": ["10.96.0.53/32"]},
    ],
    "routes": [
        "default via 192.168.1.1 dev eth0",
        "10.244.2.0/24 via 192.168.1.11 dev eth0",
        "blackhole 10.66.0.0/16",
        "unreachable 10.67.0.0/16",
        "prohibit 10.68.0.0/16",
        "10.0.9.0/24 dev eth1 src 172.16.0.4",
        "default via 10.0.5.1 dev eth1 table 100",
        "throw 10.244.0.0/16 table 100",
        "10.70.0.0/16 via 10.0.5.9 dev eth1 metric 50",
        "10.70.0.0/16 via 192.168.1.9 dev eth0 metric 10",
    ],
    "rules": [
        "fwmark 0x10/0x10 table 100",
        "from 10.244.1.64/26 table 100 priority 100",
        "iif eth1 to 8.8.8.8 table 100",
    ],
}

NODE6: dict[str, Any] = {
    "family": 6,
    "interfaces": [
        {"name": "eth0", "addrs": ["2001:db8::10/64", "2001:db8::20/64"]},
        {"name": "cni0", "addrs": ["fd00:1::fffe/64"]},
        {"name": "eth1", "addrs": ["fd00:5::2/64"]},
    ],
    "routes": [
        "default via 2001:db8::1 dev eth0",
        "fd00:2::/64 via 2001:db8::11 dev eth0",
        "blackhole fd00:66::/64",
        "unreachable fd00:67::/64",
        "prohibit fd00:68::/64",
        "default via fd00:5::1 dev eth1 table 100",
    ],
    "rules": ["fwmark 0x10 table 100", "to fd00:2::8 table 100 priority 100"],
}
