"""assert_fair: what passes, what does not, and with which words."""

import pytest

import natc
from natc.testing import assert_fair
from tests.support import GOLDEN

DUMP = (GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt").read_text()
VIP = "10.105.182.209:3000"
ENDPOINTS = ["10.244.0.23:8080", "10.244.2.14:8080"]


@pytest.fixture(scope="module")
def ruleset():
    return natc.load(DUMP)


def changed(old, new):
    assert old in DUMP
    return natc.load(DUMP.replace(old, new))


def test_a_service_of_kube_proxy_is_fair(ruleset):
    answer = assert_fair(ruleset, VIP, targets=ENDPOINTS)
    assert [str(target) for target, _ in answer.targets()] == ENDPOINTS
    assert_fair(ruleset, VIP, src="10.244.0.23", targets=ENDPOINTS)
    assert_fair(ruleset, VIP, local=True, targets=ENDPOINTS)


def test_a_node_port_needs_the_nodes_address(ruleset):
    assert_fair(ruleset, "192.168.179.99:30090", node_ips=["192.168.179.99"], targets=ENDPOINTS)
    with pytest.raises(AssertionError, match="leads to no target"):
        assert_fair(ruleset, "192.168.179.99:30090", node_ips=["192.168.179.100"])


@pytest.mark.parametrize("odds", ["0.40000000000", "0.50000100000", "0.33333333349"])
def test_uneven_parts(odds):
    with pytest.raises(AssertionError, match="not shared evenly: "):
        assert_fair(changed("0.50000000000", odds), VIP)


def test_rounding_to_31_bits_is_even():
    assert_fair(changed("0.50000000000", "0.50000000047"), VIP, targets=ENDPOINTS)


def test_a_destination_that_leads_nowhere(ruleset):
    for dst, proto in ((VIP, "udp"), ("10.105.182.209:3001", "tcp"), ("[fd00::1]:80", "tcp")):
        with pytest.raises(AssertionError, match="leads to no target"):
            assert_fair(ruleset, dst, proto=proto)


def test_targets_that_are_not_those_expected(ruleset):
    with pytest.raises(
        AssertionError, match=r"does not reach \['10.0.0.1:1'\] and does reach \['10.244.2.14:8080'\]"
    ):
        assert_fair(ruleset, VIP, targets=[ENDPOINTS[0], "10.0.0.1:1"])


def test_a_part_that_is_dropped_is_missed():
    rule = "-A KUBE-SEP-NKZTPYQZPUN2XBNX -p tcp -m comment --comment"
    with pytest.raises(AssertionError, match="not shared evenly"):
        assert_fair(
            changed(
                rule,
                rule.replace(
                    "-A",
                    "-A KUBE-SEP-NKZTPYQZPUN2XBNX -m statistic --mode random --probability 0.1 -j RETURN\n-A",
                ),
            ),
            VIP,
        )
