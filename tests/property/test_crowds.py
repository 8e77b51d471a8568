"""Crowds, for every ruleset hypothesis can think of: the answer is the one that each packet comes to alone."""

from collections import Counter
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace import crowd
from natc.trace.chain.lists import Runs
from natc.trace.chain.program import Program
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import OpenNode

TABLES = {
    "filter": ("FORWARD", "OUTPUT"),
    "mangle": ("FORWARD", "POSTROUTING"),
    "nat": ("POSTROUTING",),
}
ENDPOINTS = [f"10.244.{number % 2}.{number}" for number in range(1, 7)]

addresses = st.sampled_from([*ENDPOINTS, "10.244.0.0/24", "10.244.0.0/30", "10.96.0.1", "192.0.2.7"])
parts = st.one_of(
    st.builds(lambda no, to: f"{no}-d {to}", st.sampled_from(["", "! "]), addresses),
    st.builds(lambda no, source: f"{no}-s {source}", st.sampled_from(["", "! "]), addresses),
    st.sampled_from(
        [
            "-m mark --mark 0x4000/0x4000",
            "-m mark ! --mark 0x1/0x1",
            "-m conntrack --ctstate NEW",
            "-m conntrack --ctorigdst 10.96.0.1",
            "-m conntrack --ctstate DNAT",
            "-m addrtype --dst-type LOCAL",
            "-m statistic --mode random --probability 0.3",
            "-m statistic --mode nth --every 2 --packet 0",
            "-m recent --rcheck --name seen --rsource",
            "-m set --match-set nobody src",
            "-m iprange --dst-range 10.244.0.2-10.244.1.3",
            "-p tcp -m tcp --dport 8080",
            "-o eth0",
            "! -o cni0",
        ]
    ),
)
goals = st.sampled_from(
    [
        "-j ACCEPT",
        "-j RETURN",
        "-j MARK --set-xmark 0x1/0x1",
        "-j MARK --set-xmark 0x4000/0x4000",
        "",
        "-j A",
        "-g A",
    ]
)


def option(part):
    """Return the option or the match of a part: none is given twice."""
    words = part.removeprefix("! ").split()
    return words[1] if words[0] == "-m" else words[0]


def rule(draw, table, chain):
    words = [f"-A {chain}", *draw(st.lists(parts, max_size=2, unique_by=option))]
    goal = draw(goals)
    if table == "filter" and draw(st.integers(0, 4)) == 0:
        goal = "-j DROP"
    if chain == "POSTROUTING" and table == "nat" and draw(st.booleans()):
        goal = draw(
            st.sampled_from(
                ["-j MASQUERADE", "-j SNAT --to-source 192.0.2.9", "-j MASQUERADE --random-fully"]
            )
        )
    if chain == "A" and goal.endswith(" A"):
        goal = ""
    return " ".join([*words, goal])


@st.composite
def dumps(draw):
    """A service that sends packets to several endpoints, and rules behind it that may tell them apart."""
    lines = []
    for table in ("raw", "mangle", "filter", "nat"):
        chains = TABLES.get(table, ())
        if table == "nat":
            lines += [
                f"*{table}",
                ":PREROUTING ACCEPT",
                ":OUTPUT ACCEPT",
                ":POSTROUTING ACCEPT",
                ":A -",
                ":SVC -",
            ]
            lines += service(draw)
        else:
            lines += [f"*{table}", *[f":{chain} ACCEPT" for chain in chains], ":A -"]
        for chain in (*chains, "A"):
            lines += [rule(draw, table, chain) for _ in range(draw(st.integers(0, 3)))]
        lines.append("COMMIT")
    return "\n".join([*lines, ""])


MARKS = ["", "-j MARK --set-xmark 0x4000/0x4000", "-j MARK-IT"]


def service(draw):
    """Its endpoints' chains are written alike, but that now and then one is not."""
    to = draw(st.lists(st.sampled_from(ENDPOINTS), min_size=2, max_size=6, unique=True))
    yield from (f":SEP{number} -" for number in range(len(to)))
    yield ":MARK-IT -"
    for hook in ("PREROUTING", "OUTPUT"):
        yield f"-A {hook} -d 10.96.0.1/32 -p tcp -j SVC"
    yield "-A SVC ! -s 10.244.0.0/16 -j MARK --set-xmark 0x4000/0x4000"
    yield f"-A MARK-IT {draw(st.sampled_from(['', '', '-o eth0', '-s 10.244.0.0/24']))} -j MARK --set-xmark 0x4000/0x4000"
    port, mark = draw(st.sampled_from(["8080", "80"])), draw(st.sampled_from(MARKS))
    asks = draw(
        st.sampled_from(
            [
                "-p tcp",
                "-p tcp -m recent --set --name {} --rsource",
                "-s 10.244.0.0/23 -p tcp",
                "-p tcp -m mark ! --mark 0x4000/0x4000",
            ]
        )
    )
    if draw(st.booleans()):
        yield from affinity(draw, len(to))
    for number, address in enumerate(to):
        odd = draw(st.integers(0, 7)) == 0
        share = draw(st.sampled_from(["0.4", "0.5", "0.00000001", "1"])) if odd else "0.4"
        yield f"-A SVC -m statistic --mode random --probability {share} -j SEP{number}"
        if own := draw(st.sampled_from(MARKS)) if odd else mark:
            source = draw(st.sampled_from([address, "10.244.0.0/24", "192.0.2.7"])) if odd else address
            yield f"-A SEP{number} -s {source} {own}"
        to_port = draw(st.sampled_from([port, "81", "81-83"])) if odd else port
        yield f"-A SEP{number} {asks.format(f'SEP{number}')} -j DNAT --to-destination {address}:{to_port}"


def affinity(draw, endpoints):
    """Rules that ask the endpoints' lists, now and then one in another way or for another list."""
    for number in range(endpoints):
        odd = draw(st.integers(0, 7)) == 0
        name = draw(st.sampled_from([f"SEP{number}", "seen", "SEP0"])) if odd else f"SEP{number}"
        more = (
            draw(st.sampled_from(["-s 10.244.0.0/16", "-p udp", "-p tcp", "", ""])) if odd else "-s 0.0.0.0/0"
        )
        no = draw(st.sampled_from(["", "", "! "])) if odd else ""
        goal = draw(st.sampled_from(["-j SEP0", "-j ACCEPT", "-g SEP0"])) if odd else f"-j SEP{number}"
        yield f"-A SVC {more} -m recent {no}--rcheck --seconds 60 --name {name} --rsource {goal}"


NODE = Host.from_node(
    {
        "interfaces": [
            {"name": "eth0", "addrs": ["192.0.2.9/24"]},
            {"name": "cni0", "addrs": ["10.244.0.254/24"]},
        ],
        "routes": ["default via 192.0.2.1 dev eth0", "10.244.1.0/24 via 192.0.2.2 dev eth0"],
        "ip_forward": 1,
    }
)
packets = st.builds(
    lambda dst, src, state: question_packet(dst, 80, src=src, ctstate=state),
    st.sampled_from(["10.96.0.1", "10.96.0.1", "10.96.0.1", "10.244.0.2"]),
    st.sampled_from([None, None, "10.244.0.2", "192.0.2.7"]),
    st.sampled_from(["NEW", "NEW", None]),
)


def described(answer):
    """What an answer says, in whatever order."""
    found = {
        frozenset(case.conditions): {(one, odds) for odds, one in case.outcomes} for case in answer.cases
    }
    return found, {question.text for question in answer.questions}, set(answer.assumptions)


def only_ways(answer):
    """The paths to the ends that one branch leads to; where there are several, any as likely may be shown."""
    ends = Counter((one.facts, one.outcome) for one in answer.pieces)
    return {
        (one.facts, one.outcome): one.outcome.steps
        for one in answer.pieces
        if one.outcome.ways == 1 and ends[one.facts, one.outcome] == 1
    }


@settings(max_examples=60, deadline=None)
@given(dumps(), packets, st.sampled_from(["network", "local"]), st.sampled_from([None, HostNode(NODE)]))
def test_a_crowd_comes_where_each_of_its_packets_does(text, packet, origin, node):
    ruleset = read(text)
    with patch.object(crowd, "WORTH_IT", 10**9):
        alone = Machine(Program(ruleset, lists=Runs(2)), node or OpenNode()).trace(packet, origin)
    with patch.object(crowd, "WORTH_IT", 2):
        together = Machine(Program(ruleset, lists=Runs(2)), node or OpenNode()).trace(packet, origin)
    assert described(together) == described(alone)
    paths, reference = only_ways(together), only_ways(alone)
    for key in paths.keys() & reference.keys():
        assert paths[key] == reference[key]
