"""Addresses as Go's lenient parser reads them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natc.compile.addresses import contains, host_cidr, join_host_port
from natc.kube.addresses import canonical_ip, parse_network

CANONICAL = {
    "10.0.0.1": "10.0.0.1",
    "010.000.0.01": "10.0.0.1",
    "FD00:0:0:0::01": "fd00::1",
    "::ffff:10.0.0.1": "10.0.0.1",
    "::10.0.0.1": "::a00:1",
    "::ffff:010.0.0.01": "10.0.0.1",
    "64:ff9b::010.1.2.003": "64:ff9b::a01:203",
    "::1.2.3.256": None,
    "1.2.3.4:5": None,
    "": None,
    "10.0.0": None,
    "10.0.0.256": None,
    "10.0.0.1.2": None,
    "10.0.0.0x1": None,
    " 10.0.0.1": None,
    "fe80::1%eth0": None,
    "10.0.0.1\0": None,
    "\u0661.0.0.1": None,
    ":::": None,
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.items())
def test_canonical_ip(text, canonical):
    assert canonical_ip(text) == canonical


@given(st.ip_addresses(v=4))
def test_ipv4_stays_as_it_is(address):
    assert canonical_ip(str(address)) == str(address)


@given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))
def test_ipv6_is_compressed(address):
    assert canonical_ip(address.exploded.upper()) == address.compressed


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("172.16.5.9/20", "172.16.0.0/20"),
        ("010.0.0.1/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("FD00::5/64", "fd00::/64"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ],
)
def test_cidr(text, network):
    assert parse_network(text) == ipaddress.ip_network(network)


@pytest.mark.parametrize(
    "text", ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", " 10.0.0.0/8", "10.0.0.0/+8", "/8", "a/8"]
)
def test_no_cidr(text):
    assert parse_network(text) is None


def test_containment_never_crosses_families():
    assert contains(ipaddress.ip_network("10.0.0.0/8"), "10.1.2.3")
    assert not contains(ipaddress.ip_network("10.0.0.0/8"), "11.0.0.1")
    assert not contains(ipaddress.ip_network("::/0"), "10.1.2.3")


def test_spelling():
    assert (host_cidr("10.0.0.1"), host_cidr("fd00::1")) == ("10.0.0.1/32", "fd00::1/128")
    assert (join_host_port("10.0.0.1", 80), join_host_port("fd00::1", 80)) == ("10.0.0.1:80", "[fd00::1]:80")
