"""natc who is natc trace turned round: for every pod what the traces of every destination say of it."""

from ipaddress import ip_address

import pytest

from natc.analysis.who import who
from natc.netfilter.packet import question_packet
from natc.probability import CERTAIN
from natc.text.reader import read
from natc.trace.machine import Machine
from tests.inverse import assert_inverse
from tests.support import GOLDEN, case_id, present, shared_cases

CASES = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))
#: A ninth of the recorded dumps: asking all of them about their pods takes minutes.
RECORDED = shared_cases("kube-proxy/corpus/*/*/save-legacy.txt")[::9]


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_who_is_the_inverse_of_trace(path):
    text = path.read_text()
    assert assert_inverse(text) or "-j DNAT" not in text


@pytest.mark.shared
@pytest.mark.parametrize("path", RECORDED, ids=case_id)
def test_who_is_the_inverse_of_trace_on_recorded_nodes(path):
    text = present(path).read_text()
    assert assert_inverse(text) or "-j DNAT" not in text


RULES = """\
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:A - [0:0]
:B - [0:0]
-A PREROUTING -d 203.0.113.7/32 -p tcp -m multiport --dports 80,443 -j A
-A PREROUTING -p udp -m udp --dport 53 -j DNAT --to-destination 10.0.0.4-10.0.0.6
-A A -p tcp -m statistic --mode random --probability 0.25000000000 -j B
-A B -p tcp -j DNAT --to-destination 10.0.0.5
COMMIT
"""


def rows(paths):
    return [(path.dst, path.proto, path.origin, float(path.odds), path.open) for path in paths]


def test_chains_of_any_name_and_ports_in_a_list():
    assert rows(who(read(RULES), "10.0.0.5")) == [
        ("203.0.113.7:80", "tcp", "network", 0.25, False),
        ("203.0.113.7:443", "tcp", "network", 0.25, False),
        (":53", "udp", "network", 1.0, True),
    ]
    assert who(read(RULES), "10.0.0.5", 443) == who(read(RULES), "10.0.0.5")[1:2]


def test_an_address_of_a_range_may_be_chosen_or_not():
    assert rows(who(read(RULES), "10.0.0.4")) == [(":53", "udp", "network", 1.0, True)]
    assert who(read(RULES), "10.0.0.7") == ()


def test_nothing_leads_to_another_family_and_without_nat():
    assert who(read(RULES), "2001:db8::5") == ()
    assert who(read("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"), "10.0.0.5") == ()


NETMAP = """\
*nat
:PREROUTING ACCEPT [0:0]
:A - [0:0]
-A PREROUTING -d 203.0.113.0/28 -j NETMAP --to 10.0.0.0/28
-A PREROUTING -d 198.51.100.0/27 -p tcp -m tcp --dport 80 -j A
-A A -p tcp -j NETMAP --to 10.0.0.4/30
COMMIT
"""


def test_a_network_that_is_mapped_leads_to_each_pod_from_its_own_addresses():
    machine, found = Machine.of(read(NETMAP)), {}
    for network, hosts in (("203.0.113", 16), ("198.51.100", 32)):
        for host in range(hosts):
            answer = machine.trace(question_packet(f"{network}.{host}", 80))
            ((target, _),) = answer.targets()
            found.setdefault(target.ip, set()).add(f"{network}.{host}")
    assert len(found) == 16
    for pod, addresses in found.items():
        paths = [path for path in who(read(NETMAP), pod) if path.proto == "tcp"]
        assert {path.dst.partition(":")[0] for path in paths} == addresses, pod
        assert all(path.odds == CERTAIN and ip_address(path.dst.partition(":")[0]) for path in paths)


def test_a_rule_for_all_networks_maps_any_address_with_the_same_end():
    rules = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j NETMAP --to 10.0.0.0/28\nCOMMIT\n"
    assert rows(who(read(rules), "10.0.0.5")) == [("0.0.0.0/0", "tcp", "network", 1.0, False)]
    assert who(read(rules), "10.0.0.16") == ()


def test_of_a_large_network_that_is_mapped_the_first_address_is_asked():
    rules = NETMAP.replace("198.51.100.0/27", "198.18.0.0/15")
    assert [path.dst for path in who(read(rules), "10.0.0.6") if path.dst.startswith("198.")] == [
        "198.18.0.0/15:80"
    ]


def mapped_by(mask):
    return f"*nat\n-A PREROUTING -d 10.0.0.5/{mask} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.9.9.9\nCOMMIT\n"


def test_each_range_of_a_mask_with_holes_is_asked():
    paths = who(read(mapped_by("255.255.253.255")), "10.9.9.9")
    assert [path.dst for path in paths] == ["10.0.0.5:80", "10.0.2.5:80"]
    paths = who(read(mapped_by("255.255.253.0")), "10.9.9.9")
    assert [path.dst for path in paths] == ["10.0.0.0/24:80", "10.0.2.0/24:80"]
    (path,) = who(read(mapped_by("255.0.0.255")), "10.9.9.9")
    assert path.dst == "10.0.0.5 and 65,535 more ranges:80"
