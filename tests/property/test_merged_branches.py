"""The merged answer is the sum of the branches, whatever the packet leaves open, and hangs on the same."""

import os
from collections import Counter

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from natc.netfilter.packet import open_mark, question_packet
from natc.probability import CERTAIN, Odds, total
from natc.text.reader import read
from natc.trace.answer.cells import Part, cells
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from natc.values import changed
from tests.trace.dumps import service

#: How many rulesets are tried; by hand ``NATC_MERGED=5000``.
COUNT = int(os.environ.get("NATC_MERGED", "40"))
#: Packets of more branches than this are left out.
MOST = 400
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.255")
#: The tables, the builtin chains of each that are given rules, and what a rule of it may do.
TABLES = {
    "raw": (("PREROUTING", "OUTPUT"), ["-j DROP", "-j NOTRACK"]),
    "mangle": (
        ("PREROUTING", "OUTPUT", "FORWARD", "INPUT", "POSTROUTING"),
        ["-j DROP", "-j MARK --set-xmark 0x1/0x1", "-j MARK --set-xmark 0x0/0x3"],
    ),
    "nat": (
        ("PREROUTING", "OUTPUT", "POSTROUTING"),
        ["-j MARK --set-xmark 0x2/0x2"],
    ),
    "filter": (("INPUT", "FORWARD", "OUTPUT"), ["-j DROP", "-j REJECT"]),
}
#: Targets that only one chain takes.
OWN = {
    "PREROUTING": [
        "-p tcp -j DNAT --to-destination 10.0.0.2:8080",
        "-j DNAT --to-destination 10.9.0.1",
        "-j REDIRECT",
    ],
    "OUTPUT": ["-p tcp -j DNAT --to-destination 10.0.0.2:8080", "-j REDIRECT"],
    "POSTROUTING": ["-j MASQUERADE", "-j SNAT --to-source 10.0.0.9"],
}
#: What rules ask: of each group one thing.
ASKED = (
    ("-s 10.0.0.0/30", "! -s 10.0.0.2"),
    ("-d 10.0.0.1",),
    (
        "-m addrtype --dst-type LOCAL",
        "-m addrtype ! --dst-type LOCAL",
        "-m addrtype --dst-type BROADCAST",
        "-m addrtype --dst-type UNICAST",
        "-m addrtype --src-type LOCAL",
    ),
    ("-m mark --mark 0x1/0x1", "-m mark ! --mark 0x2/0x3"),
    ("-m conntrack --ctstate NEW",),
    ("-m statistic --mode random --probability 0.25",),
    ("-m set --match-set one dst",),
)


@st.composite
def rules(draw, table, chain):
    """One rule: what it asks, and where it leads; user chains are entered, not left for one another."""
    asked = [draw(st.sampled_from(group)) for group in draw(st.sets(st.sampled_from(ASKED), max_size=2))]
    if chain in ("PREROUTING", "INPUT") and draw(st.booleans()):
        asked.insert(0, draw(st.sampled_from(["-i eth0", "! -i cni0"])))
    _, targets = TABLES[table]
    goals = ["", "-j ACCEPT", "-j RETURN", *targets, *(OWN.get(chain, []) if table == "nat" else [])]
    goals += ["-j A", "-j A", "-g A"] if chain != "A" else []
    return " ".join([f"-A {chain}", *asked, draw(st.sampled_from(goals))]).strip()


@st.composite
def dumps(draw):
    lines = []
    for table in draw(st.sets(st.sampled_from(sorted(TABLES)), min_size=1, max_size=3)):
        heads, _ = TABLES[table]
        lines += [f"*{table}", *(f":{head} ACCEPT" for head in heads), ":A -"]
        for chain in (*heads, "A"):
            lines += draw(st.lists(rules(table, chain), max_size=3))
        lines.append("COMMIT")
    return "\n".join([*lines, ""])


@st.composite
def packets(draw):
    source = draw(st.sampled_from([None, None, "10.0.0.1", "10.0.0.2", "192.0.2.7"]))
    interface = draw(st.sampled_from([None, None, "eth0"]))
    packet = question_packet(draw(st.sampled_from(ADDRESSES)), 80, src=source, in_interface=interface)
    if draw(st.booleans()):
        packet = changed(packet, ctstate=question_packet("10.0.0.1", 80, ctstate=None).ctstate)
    return changed(packet, mark=open_mark()) if draw(st.booleans()) else packet


def shares(members, side):
    """Return the odds of each outcome that one side gives a cell."""
    sums = Counter()
    for whose, piece in members:
        if whose == side and piece.odds:
            sums[piece.outcome] = sums.get(piece.outcome, Odds(0)) + piece.odds
    return dict(sums)


def compare(machine, packet, origin):
    """Compare both answers; return whether the branches were not too many for that."""
    listing = machine.branches(packet, origin, limit=MOST)
    apart = list(listing)
    if listing.has_more:
        return False
    answer = machine.trace(packet, origin)
    sides = {"merged": answer.pieces, "branches": apart}
    parts = [Part(piece.facts, (side, piece)) for side, pieces in sides.items() for piece in pieces]
    for known, members in cells(parts):
        merged, branched = (shares(members, side) for side in sides)
        assert merged == branched, known
        assert total(merged.values()) == CERTAIN
    assert answer.assumptions == listing.assumptions
    assert {*answer.questions} <= {*listing.questions}  # with the rule that asks first
    return True


@settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
@given(dumps(), packets(), st.sampled_from(["network", "network", "local"]), st.booleans())
def test_the_merged_answer_is_the_sum_of_the_branches(text, packet, origin, known):
    node = OpenNode(frozenset({(10 << 24) + 1})) if known else None
    assume(compare(Machine.of(read(text), node), packet, origin))


def test_so_it_is_where_endpoints_go_on_as_one():
    assert compare(Machine.of(service(20)), question_packet("10.96.0.1", 80), "network")


def test_so_it_is_where_questions_are_put_together():
    rules = "\n".join(
        f"-A PREROUTING -m set --match-set S{n} src -m set --match-set T{n} src -j {target}"
        for n, target in enumerate(["RETURN"] * 7 + ["DROP"] * 3)
    )
    ruleset = read(f"*raw\n:PREROUTING ACCEPT\n{rules}\nCOMMIT\n")
    assert compare(Machine.of(ruleset), question_packet("10.0.0.1", 80), "network")
