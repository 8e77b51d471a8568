"""Tracing, for every ruleset hypothesis can think of: exact sums, and an index that changes nothing."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.intervals import Intervals, numbers, union
from natc.netfilter.packet import question_packet
from natc.probability import CERTAIN, Odds, total
from natc.text.reader import read
from natc.trace.bounds import bound_of
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from natc.trace.search import branches

CHAINS = ("A", "B", "C")
HEADS = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")

addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.1.0/24", "10.0.0.0/30", "192.0.2.7"])
ports = st.sampled_from(["80", "81", "443", "80:90"])


@st.composite
def rules(draw, chain):
    """One rule of a chain; jumps go only to later chains, so that there is no loop."""
    words = [f"-A {chain}"]
    if draw(st.booleans()):
        words.append(draw(st.sampled_from(["", "! "])) + f"-s {draw(addresses)}")
    if draw(st.booleans()):
        words.append(draw(st.sampled_from(["", "", "! "])) + f"-d {draw(addresses)}")
    words.append("-p tcp")
    if draw(st.booleans()):
        words.append(f"-m tcp {draw(st.sampled_from(['', '! ']))}--dport {draw(ports)}")
    if draw(st.booleans()):
        words.append(f"-m statistic --mode random --probability {draw(st.floats(0, 1)):.11f}")
    later = CHAINS[CHAINS.index(chain) + 1 :] if chain in CHAINS else CHAINS
    goals = ["-j RETURN", "-j ACCEPT", "-j MARK --set-xmark 0x1/0x1", "", *[f"-j {name}" for name in later]]
    goals += [f"-g {name}" for name in later]
    if chain == "PREROUTING":
        goals.append("-j DNAT --to-destination 10.9.0.1:8080")
    return " ".join([*words, draw(st.sampled_from(goals))])


@st.composite
def dumps(draw):
    lines = [f":{name} ACCEPT" for name in HEADS] + [f":{name} -" for name in CHAINS]
    for chain in ("PREROUTING", *CHAINS):
        lines += draw(st.lists(rules(chain), max_size=20 if chain == "PREROUTING" else 5))
    return "\n".join(["*nat", *lines, "COMMIT", ""])


packets = st.builds(
    lambda dst, dport, src: question_packet(dst, dport, src=src, sport=4000),
    st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.1.9", "192.0.2.7"]),
    st.sampled_from([80, 81, 443, 5]),
    st.sampled_from([None, "10.0.0.1", "192.0.2.7"]),
)


def described(answer):
    """What an answer says, however it was found."""
    return {case.conditions: {(outcome, odds) for odds, outcome in case.outcomes} for case in answer.cases}


@settings(max_examples=150, deadline=None)
@given(dumps(), packets)
def test_the_index_answers_as_the_scan_does(text, packet):
    ruleset = read(text)
    indexed = Machine.of(ruleset, use_index=True).trace(packet)
    scanned = Machine.of(ruleset, use_index=False).trace(packet)
    assert described(indexed) == described(scanned)
    assert indexed.rules_evaluated <= scanned.rules_evaluated


@settings(max_examples=150, deadline=None)
@given(dumps(), packets)
def test_every_case_sums_to_exactly_one(text, packet):
    for case in Machine.of(read(text)).trace(packet).cases:
        assert total(odds for odds, _ in case.outcomes) == CERTAIN


@settings(max_examples=100, deadline=None)
@given(dumps(), packets)
def test_merged_outcomes_are_the_sums_of_the_branches(text, packet):
    machine = Machine.of(read(text))
    if packet.src != 0 and not isinstance(packet.src, int):
        packet = question_packet("10.0.0.1", 80, src="10.0.0.2", sport=4000)
    merged = {outcome: odds for case in machine.trace(packet).cases for odds, outcome in case.outcomes}
    summed: dict = {}
    for piece in machine.branches(packet):
        summed[piece.outcome] = summed.get(piece.outcome, Odds(0)) + piece.odds
    assert {k: v for k, v in summed.items() if v} == merged


@settings(max_examples=150, deadline=None)
@given(dumps(), packets)
def test_branches_come_likeliest_first_and_all_of_them(text, packet):
    way, start = prepared(Machine.of(read(text)), packet)
    hopeful = list(branches(way.step, way.start(start), bound_of(way)))
    plain = list(branches(way.step, way.start(start)))
    odds = [final.odds for final in hopeful]
    assert all(later <= sooner for sooner, later in pairwise(odds))
    assert sorted(map(described_end, hopeful)) == sorted(map(described_end, plain))


def prepared(machine, packet):
    return machine._prepared(packet, "network", machine._tracker(packet, None), OpenNode())


def described_end(final):
    steps = [(step.chain, step.number, step.taken) for step in final.trail.steps()]
    return str(steps), str(Fraction(final.odds.num, 1 << final.odds.exp)), final.verdict


def flips(number, text="-j Y"):
    lines = [f"-A X -m statistic --mode random --probability 0.5 {text}"] * number
    heads = [":FORWARD ACCEPT", ":X -", ":Y -"]
    return "\n".join(["*filter", *heads, "-A FORWARD -j X", *lines, "-A Y -m ttl --ttl-eq 7", "COMMIT", ""])


def test_64_flips_are_one_outcome_and_their_first_branch_comes_at_once():
    machine, packet = Machine.of(read(flips(64))), question_packet("10.0.0.1", 80)
    answer = machine.trace(packet)
    ((odds, outcome),) = answer.cases[0].outcomes
    assert (odds, outcome.ways) == (CERTAIN, 2**64)
    assert answer.rules_evaluated < 300
    way, start = prepared(machine, packet)
    first = next(branches(way.step, way.start(start), bound_of(way)))
    assert first.odds == Odds(1, 64)
    assert way.chains.tally.rules < 200


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


@given(spans, spans)
def test_interval_sets_are_sets(one, other):
    def as_set(parts):
        return {n for low, high in parts for n in range(low, high)}

    a, b = union(one), union(other)
    for mine, theirs in ((a & b, as_set(one) & as_set(other)), (a | b, as_set(one) | as_set(other)),
                         (a - b, as_set(one) - as_set(other))):  # fmt: skip
        assert as_set(mine.spans) == theirs
        assert all(n in mine for n in theirs)
        assert list(mine.spans) == sorted(mine.spans)
    assert isinstance(a, Intervals)
    assert numbers(3, 2) == Intervals()
