"""What ip -j shows, read into a host: by example, and equal to the host of the node file it was made from."""

import json
import subprocess
from typing import Any

import pytest

from natc.errors import NodeError
from natc.netfilter.node.host import Host
from natc.netfilter.node.iproute import parse_route, parse_rule
from natc.text.node.ip_json import host_of, interface_of, route_of, rule_of
from tests.netfilter.nodes import NODE4, NODE6, plugged
from tests.support import need_kernel


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ({"dst": "default", "gateway": "192.168.1.1", "dev": "eth0", "flags": []},
         "default via 192.168.1.1 dev eth0 scope global"),
        ({"type": "blackhole", "dst": "10.66.0.0/16", "flags": []}, "blackhole 10.66.0.0/16"),
        ({"dst": "10.5.0.0/16", "tos": "0x10", "dev": "eth0", "scope": "link", "prefsrc": "192.168.1.20",
          "metric": 5, "table": "100"}, "10.5.0.0/16 dev eth0 src 192.168.1.20 metric 5 tos 0x10 table 100"),
        ({"dst": "10.1.0.0/16", "nexthops": [{"gateway": "1.1.1.1", "dev": "eth0", "weight": 2},
          {"gateway": "1.1.1.2", "dev": "eth0"}]},
         "10.1.0.0/16 nexthop via 1.1.1.1 dev eth0 weight 2 nexthop via 1.1.1.2 dev eth0"),
    ],
)  # fmt: skip
def test_routes(shown: dict[str, Any], text: str) -> None:
    assert route_of(shown, 4) == parse_route(text, 4)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ({"priority": 0, "src": "all", "table": "local"}, "priority 0 from all table local"),
        ({"priority": 5, "src": "all", "goto": 32766}, "priority 5 goto 32766"),
        ({"priority": 32762, "src": "all", "oif": "eth0", "uid_start": 0, "uid_end": 5, "ipproto": "tcp",
          "dport_start": 80, "dport_end": 90, "table": "main", "suppress_prefixlen": 0},
         "priority 32762 ipproto tcp dport 80-90 uidrange 0-5 oif eth0 table main suppress_prefixlength 0"),
        ({"priority": 1, "src": "all", "dst": "8.8.8.8", "action": "prohibit"}, "priority 1 to 8.8.8.8 prohibit"),
        ({"priority": 2, "not": None, "src": "10.0.0.0", "srclen": 8, "tos": "0x10", "iif": "eth0", "table": "7"},
         "priority 2 not from 10.0.0.0/8 iif eth0 tos 0x10 table 7"),
        ({"priority": 3, "src": "all", "fwmark": "0x8", "fwmask": "0xc", "table": "100"},
         "priority 3 fwmark 0x8/0xc table 100"),
        ({"priority": 3, "src": "all", "fwmark": "0x8", "sport": 53, "table": "100"},
         "priority 3 fwmark 0x8 sport 53 table 100"),
    ],
)  # fmt: skip
def test_rules(shown: dict[str, Any], text: str) -> None:
    assert rule_of(shown, 4) == parse_rule(text, 4)


def test_interfaces_keep_their_order_and_family() -> None:
    link = {
        "ifname": "eth0", "master": "br0", "linkinfo": {"info_kind": "veth"},
        "addr_info": [
            {"family": "inet", "local": "10.0.0.1", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
            {"family": "inet", "local": "10.0.0.2", "prefixlen": 24, "scope": "global", "secondary": True},
        ],
    }  # fmt: skip
    found = interface_of(link, 4)
    assert (found.name, found.kind, found.master) == ("eth0", "veth", "br0")
    assert [a.secondary for a in found.addresses] == [False, True]
    assert [a.scope for a in interface_of(link, 6).addresses] == [253]


@pytest.mark.parametrize("routes", [[{}], ["default"], [{"dst": 5}]])
def test_what_ip_never_shows_is_refused(routes: list[Any]) -> None:
    with pytest.raises(NodeError):
        host_of(4, [], routes, [], {})


@pytest.mark.kernel
@pytest.mark.parametrize("node", [NODE4, NODE6], ids=["ipv4", "ipv6"])
def test_a_running_node_is_the_one_its_node_file_says(node: dict[str, Any]) -> None:
    need_kernel("ip")
    expected = Host.from_node(node)
    addresses, *tables = [json.loads(text) for text in show(node, expected.family)]
    shown = [[link for link in addresses if not link["ifname"].startswith("p-")], *tables]
    host = host_of(expected.family, *shown, {"net.ipv6.conf.all.forwarding": 1, "net.ipv4.ip_forward": 1})
    assert [(i.name, i.addresses) for i in host.interfaces] == [
        (i.name, i.addresses) for i in expected.interfaces
    ]
    assert host.rules == expected.rules
    ours = {route for route in expected.fib.routes if route.table != 255 or route.type != "multicast"}
    theirs = {route for route in host.fib.routes if route.table != 255 or route.type != "multicast"}
    if host.family == 4:
        assert theirs == ours
    else:  # the scope of an IPv6 route is not shown, and refusing ones are shown on lo

        def plain(routes: set[Any]) -> set[Any]:
            # Whether ::1 is in the table main as well depends on how lo came up; local goes first anyhow.
            kept = (r for r in routes if r.destination.address != 1 or r.table == 255)
            return {(r.destination, r.type, r.error or r.hops, r.source, r.table, r.metric) for r in kept}

        assert plain(theirs) == plain(ours)
    assert not host.has_custom_local_routes


def show(node: dict[str, Any], family: int) -> list[str]:
    """Make the node in a namespace of its own and return what ip -j shows of it."""
    dash = f"-{family}"
    lines = ["ip link set lo up", "cd /proc/sys/net/ipv6/conf", "echo 0 > default/accept_dad"]
    lines += ["echo 1 > default/addr_gen_mode", "echo 1 > all/forwarding"]
    for interface in node["interfaces"]:
        name = interface["name"]
        if name != "lo":
            lines += plugged(name)
        lines += [f"ip addr add {a} dev {name}{' nodad' if family == 6 else ''}" for a in interface["addrs"]]
    lines += [f"ip {dash} route add {route}" for route in node["routes"]]
    lines += [f"ip {dash} rule add {rule}" for rule in node["rules"]]
    for what in ("addr", "route show table all", "rule"):
        lines += [f"ip {dash} -j {what}", "echo ====="]
    command = ["unshare", "-n", "sh"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True)
    return done.stdout.split("=====\n")[:3]
