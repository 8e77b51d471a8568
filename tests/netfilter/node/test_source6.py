"""The source address a node chooses towards an IPv6 destination, rule by rule (RFC 6724, section 5)."""

from ipaddress import ip_address

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.node.source6 import select_source6


def chosen(destination: str, eth0: list[str], cni0: tuple[str, ...] = (), out: str = "eth0") -> str:
    """The address chosen among those of two devices for a packet that leaves by one of them."""
    listed = [{"name": "eth0", "addrs": eth0}, {"name": "cni0", "addrs": list(cni0)}]
    host = Host.from_node({"family": 6, "interfaces": listed})
    found = select_source6(host.interfaces, int(ip_address(destination)), out)
    assert found is not None
    return str(ip_address(found))


@pytest.mark.parametrize(
    ("destination", "addresses", "source"),
    [
        # 1: the destination itself, however little else speaks for it
        ("fd00::1", ["fd00::1/128", "fd00::2/64"], "fd00::1"),
        # 2: the narrowest scope that is wide enough, else the widest
        ("fe80::9", ["2001:db8::1/64", "fe80::1/64"], "fe80::1"),
        ("2001:db8::9", ["fe80::1/64", "fd00::1/64"], "fd00::1"),
        ("ff05::1", ["fe80::1/64", "2001:db8::1/64"], "2001:db8::1"),
        # 6: the label of the destination
        ("fd00:9::9", ["2001:db8::1/64", "fd00:1::1/64"], "fd00:1::1"),
        # the kernel's own: ORCHID addresses for ORCHID destinations only, before the longest prefix
        ("2002::1", ["2001:10::1/64", "fd00::1/64"], "fd00::1"),
        # 8: the longest common prefix, of which no more counts than the address's own prefix is long
        ("2001:db8:0:1::5", ["2001:db8:0:1::1/48", "2001:db8:0:3::1/64"], "2001:db8:0:3::1"),
        ("2001:db8:0:1::5", ["2001:db8:0:3::1/64", "2001:db8:0:1::1/64"], "2001:db8:0:1::1"),
    ],
)
def test_the_first_rule_that_tells_two_addresses_apart_decides(destination, addresses, source):
    assert chosen(destination, addresses) == source
    assert chosen(destination, addresses[::-1]) == source


def test_5_the_device_that_the_packet_leaves_by_goes_before_the_label():
    assert chosen("fd00:9::9", ["2001:db8::1/64"], ("fd00:1::1/64",)) == "2001:db8::1"
    assert chosen("fd00:9::9", ["2001:db8::1/64"], ("fd00:1::1/64",), out="cni0") == "fd00:1::1"


def test_towards_neighbours_and_groups_only_that_device_counts():
    assert chosen("fe80::9", ["2001:db8::1/64"], ("fe80::1/64",)) == "2001:db8::1"
    assert chosen("ff05::1", ["fe80::1/64"], ("2001:db8::1/64",)) == "fe80::1"
