"""The text of a trace: what it must say, not how it looks."""

import re
from ipaddress import ip_address

import pytest

from natc.netfilter.node.host import Host
from natc.netfilter.packet import question_packet
from natc.report.trace_text import branch_lines, headline, trace_lines
from natc.text.reader import read
from natc.trace.answer.near_miss import near_misses
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import OpenNode
from tests.trace.dumps import service

MARKED = """*nat
:PREROUTING ACCEPT [0:0]
:DOOMED - [0:0]
-A PREROUTING -d 10.0.0.1/32 -p tcp -m comment --comment "a/b has no local endpoints" -m tcp --dport 80 -j DOOMED
-A DOOMED -j MARK --set-xmark 0x8000/0x8000
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m comment --comment "marked packets" -m mark --mark 0x8000/0x8000 -j DROP
-A FORWARD -d 10.0.0.2/32 -m comment --comment "a/c has no endpoints" -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def lines(ruleset, dst, port=80, node=None, **asked):
    machine = Machine.of(ruleset, node)
    answer = machine.trace(question_packet(dst, port, **asked))
    return [str(line) for line in trace_lines(answer, near_misses(machine, answer))]


def line_with(found, words):
    return next(line for line in found if words in line)


def test_a_packet_lost_for_its_mark_names_the_rule_that_had_it_marked():
    found = lines(read(MARKED), "10.0.0.1")
    assert '  dropped, by line 11 of filter FORWARD, "marked packets"' in found
    assert "    for the mark that line 4 has it given" in found


def test_a_refusal_says_how_by_which_rule_and_what_its_comment_is():
    found = lines(read(MARKED), "10.0.0.2")
    said = 'rejected, with icmp-port-unreachable by line 12 of filter FORWARD, "a/c has no endpoints"'
    assert f"  {said}" in found


def test_a_packet_that_is_not_routed_says_why():
    node = HostNode(
        Host.from_node({
            "interfaces": [{"name": "eth0", "addrs": ["192.168.1.10/24"]}],
            "routes": ["default via 192.168.1.1 dev eth0"],
            "ip_forward": 1,
        })
    )  # fmt: skip
    found = lines(service(1), "10.0.0.9", node=node, src="127.0.0.1", in_interface="eth0")
    assert line_with(found, "not routed").startswith("  not routed, martian source")


def test_every_factor_stands_beside_its_rule():
    found = lines(service(3), "10.96.0.1", src="10.244.1.7")
    factors = [re.search(r" x (.*)", line).group(1) for line in found if re.search(r"-j SEP-\d", line)]
    assert factors == [
        "715827883 / 2^31",
        "1073741824 / 2^31 of what is left, 1431655765 / 2^31",
        f"what is left, {1431655765 * 1073741824} / 2^62",
    ]


def test_a_near_miss_names_the_word_and_what_the_packet_has():
    own = OpenNode(frozenset({int(ip_address("192.168.7.1"))}))
    found = lines(service(1), "192.168.7.2", 30080, own)
    place = found.index("nearly")
    assert "--dport 30080" in found[place + 1]
    assert "--dst-type LOCAL, but 192.168.7.2 is not one of the node's addresses" in found[place + 2]
    assert place < found.index("why")


def test_a_packet_from_the_network_does_not_come_from_the_node_itself():
    text = MARKED.replace("-j DOOMED\n", "-m addrtype --src-type LOCAL -j DOOMED\n", 1)
    found = lines(read(text), "10.0.0.1", src="8.8.8.8")
    assert not any("8.8.8.8 is one of the node's addresses" in line for line in found)


def test_a_mark_that_masquerading_does_not_ask_for_is_no_reason():
    text = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-xmark 0x1/0x1\n"
        "-A PREROUTING -p tcp -j MARK --set-xmark 0x4000/0x4000\n-A POSTROUTING {}-j MASQUERADE\nCOMMIT\n"
    )
    plain = lines(read(text.format("")), "10.0.0.1")
    asking = lines(read(text.format("-m mark --mark 0x4000/0x4000 ")), "10.0.0.1")
    assert any("masqueraded" in line for line in plain)
    assert not any("for the mark" in line for line in plain)
    assert "    for the mark that line 5 has it given" in asking


def nested(depth):
    """A dump whose only DNAT lies so many calls deep."""
    chains = [f"C{number}" for number in range(depth)]
    jumps = [f"-A {one} -j {other}" for one, other in zip(["PREROUTING", *chains], chains, strict=False)]
    heads = [":PREROUTING ACCEPT [0:0]", *(f":{chain} - [0:0]" for chain in chains)]
    last = f"-A {chains[-1]} -p tcp -j DNAT --to-destination 10.1.1.1:80"
    return read("\n".join(["*nat", *heads, *jumps, last, "COMMIT", ""]))


def test_chains_nested_by_the_thousand_are_told_one_by_one():
    found = lines(nested(1500), "10.0.0.1")
    assert line_with(found, "-j C1499").split() == ["3002", "(1499", "calls", "deep)", "-j", "C1499"]
    assert line_with(found, "-j DNAT").split()[:2] == ["3003", "(1500"]
    assert max(map(len, found)) < 140


def test_branches_come_out_of_chains_nested_by_the_thousand():
    (only,) = Machine.of(nested(1500)).branches(question_packet("10.0.0.1", 80))
    assert str(only.outcome.dnat) == "10.1.1.1:80"


def sets_asked(*targets):
    """A dump whose rules each ask for two sets that nobody showed."""
    rules = "\n".join(
        f"-A PREROUTING -m set --match-set S{n} src -m set --match-set T{n} src {target}"
        for n, target in enumerate(targets)
    )
    return f"*raw\n:PREROUTING ACCEPT [0:0]\n:A -\n{rules}\n-A A -s 10.0.0.0/8 -j DROP\nCOMMIT\n"


def asking_sets(*targets):
    return lines(read(sets_asked(*targets)), "10.0.0.1")


def test_many_conditions_of_one_fate_are_listed_below_it():
    found = asking_sets(*["-j MARK --set-xmark 0x1/0x1"] * 5, *["-j A"] * 3)
    begins = "  dropped, by line 12 of raw A when source in 10.0.0.0/8, and one of 15 conditions holds:"
    place = found.index(begins)
    assert found[place + 1] == "    lines 8 and 9 match"
    assert all(text.startswith("    ") for text in found[place + 1 : place + 10])
    assert found[place + 9] == "    and 7 more (--output json lists all)"
    assert found[place + 10] == "  forwarded, source kept in all other cases"


def test_rules_that_ask_several_things_at_once_are_said_by_their_lines():
    found = asking_sets(*["-j RETURN"] * 7, *["-j DROP"] * 3)
    text = "  dropped, by line 12 of raw PREROUTING when line 12 matches and none of lines 4-11 matches"
    assert text in found
    assert "  forwarded, source kept in all other cases" in found
    assert "  all of: set S8 has the packet's src; set T8 has the packet's src   line 12: " in "".join(found)


def test_a_list_of_branches_puts_as_much_together_as_the_merged_answer():
    ruleset = read(sets_asked(*["-j RETURN"] * 7, *["-j DROP"] * 3))
    listing = Machine.of(ruleset).branches(question_packet("10.0.0.1", 80))
    found = [str(one) for one in branch_lines(listing)]
    assert sum("dropped, by line 12" in text for text in found) == 1
    assert any(
        text.endswith("when line 12 matches and none of lines 4-11 matches   1 / 2^0") for text in found
    )


TWO_PORTS = """\
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -p tcp -m comment --comment "a/web:http cluster IP" -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080
-A PREROUTING -d 10.96.0.1/32 -p tcp -m comment --comment "a/web:https cluster IP" -m tcp --dport 443 -j DNAT --to-destination 10.0.0.1:8443
COMMIT
"""


@pytest.mark.parametrize(("port", "name"), [
    (80, " is a/web:http"), (443, " is a/web:https"), (None, " is a/web:http or a/web:https"), (81, ""),
])  # fmt: skip
def test_the_first_line_names_each_service_that_is_meant(port, name):
    answer = Machine.of(read(TWO_PORTS)).trace(question_packet("10.96.0.1", port))
    assert headline(answer).partition("/tcp")[2].partition(",")[0] == name


def test_odds_with_long_numbers_are_rounded_and_equal_parts_stand_by_address():
    rows = [line.split() for line in lines(service(12), "10.96.0.1") if " %   10.244.0." in line]
    assert [row[2] for row in rows] == [f"10.244.0.{number}:8080" for number in range(1, 13)]
    exactly = [" ".join(row[3:]) for row in rows]
    assert sum("/ 2^" in text for text in exactly) == 4
    assert sum(text.startswith("about 0.08333333") for text in exactly) == 8
