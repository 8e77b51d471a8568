"""A trace that is told what the node remembers: connections, lists of -m recent, sets."""

from ipaddress import ip_address

import pytest

from natc.errors import NodeError
from natc.netfilter.packet import question_packet
from natc.netfilter.recent import Entry
from natc.probability import CERTAIN
from natc.text.node.conntrack import read_connections
from natc.text.node.ipset import read_sets
from natc.text.node.recent import read_recent
from natc.trace.answer.near_miss import near_misses
from natc.trace.machine import Machine
from natc.trace.starting import Start
from tests.trace.dumps import nat, service

ADDRESS = {"10.0.0.1": 0x0A000001, "10.0.0.2": 0x0A000002}
RECENT = "--rcheck --seconds 100 --reap --mask 255.255.255.255 --rsource"
STICKY = nat(
    "-A PREROUTING -d 10.96.0.1 -j SVC",
    f"-A SVC -m recent --name ONE {RECENT} -j ONE",
    f"-A SVC -m recent --name TWO {RECENT} -j TWO",
    "-A SVC -m statistic --mode random --probability 0.5 -j ONE",
    "-A SVC -j TWO",
    "-A ONE -m recent --set --name ONE --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.1.0.1",
    "-A TWO -m recent --set --name TWO --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.1.0.2",
    chains="SVC ONE TWO",
)


def seen(*ages, address="10.0.0.1"):
    return tuple(Entry(ADDRESS[address], 64, (-float(age),), 1) for age in ages)


def traced(ruleset, start, dst="10.96.0.1", port=80, **asked):
    return Machine.of(ruleset, start=start).trace(question_packet(dst, port, **asked))


def targets(answer):
    return {case.conditions: {str(o.dnat): odds for odds, o in case.outcomes} for case in answer.cases}


def test_a_client_that_a_list_knows_goes_where_it_went():
    start = Start(lists={"ONE": (), "TWO": seen(30)})
    (case,) = traced(STICKY, start, src="10.0.0.1").cases
    assert [(odds, str(outcome.dnat)) for odds, outcome in case.outcomes] == [(CERTAIN, "10.1.0.2:80")]


def test_a_client_that_was_seen_too_long_ago_is_a_new_one():
    answer = traced(STICKY, Start(lists={"ONE": (), "TWO": seen(101)}), src="10.0.0.1")
    assert {str(target) for target, _ in answer.targets()} == {"10.1.0.1:80", "10.1.0.2:80"}
    assert answer.questions == ()


def test_an_open_source_splits_by_the_list():
    found = targets(traced(STICKY, Start(lists={"ONE": (), "TWO": seen(30)})))
    assert found[("source is 10.0.0.1",)] == {"10.1.0.2:80": CERTAIN}
    assert len(found[("source outside 10.0.0.1",)]) == 2


def test_a_list_that_was_not_given_stays_a_question():
    answer = traced(STICKY, Start(lists={"TWO": ()}), src="10.0.0.1")
    assert [question.rule.text.split("--name ")[1][:3] for question in answer.questions] == ["ONE"]


def test_a_list_that_no_rule_names_is_refused():
    with pytest.raises(NodeError, match="no rule of the dump names the list 'THREE'"):
        traced(STICKY, Start(lists={"THREE": ()}), src="10.0.0.1")


def test_counters_are_not_taken_for_fresh():
    """What a list tells says nothing of how far another rule has counted."""
    ruleset = nat(
        "-A PREROUTING -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.1.0.1"
    )
    answer = Machine.of(ruleset, start=Start(sets=read_sets(""))).trace(question_packet("10.96.0.1", 80))
    assert len(answer.cases) == 2


# ---- connections

TCP = (
    "tcp 6 99 ESTABLISHED src=192.168.1.77 dst=10.96.0.1 sport=1000 dport=80 "
    "src=10.244.0.2 dst=192.168.1.10 sport=8080 dport=2000 [ASSURED] mark=0 use=1\n"
)


def shown(text=TCP):
    return Start(read_connections(text, file="ct.txt"))


def test_a_packet_of_a_connection_follows_its_binding():
    (case,) = traced(service(3), shown(), src="192.168.1.77", sport=1000).cases
    ((odds, outcome),) = case.outcomes
    assert (odds, str(outcome.dnat), str(outcome.snat)) == (CERTAIN, "10.244.0.2:8080", "192.168.1.10:2000")
    assert outcome.connection is not None and outcome.connection.read_at is not None
    assert (outcome.connection.read_at.file, outcome.connection.read_at.line) == ("ct.txt", 1)


def test_a_reply_is_translated_back():
    (case,) = traced(service(3), shown(), "192.168.1.10", 2000, src="10.244.0.2", sport=8080).cases
    ((_, outcome),) = case.outcomes
    assert (str(outcome.dnat), str(outcome.snat)) == ("192.168.1.77:1000", "10.96.0.1:80")
    assert outcome.direction == 1


def test_an_open_source_port_is_one_case_for_each_connection():
    found = targets(traced(service(3), shown(), src="192.168.1.77"))
    assert found[("source port is 1000",)] == {"10.244.0.2:8080": CERTAIN}
    assert len(found[("source port is not 1000",)]) == 3


def test_an_open_source_is_of_no_connection_and_that_is_said():
    answer = traced(service(3), shown())
    assert all(outcome.connection is None for case in answer.cases for _, outcome in case.outcomes)
    assert "the packet is of no connection of the list, such as those of lines 1" in answer.assumptions


def test_an_invalid_packet_is_of_no_connection():
    answer = traced(service(3), shown(), src="192.168.1.77", sport=1000, ctstate="INVALID")
    assert [outcome.verdict for case in answer.cases for _, outcome in case.outcomes] == ["DROP"]


def test_a_connection_in_another_zone_is_another_one():
    (case,) = traced(service(1), shown(TCP.replace("mark=0", "mark=0 zone=3")), src="192.168.1.77").cases
    assert [outcome.connection for _, outcome in case.outcomes] == [None]


def test_a_connection_that_was_not_translated_stays_so():
    text = TCP.replace("src=10.244.0.2 dst=192.168.1.10 sport=8080 dport=2000",
                       "src=10.96.0.1 dst=192.168.1.77 sport=80 dport=1000")  # fmt: skip
    machine = Machine.of(service(1), start=shown(text))
    answer = machine.trace(question_packet("10.96.0.1", 80, src="192.168.1.77", sport=1000))
    (miss,) = near_misses(machine, answer)
    assert miss.have.startswith("the first packet of its connection was not translated")


# ---- sets


SETS = """create PODS hash:net family inet hashsize 1024 maxelem 65536
add PODS 10.244.0.0/16
add PODS 10.244.9.0/24 nomatch
add PODS 10.244.9.9
create PORTS hash:ip,port family inet hashsize 1024 maxelem 65536
add PORTS 10.96.0.1,tcp:80
"""


def test_an_open_source_splits_by_a_set_of_networks():
    ruleset = nat("-A PREROUTING -m set --match-set PODS src -j DNAT --to-destination 10.1.0.1")
    answer = traced(ruleset, Start(sets=read_sets(SETS)))
    assert len(answer.cases) == 2
    (inside,) = (case.known[answer.packet.src] for case in answer.cases if case.outcomes[0][1].dnat)
    for last, held in (("1.1", True), ("9.1", False), ("9.9", True), ("9.10", False), ("255.255", True)):
        assert (int(ip_address(f"10.244.{last}")) in inside) is held
    assert int(ip_address("10.245.0.0")) not in inside


@pytest.mark.parametrize(("port", "translated"), [(80, True), (81, False)])
def test_a_set_of_what_the_packet_says_is_decided(port, translated):
    ruleset = nat("-A PREROUTING -m set --match-set PORTS dst,dst -j DNAT --to-destination 10.1.0.1")
    answer = traced(ruleset, Start(sets=read_sets(SETS)), port=port)
    assert bool(answer.targets()) is translated
    assert answer.questions == ()


def test_a_set_of_what_is_open_stays_a_question():
    ruleset = nat("-A PREROUTING -m set --match-set PORTS src,dst -j DNAT --to-destination 10.1.0.1")
    (question,) = traced(ruleset, Start(sets=read_sets(SETS))).questions
    assert "set PORTS has the packet's src,dst" in question.text


# ---- the text of a list


def test_lists_are_read_the_least_recent_first():
    text = (
        "src=10.0.0.2 ttl: 63 last_seen: 4295000300 oldest_pkt: 3 4295000100, 4295000200, 4295000300\n"
        "src=10.0.0.1 ttl: 64 last_seen: 4295000250 oldest_pkt: 1 4295000250\n"
    )
    first, second = read_recent(text)
    assert (first.address, first.ttl, first.times, first.place) == (ADDRESS["10.0.0.1"], 64, (4295000250,), 1)
    assert second.times == (4295000100, 4295000200, 4295000300)
    long = text.splitlines()[1].replace("10.0.0.1", "fd00:0000:0000:0000:0000:0000:0000:0001")
    assert (read_recent(long)[0].family, read_recent(long)[0].address) == (6, 0xFD00 << 112 | 1)


@pytest.mark.parametrize("line", ["hello", "src=10.0.0.300 ttl: 1 last_seen: 5 oldest_pkt: 1 5",
                                  "src=10.0.0.1 ttl: 1 last_seen: 5 oldest_pkt: 2 5",
                                  "src=10.0.0.1 ttl: 1 last_seen: 5 oldest_pkt: 0"])  # fmt: skip
def test_a_bad_line_is_refused_at_its_place(line):
    good = "src=10.0.0.1 ttl: 64 last_seen: 5 oldest_pkt: 1 5"
    with pytest.raises(NodeError) as caught:
        read_recent(f"{good}\n{line}\n", "list")
    assert caught.value.span is not None
    assert (caught.value.span.file, caught.value.span.line) == ("list", 2)


COUNTED = "create SEEN hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters\n"


@pytest.mark.parametrize(("packets", "translated"), [(6, True), (5, False)])
def test_a_set_with_counters_and_times_is_as_it_was_saved(packets, translated):
    text = f"{COUNTED}add SEEN 10.0.0.1 timeout 12 packets {packets} bytes 400\n"
    rule = "-A PREROUTING -m set --match-set SEEN src --packets-gt 5 -j DNAT --to-destination 10.1.0.1"
    answer = traced(nat(rule), Start(sets=read_sets(text)), src="10.0.0.1")
    assert bool(answer.targets()) is translated
    (question,) = traced(nat(rule), Start(sets=read_sets(text))).questions
    assert question.text.startswith("set SEEN has the packet's src")


def test_a_packet_that_a_rule_enters_is_in_the_set_for_the_next_rule():
    ruleset = nat(
        "-A PREROUTING -p tcp -j SET --add-set SEEN src",
        "-A PREROUTING -m set --match-set SEEN src -j DNAT --to-destination 10.1.0.1",
    )
    assert traced(ruleset, Start(sets=read_sets(COUNTED)), src="10.0.0.1").targets()
    assert len(traced(ruleset, Start(sets=read_sets(COUNTED))).questions) == 1
