"""A rule that is said to see no packet sees none, whatever the packet."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.analysis.chains.graph import ChainGraph
from natc.analysis.chains.sheets import Sheets
from natc.analysis.shadows import Impossible, shadows
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.machine import Machine

CHAINS = ("A", "B")
PEERS = ("10.0.0.1", "10.0.0.0/30", "10.0.0.0/8", "192.0.2.7", "0.0.0.0/1")
PORTS = ("80", "81", "80:90", "443")
PACKETS = [
    question_packet(dst, dport, proto=proto, src=src, sport=4000, in_interface=name, mark=0, ctstate="NEW")
    for dst, dport, proto, src, name in product(
        ("10.0.0.1", "10.0.0.2", "192.0.2.7"), (80, 81, 443), ("tcp", "udp"), ("10.0.0.1", "198.51.100.9"), ("eth0", "cni0")
    )
]  # fmt: skip


@st.composite
def rules(draw, chain):
    words = [f"-A {chain}"]
    for flag, values in (("-s", PEERS), ("-d", PEERS), ("-i", ("eth0", "cni+"))):
        if draw(st.integers(0, 3)) == 0:
            words.append(draw(st.sampled_from(["", "", "! "])) + f"{flag} {draw(st.sampled_from(values))}")
    proto = draw(st.sampled_from(["", "tcp", "tcp", "udp"]))
    if proto:
        words.append(f"-p {proto}")
        if draw(st.booleans()):
            words.append(
                f"-m {proto} {draw(st.sampled_from(['', '', '! ']))}--dport {draw(st.sampled_from(PORTS))}"
            )
        if draw(st.integers(0, 5)) == 0:
            words.append("-m multiport --dports 80,443")
    for more in (
        "-m mark --mark 0x1/0x1",
        "-m mark --mark 0x0/0x1",
        "-m statistic --mode random --probability 0.5",
        "-m recent --rcheck --name A",
    ):
        if draw(st.integers(0, 6)) == 0:
            words.append(more)
    later = CHAINS[CHAINS.index(chain) + 1 :] if chain in CHAINS else CHAINS
    goals = ["-j RETURN", "-j ACCEPT", "-j DROP", "-j MARK --set-xmark 0x1/0x1", ""]
    goals += [f"-j {name}" for name in later] + [f"-g {name}" for name in later]
    return " ".join([*words, draw(st.sampled_from(goals))])


@st.composite
def dumps(draw):
    lines = [":INPUT ACCEPT", ":FORWARD ACCEPT", ":OUTPUT ACCEPT", *(f":{name} -" for name in CHAINS)]
    for chain in ("FORWARD", *CHAINS):
        lines += draw(st.lists(rules(chain), min_size=1, max_size=8))
    return "\n".join(["*filter", *lines, "COMMIT", ""])


@settings(max_examples=150, deadline=None)
@given(dumps())
def test_no_packet_reaches_what_is_said_to_be_unreachable(text):
    ruleset = read(text)
    graph = ChainGraph.of(Sheets.of(ruleset.tables["filter"]))
    impossible = Impossible()
    silent = {s.rule.line for chain in graph.sheets.names for s in shadows(graph, chain)}
    silent |= {rule.line for rule in ruleset.rules() if rule in impossible}
    if not silent:
        return
    machine = Machine.of(ruleset)
    for packet in PACKETS:
        for piece in machine.trace(packet, "network").pieces:
            seen = {step.rule.line for step in piece.outcome.path if step.rule is not None}
            assert not seen & silent


@settings(max_examples=40, deadline=None)
@given(dumps())
def test_chains_that_are_passed_over_have_no_shadowed_rule(text):
    graph = ChainGraph.of(Sheets.of(read(text).tables["filter"]))
    suspects = set(graph.suspects())
    assert not [name for name in graph.sheets.names if name not in suspects and [*shadows(graph, name)]]


def test_a_long_blocklist_is_looked_up_and_not_compared():
    """10,000 networks and as many hosts: every host inside a network is found, in the time of look-ups."""
    networks = [f"-A INPUT -s 10.{i >> 8}.{i & 255}.0/24 -j DROP" for i in range(10_000)]
    hosts = [f"-A INPUT -s 10.{i >> 8}.{i & 255}.7/32 -p tcp -j ACCEPT" for i in range(9_990, 10_010)]
    text = "\n".join(["*filter", ":INPUT ACCEPT", *networks, *hosts, "COMMIT", ""])
    graph = ChainGraph.of(Sheets.of(read(text).tables["filter"]))
    found = list(shadows(graph, "INPUT"))
    assert [(s.rule.line, s.by.line) for s in found] == [(10_003 + i, 9_993 + i) for i in range(10)]
