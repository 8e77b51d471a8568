"""Where node ports are open: ``--nodeport-addresses`` (layout section 6, history D)."""

import pytest

from natc.compile import ProxyConfig
from natc.compile.node_port_addresses import node_port_addresses
from tests.compile.objects import cluster, endpoint, load_balancer, piece, rules

ADDRESSES = ("127.0.0.1/8", "192.168.7.3/24", "10.0.0.11/16", "::1/128", "fd00:7::3/64", "fe80::1")
NOWHERE = ("172.31.0.0/16", "2001:db8::/64")


def opened(version, *cidrs, **settings):
    return node_port_addresses(
        ProxyConfig(kube_version=version, nodeport_addresses=cidrs, interface_addresses=ADDRESSES, **settings)
    )


def jumps(version, *cidrs, **settings):
    """What stands between the comment and the target of the jumps to KUBE-NODEPORTS."""
    found = rules(
        cluster(),
        "-j KUBE-NODEPORTS",
        version,
        nodeport_addresses=cidrs,
        interface_addresses=ADDRESSES,
        **settings,
    )
    return [rule.rpartition('" ')[2].removesuffix(" -j KUBE-NODEPORTS") for rule in found]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("version", ["1.14", "1.19", "1.27", "1.30", "newer"])
def test_without_cidrs_everywhere(version, family):
    where = opened(version, ip_family=family)
    assert where.everywhere
    assert where.anywhere


def test_addresses_inside_are_sorted_as_text():
    assert opened("1.30", "192.168.0.0/16", "10.0.0.0/8").matched == ("10.0.0.11", "192.168.7.3")


@pytest.mark.parametrize(
    ("version", "cidr", "everywhere"),
    [
        ("1.18", "::/0", True),
        ("1.19", "::/0", True),
        ("1.27", "::/0", False),
        ("1.28", "::/0", True),
        ("1.30", "0.0.0.0/0", True),
        ("1.30", "1.2.3.4/0", False),
        ("newer", "1.2.3.4/0", True),
    ],
)
def test_zero_cidrs(version, cidr, everywhere):
    assert opened(version, cidr).everywhere is everywhere


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.18", []),
        ("1.19", ["-m addrtype --dst-type LOCAL"]),
        ("1.26", ["-m addrtype --dst-type LOCAL ! -d ::1/128"]),
        ("1.27", []),
        ("1.28", ["-m addrtype --dst-type LOCAL ! -d ::1/128"]),
    ],
)
def test_ipv6_with_ipv4_cidrs_alone(version, expected):
    assert jumps(version, "127.0.0.0/8", ip_family="ipv6") == expected


@pytest.mark.parametrize(
    ("version", "settings", "expected"),
    [
        ("1.25", {}, ["-d 127.0.0.1"]),
        ("1.26", {}, ["-d 127.0.0.1"]),
        ("1.26", {"localhost_nodeports": False}, []),
        ("1.30", {"localhost_nodeports": False}, []),
        ("1.25", {"ip_family": "ipv6"}, ["-d ::1"]),
        ("1.26", {"ip_family": "ipv6"}, []),
    ],
)
def test_loopback_addresses_inside_the_cidrs(version, settings, expected):
    assert jumps(version, "127.0.0.0/8", "::1/128", **settings) == expected


@pytest.mark.parametrize(
    ("version", "settings", "expected"),
    [
        ("1.25", {"localhost_nodeports": False}, ""),
        ("1.26", {"localhost_nodeports": False}, " ! -d 127.0.0.0/8"),
        ("1.30", {}, ""),
        ("1.25", {"ip_family": "ipv6"}, ""),
        ("1.30", {"ip_family": "ipv6"}, " ! -d ::1/128"),
    ],
)
def test_loopback_where_every_address_is_open(version, settings, expected):
    assert jumps(version, **settings) == [f"-m addrtype --dst-type LOCAL{expected}"]


def test_primary_is_the_node_address():
    assert jumps("newer", "primary", node_ip="192.168.7.3") == ["-d 192.168.7.3"]
    assert jumps("newer", "primary", node_ip="fd00:7::3", ip_family="ipv6") == ["-d fd00:7::3"]


@pytest.mark.parametrize(
    ("version", "node_ports", "endpoint_chains"),
    [
        ("1.18", 2, 1),
        ("1.19", 0, 0),
        ("1.22", 0, 0),
        ("1.23", 0, 1),
        ("1.26", 0, 1),
        ("1.27", 1, 1),
        ("1.30", 1, 1),
    ],
)
def test_node_ports_that_no_address_takes(version, node_ports, endpoint_chains):
    of = cluster(load_balancer(external_traffic_policy="Local"), piece(endpoint(node_name="node1")))
    settings = {"nodeport_addresses": NOWHERE, "interface_addresses": ADDRESSES, "hostname_override": "node1"}
    assert bool(rules(of, "-A KUBE-NODEPORTS", version, **settings)) is bool(node_ports)
    assert len(rules(of, "-j DNAT", version, **settings)) == endpoint_chains
    assert rules(of, "loadbalancer IP", version, **settings)


@pytest.mark.parametrize(
    ("version", "refused"), [("1.18", True), ("1.22", False), ("1.26", False), ("1.27", True)]
)
def test_refusals_of_node_ports_that_no_address_takes(version, refused):
    settings = {"nodeport_addresses": NOWHERE, "interface_addresses": ADDRESSES}
    found = rules(cluster(load_balancer()), "--dst-type LOCAL -m tcp", version, **settings)
    assert bool(found) is refused
