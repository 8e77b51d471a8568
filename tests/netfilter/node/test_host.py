from typing import Any

import pytest

from natc.errors import NodeError
from natc.netfilter.node.host import Host
from natc.netfilter.node.route_matches import address_type
from tests.netfilter.nodes import NODE4, NODE6, number


def test_the_loopback_device_is_always_there_and_first() -> None:
    host = Host.from_node(NODE4)
    assert [interface.name for interface in host.interfaces] == ["lo", "eth0", "cni0", "eth1"]
    assert [a.address for a in host.interfaces[0].addresses] == [number("127.0.0.1"), number("10.96.0.53")]


def test_an_address_of_a_known_network_is_secondary_and_goes_last() -> None:
    eth0 = Host.from_node(NODE4).interface("eth0")
    assert eth0 is not None
    assert [(a.address, a.secondary) for a in eth0.addresses] == [
        (number("192.168.1.10"), False),
        (number("192.168.1.200"), False),
        (number("192.168.1.20"), True),
    ]


def test_ipv6_puts_the_newest_address_first() -> None:
    eth0 = Host.from_node(NODE6).interface("eth0")
    assert eth0 is not None
    assert [a.address for a in eth0.addresses] == [number("2001:db8::20"), number("2001:db8::10")]


def test_the_addresses_of_a_host_and_the_loopback_network_are_local() -> None:
    host = Host.from_node(NODE4)
    own = ("127.0.0.1", "127.200.0.9", "192.168.1.10", "192.168.1.20", "10.96.0.53", "10.244.1.1")
    assert {address_type(host, number(address)) for address in own} == {"LOCAL"}
    assert address_type(host, number("192.168.1.77")) == "UNICAST"


def test_rules_get_the_priorities_the_kernel_gives() -> None:
    priorities = [rule.priority for rule in Host.from_node(NODE4).rules]
    assert priorities == [0, 99, 100, 32765, 32766, 32767]


def test_sysctls_of_all_and_of_the_interface_combine_to_the_larger() -> None:
    node = NODE4 | {"sysctl": {"net.ipv4.conf.all.rp_filter": 1, "net/ipv4/conf/eth0/rp_filter": "2"}}
    host = Host.from_node(node)
    assert host.sysctl("rp_filter", "eth0") == 2
    assert host.sysctl("rp_filter", "cni0") == 1
    assert host.tcp_loose


def test_forwarding_can_be_off_for_all_or_for_one_interface() -> None:
    assert not Host.from_node(NODE4 | {"ip_forward": 0}).forwards("eth0")
    host = Host.from_node(NODE4 | {"sysctl": {"net.ipv4.conf.cni0.forwarding": 0}})
    assert host.forwards("eth0")
    assert not host.forwards("cni0")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"family": 5}, "family 5"),
        ({"interfaces": "eth0"}, "interfaces of the node is not a list"),
        ({"interfaces": [{"addrs": []}]}, "no name"),
        ({"interfaces": [{"name": "eth0", "addrs": ["10.0.0.300/8"]}]}, "not an interface address"),
        ({"interfaces": [{"name": "eth0", "addrs": ["fd00::1/64"]}]}, "not an address of IPv4"),
        ({"routes": [5]}, "routes of the node is not a list of texts"),
        ({"sysctl": {"net.ipv4.ip_forward": "yes"}}, "sysctl net.ipv4.ip_forward is 'yes'"),
        ({"sysctl": []}, "sysctl is not a mapping"),
    ],
)
def test_a_bad_node_is_refused(node: dict[str, Any], message: str) -> None:
    with pytest.raises(NodeError, match=message):
        Host.from_node(node)
