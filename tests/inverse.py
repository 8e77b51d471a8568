"""natc who held against natc trace: for every pod what the traces of every destination say of it."""

import re
from ipaddress import ip_address, ip_network

from natc.analysis.who import NODE, OWN, who
from natc.netfilter.packet import question_packet
from natc.probability import total
from natc.text.reader import read
from natc.trace.answer.outcome import MASQUERADE
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode

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
