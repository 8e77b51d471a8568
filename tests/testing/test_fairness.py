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
    with pytest.raises(AssertionError, match=r"not shared evenly when .*: expected 50.0000% for each of 2"):
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


# ---- session affinity

MASK = "--mask 255.255.255.255 --rsource"
STICKY = f"""*nat
:PREROUTING ACCEPT [0:0]
:SVC - [0:0]
:ONE - [0:0]
:TWO - [0:0]
-A PREROUTING -d 10.96.0.1/32 -p tcp -m comment --comment "a/b cluster IP" -m tcp --dport 80 -j SVC
-A SVC -m recent --rcheck --seconds 100 --reap --name ONE {MASK} -j ONE
-A SVC -m recent --rcheck --seconds 100 --reap --name TWO {MASK} -j TWO
-A SVC -m statistic --mode random --probability 0.50000000000 -j ONE
-A SVC -j TWO
-A ONE -p tcp -m recent --set --name ONE {MASK} -m tcp -j DNAT --to-destination 10.244.0.1:80
-A TWO -p tcp -m recent --set --name TWO {MASK} -m tcp -j DNAT --to-destination 10.244.0.2:80
COMMIT
"""
BOTH = ["10.244.0.1:80", "10.244.0.2:80"]


def sticky(old="", new=""):
    assert old in STICKY
    return natc.load(STICKY.replace(old, new))


def test_remembered_clients_go_to_their_target_and_first_ones_are_spread():
    assert_fair(sticky(), "10.96.0.1:80", targets=BOTH, affinity=True)
    with pytest.raises(AssertionError, match=r"a/b \(10.96.0.1:80/tcp\) remembers its clients"):
        assert_fair(sticky(), "10.96.0.1:80", affinity=False)


def test_affinity_that_is_wanted_and_lacks(ruleset):
    with pytest.raises(AssertionError, match="remembers no client"):
        assert_fair(ruleset, VIP, affinity=True)


def test_first_packets_are_judged_by_themselves():
    with pytest.raises(AssertionError, match="is not shared evenly when the source was not seen by list ONE"):
        assert_fair(sticky("0.50000000000", "0.60000000000"), "10.96.0.1:80")


def test_a_remembered_client_that_is_spread_again_is_not_kept():
    coin = f"-A SVC -m recent --rcheck --seconds 100 --reap --name ONE {MASK} -j ONE"
    torn = coin.replace(" -j", " -m statistic --mode random --probability 0.5 -j")
    with pytest.raises(AssertionError, match="is not shared evenly"):
        assert_fair(sticky(coin, torn), "10.96.0.1:80")


def test_a_target_that_forgets_its_clients():
    rule = f"-A SVC -m recent --rcheck --seconds 100 --reap --name TWO {MASK} -j TWO\n"
    with pytest.raises(AssertionError, match=r"no list sends clients back to \['10.244.0.2:80'\]"):
        assert_fair(sticky(rule), "10.96.0.1:80")


def test_a_client_that_is_sent_where_no_first_packet_goes():
    chance = "-A SVC -m statistic --mode random --probability 0.50000000000 -j ONE\n"
    with pytest.raises(AssertionError, match=r"a list sends clients to \['10.244.0.1:80'\], which no first"):
        assert_fair(sticky(chance), "10.96.0.1:80")


# ---- what a failure says


def test_a_failure_names_the_service_the_parts_and_the_lines():
    with pytest.raises(AssertionError) as caught:
        assert_fair(changed("0.50000000000", "0.40000000000"), VIP, src="10.244.1.7")
    text = str(caught.value)
    assert text.startswith(
        f"default/nodeport-svc ({VIP}/tcp) is not shared evenly: expected 50.0000% for each of 2"
    )
    lines = DUMP.splitlines()
    coin = 1 + next(n for n, line in enumerate(lines) if "--probability" in line)
    dnat = [1 + n for n, line in enumerate(lines) if "-j DNAT" in line]
    assert f"  10.244.0.23:8080  40.0000%  858993459 / 2^31  line {coin}, {max(dnat)}" in text
    assert f"  10.244.2.14:8080  60.0000%  1288490189 / 2^31  line {min(dnat)}" in text


def test_more_may_be_allowed():
    uneven = changed("0.50000000000", "0.50001000000")
    assert_fair(uneven, VIP, within=1e-4)
    with pytest.raises(AssertionError, match="within 1e-06"):
        assert_fair(uneven, VIP, within=1e-6)
