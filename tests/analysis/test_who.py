"""natc who is natc trace turned round: for every pod what the traces of every destination say of it."""

import re
from ipaddress import ip_address, ip_network

import pytest

from natc.analysis.who import NODE, OWN, who
from natc.netfilter.packet import question_packet
from natc.probability import total
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node import OpenNode
from natc.trace.outcome import MASQUERADE
from tests.support import GOLDEN, case_id, present, shared_cases

CASES = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))
#: A ninth of the recorded dumps: asking all of them about their pods takes minutes.
RECORDED = shared_cases("kube-proxy/corpus/*/*/save-legacy.txt")[::9]
NODES = {4: "192.0.2.1", 6: "2001:db8::1"}
#: Of the pods of a large dump so many are asked about, at most.
MOST_PODS = 6
ARRIVED = ("FORWARD", "OUTPUT", "INPUT", "OPEN")


def nat_rules(ruleset):
    return [rule.text for chain in ruleset.tables["nat"].chains.values() for rule in chain.rules]


def asked(rules, family):
    """Every destination that rules of nat name, and each port named alone at the node's addresses."""
    named, bare, hosts = set(), set(), {NODES[family]}
    for text in rules:
        rule = re.sub(r'--comment (?:"[^"]*"|\S+)', "", text)
        address = re.search(r"(?<!! )-d (\S+)", rule)
        host = str(ip_network(address[1])) if address else None
        port = re.search(r"-p (\w+) .*?--dport (\d+)", rule)
        if port and host:
            named.add((host, port[1], int(port[2])))
        elif port:
            bare.add((port[1], int(port[2])))
        elif host and " -s " not in rule:
            hosts.add(host)
    return named | {(host, *one) for host in hosts for one in bare}


def traced(ruleset):
    """By the pod's address: what every trace says of it."""
    own = OpenNode(frozenset({int(ip_address(NODES[ruleset.family]))}))
    somewhere, here = Machine.of(ruleset), Machine.of(ruleset, own)
    found = {}
    places = asked(nat_rules(ruleset), ruleset.family)
    for place, proto, port in places:
        network = ip_network(place)
        several = network.num_addresses > 1
        host = str(network.network_address + several)
        if several and (f"{host}/{network.max_prefixlen}", proto, port) in places:
            continue  # its first host stands for it, and has rules of its own
        machine = here if host == NODES[ruleset.family] else somewhere
        name = place if several else host
        shown = "" if machine is here else f"[{name}]" if ":" in name else name
        for origin in ("network", "local"):
            for case in machine.trace(question_packet(host, port, proto=proto), origin).cases:
                sums = {}
                for odds, outcome in case.outcomes:
                    if outcome.dnat and outcome.verdict in ARRIVED:
                        seen = outcome.snat and (NODE if outcome.snat == MASQUERADE else str(outcome.snat))
                        sums.setdefault((outcome.dnat, seen or OWN), []).append(odds)
                for (to, seen), odds in sums.items():
                    row = (f"{shown}:{port}", proto, origin, str(to), total(odds), case.conditions, seen)
                    found.setdefault(to.ip, set()).add(row)
    return found


def assert_inverse(text):
    ruleset = read(text)
    expected = traced(ruleset)
    again = read(text)  # whose rules still stand in its text
    pods = set(re.findall(r"--to-destination \[?([0-9a-f.]+|[0-9a-f:]+)\]?:\d+(?!\S)", text))
    assert expected.keys() - pods <= {"address of the incoming interface"}  # REDIRECT, no pod
    for pod in sorted(pods)[:: len(pods) // MOST_PODS + 1]:
        paths = who(again, pod)
        rows = {(p.dst, p.proto, p.origin, p.to, p.odds, p.conditions, p.source_seen) for p in paths}
        assert rows == expected.get(pod, set()), pod
        assert len(rows) == len(paths)
    return len(pods)


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
