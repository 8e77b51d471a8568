"""The counts of natc cost hold for the walk that the trace really makes, rule by rule."""

import pytest
from hypothesis import given, settings

from natc.analysis.cost import Counter, costs
from natc.analysis.own_address import own_address
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from tests.property.test_shadows import PACKETS, dumps
from tests.support import GOLDEN, case_id, present, shared_cases

CASES = [path for path in sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt")) if "userspace" not in str(path)]
RECORDED = shared_cases("kube-proxy/corpus/1.[123]*/90[0-9]/save-legacy.txt")
SOURCES = {
    4: ("10.244.0.23", "198.51.100.9", "192.0.2.1"),
    6: ("fd00:10:244::17", "2001:db8::9", "2001:db8::1"),
}


def compared(ruleset, path):
    """How many rules were looked at on a path of rules that matched: all up to each of them."""
    count, stack = 0, []
    for step in path:
        chains = ruleset.tables[step.table].chains
        if not stack:
            stack = [[step.chain, 0, False]]
        while stack[-1][0] != step.chain:  # fell off their ends
            name, place, left = stack.pop()
            count += 0 if left else len(chains[name].rules) - place
        name, place, left = stack[-1]
        if step.rule is None:
            count += 0 if left else len(chains[name].rules) - place
            stack = []
            continue
        count += step.number - place
        stack[-1][1] = step.number
        jump = step.rule.shape.jump
        to = None if jump is None else step.rule.values[jump]
        if to in chains:
            stack[-1][2] = step.rule.shape.goto
            stack.append([to, 0, False])
        elif to == "RETURN":
            stack[-1][2] = True
        elif to is not None or not goes_on(step.rule):
            stack = []
    return count


def goes_on(rule):
    return rule.target is None or rule.target.name in ("MARK", "LOG", "CT")


def walks(ruleset, address, port, proto, sources, node=None):
    """The counts of every branch of the trace, from each source."""
    machine = Machine.of(ruleset, node)
    for source in sources:
        packet = question_packet(address, port, proto=proto, src=source, in_interface="eth0")
        for piece in machine.branches(packet, "network"):
            yield compared(ruleset, piece.outcome.path)


def assert_holds(text):
    ruleset = read(text)
    sources = SOURCES[ruleset.family]
    for cost in costs(ruleset):
        address, _, port = cost.dst.rpartition(":")
        host = address.strip("[]") or own_address(ruleset, None, cost.rule.chain)
        if "/" in host:
            continue
        node = None if address else OpenNode(frozenset({question_packet(host, None).dst}))
        others = [source for source in sources if source != host]  # the node's own do not come from the wire
        counts = list(walks(ruleset, host, int(port), cost.proto, others, node))
        assert cost.least <= min(counts)
        assert max(counts) <= cost.most


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_the_walk_stays_within_the_count(path):
    assert_holds(path.read_text())


@pytest.mark.shared
@pytest.mark.parametrize("path", RECORDED, ids=case_id)
def test_the_walk_stays_within_the_count_on_recorded_nodes(path):
    assert_holds(present(path).read_text())


@settings(max_examples=60, deadline=None)
@given(dumps())
def test_the_walk_stays_within_the_count_whatever_the_rules(text):
    ruleset = read(text)
    counter = Counter(ruleset)
    machine = Machine.of(ruleset, use_index=False)
    for packet in PACKETS[::5]:
        least, most = counter.of(packet, None)
        for piece in machine.branches(packet, "network"):
            if piece.outcome.verdict in ("FORWARD", "DROP"):
                assert least <= compared(ruleset, piece.outcome.path) <= most


SMALL = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -d 10.9.0.0/16 -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 81 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:S - [0:0]
:A - [0:0]
:B - [0:0]
-A PREROUTING -j S
-A S -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j A
-A S -d 10.96.0.2/32 -p tcp -m tcp --dport 80 -j B
-A A -p tcp -j DNAT --to-destination 10.244.0.1:80
-A B -m statistic --mode random --probability 0.5 -j A
-A B -p tcp -j DNAT --to-destination 10.9.0.1:81
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
COMMIT
"""


def test_a_count_by_hand():
    """First: jump, service, DNAT, and for a pod elsewhere two rules of FORWARD and one of POSTROUTING. Second:
    jump, two services, in B one rule and A's, or two rules; then at most the same behind."""
    counted = [(cost.dst, cost.least, cost.most) for cost in costs(read(SMALL))]
    assert counted == [("10.96.0.2:80", 5, 8), ("10.96.0.1:80", 3, 6)]


@pytest.mark.parametrize(
    "asked", ["", "-d 10.96.0.1", "-d 10.96.0.0/24", "-d a-host.example", "-d 10.96.0.0/255.0.255.0"]
)
@pytest.mark.parametrize("port", ["80", "80:90", "http", ":80"])
def test_networks_ranges_and_names_are_counted_too(asked, port):
    rule = f"-A PREROUTING {asked} -p tcp -m tcp --dport {port} -j DNAT --to-destination 10.244.0.1:80"
    text = f"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j ACCEPT\n{rule}\nCOMMIT\n"
    assert [(cost.least, cost.most) for cost in costs(read(text))] == [(2, 2)]


def test_a_refused_service_is_counted_where_there_is_no_nat():
    refusal = '--comment "a/b has no endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30080 -j REJECT'
    text = f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m comment {refusal}\nCOMMIT\n"
    assert [(cost.dst, cost.least, cost.most) for cost in costs(read(text))] == [(":30080", 1, 1)]


def test_the_helper_counts_what_the_engine_evaluates():
    ruleset = read(SMALL)
    machine = Machine.of(ruleset, use_index=False)
    packet = question_packet("10.96.0.1", 80, src="198.51.100.9", in_interface="eth0")
    (piece,) = machine.branches(packet, "network")
    assert compared(ruleset, piece.outcome.path) == machine.trace(packet, "network").rules_evaluated == 6


def test_services_at_the_end_cost_more():
    """Each of 1,000 services is one comparison behind the one before it, whatever looks them up."""
    rules = [f"-A S -d 10.96.{i >> 8}.{i & 255}/32 -p tcp -m tcp --dport 80 -j A" for i in range(1000)]
    text = "\n".join(["*nat", ":PREROUTING ACCEPT", ":S -", ":A -", "-A PREROUTING -j S", *rules,
                      "-A A -p tcp -j DNAT --to-destination 10.244.0.1:80", "COMMIT", ""])  # fmt: skip
    found = costs(read(text))
    assert [cost.most for cost in found] == list(range(1002, 2, -1))
    assert all(cost.least == cost.most for cost in found)
