"""Tracing a packet of which much is left open: conditions, exact odds, paths."""

import time
from itertools import pairwise

import pytest
from attrs import evolve

from natc.netfilter.packet import Open, question_packet
from natc.probability import CERTAIN, Odds, total
from natc.text.reader import read
from natc.trace import trace
from natc.trace.answer.outcome import MASQUERADE
from natc.trace.machine import Machine
from tests.support import GOLDEN
from tests.trace.dumps import endpoint, nat, service


def test_a_cluster_ip_splits_by_source():
    answer = trace(service(2), question_packet("10.96.0.1", 80))
    by_conditions = {case.conditions: case.outcomes for case in answer.cases}
    assert set(by_conditions) == {
        ("source is the chosen endpoint itself",),
        ("source outside 10.244.0.0/16",),
        ("source is not the chosen endpoint", "source in 10.244.0.0/16"),
    }
    half = Odds(1 << 30, 31)
    for conditions, outcomes in by_conditions.items():
        assert [odds for odds, _ in outcomes] == [half, half]
        assert [str(outcome.dnat) for _, outcome in outcomes] == ["10.244.0.1:8080", "10.244.0.2:8080"]
        masqueraded = MASQUERADE if "in 10.244" not in conditions[-1] else None
        assert {outcome.snat for _, outcome in outcomes} == {masqueraded}
        assert {outcome.verdict for _, outcome in outcomes} == {"FORWARD"}


def test_a_given_source_leaves_one_case():
    answer = trace(service(3), question_packet("10.96.0.1", 80, src="10.244.0.2", sport=40000))
    (case,) = answer.cases
    assert case.conditions == ()
    assert [outcome.snat for _, outcome in case.outcomes] == [None, MASQUERADE, None]


def test_a_node_port_depends_on_the_address_being_the_nodes():
    answer = trace(service(1), question_packet("192.168.179.99", 30080))
    conditions = [case.conditions[0] for case in answer.cases]
    assert "192.168.179.99 is not one of the node's addresses" in conditions
    assert "192.168.179.99 is one of the node's addresses" in conditions
    elsewhere = next(c for c in answer.cases if "is not one" in c.conditions[0])
    assert [(o.verdict, o.dnat) for _, o in elsewhere.outcomes] == [("FORWARD", None)]


def test_the_path_names_rules_lines_and_factors():
    answer = trace(service(2), question_packet("10.96.0.1", 80, src="192.0.2.1"))
    (case,) = answer.cases
    (_, first), (_, second) = case.outcomes
    steps = [(step.table, step.chain, step.number) for step in first.path]
    assert steps[:4] == [
        ("nat", "PREROUTING", 1),
        ("nat", "KUBE-SERVICES", 1),
        ("nat", "SVC", 1),
        ("nat", "KUBE-MARK-MASQ", 1),
    ]
    assert steps[-1] == ("nat", "KUBE-POSTROUTING", 3)
    assert [(s.odds, s.taken) for s in second.factors] == [(Odds(1 << 30, 31), False)]
    assert all(step.rule.line for step in first.path if step.number)


def test_from_the_node_the_way_is_output_and_postrouting():
    answer = trace(service(1), question_packet("10.96.0.1", 80), origin="local")
    outcomes = [outcome for case in answer.cases for _, outcome in case.outcomes]
    assert {outcome.verdict for outcome in outcomes} == {"OUTPUT"}
    assert {str(outcome.dnat) for outcome in outcomes} == {"10.244.0.1:8080"}


def test_sixty_four_coins_in_a_row_stay_exact():
    coin = "-A PREROUTING -m statistic --mode random --probability 0.5 -j COUNT"
    answer = trace(nat(*[coin] * 64, chains="COUNT"), question_packet("10.0.0.1", 80))
    ((odds, outcome),) = answer.cases[0].outcomes
    assert odds == CERTAIN
    assert outcome.ways == 2**64


def test_five_thousand_endpoints_answer_at_once():
    ruleset = service(5000)
    began = time.process_time()
    answer = trace(ruleset, question_packet("10.96.0.1", 80))
    cases = answer.cases
    assert time.process_time() - began < 20
    assert len(cases) == 3
    for case in cases:
        assert len(case.outcomes) == 5000
        assert total(odds for odds, _ in case.outcomes) == CERTAIN


def test_an_unknown_match_is_a_question_not_a_yes():
    counted = "-A PREROUTING -m statistic --mode nth --every 3 --packet 0"
    ruleset = nat(f"{counted} -p tcp -j DNAT --to-destination 10.0.0.2:80")
    answer = trace(ruleset, question_packet("10.0.0.1", 80))
    assert {outcome.dnat is None for case in answer.cases for _, outcome in case.outcomes} == {True, False}
    assert len(answer.cases) == 2
    assert "--every 3" in answer.questions[0].text


def test_open_marks_split_bit_by_bit():
    ruleset = nat("-A PREROUTING -m mark --mark 0x4000/0x4000 -j DNAT --to-destination 10.0.0.2")
    from attrs import evolve

    from natc.netfilter.packet import open_mark

    answer = trace(ruleset, evolve(question_packet("10.0.0.1", 80), mark=open_mark()))
    assert {case.conditions for case in answer.cases} == {
        ("the packet comes with mark bit 0x4000 set",),
        ("the packet comes with mark bit 0x4000 clear",),
    }


@pytest.mark.parametrize("origin", ["network", "local"])
def test_branches_come_likeliest_first_and_sum_to_one(origin):
    machine = Machine.of(service(5))
    packet = question_packet("10.96.0.1", 80, src="192.0.2.1", sport=4000)
    pieces = list(machine.branches(packet, origin))
    assert len(pieces) == 5
    assert total(piece.odds for piece in pieces) == CERTAIN
    assert all(later.odds <= earlier.odds for earlier, later in pairwise(pieces))
    assert endpoint(0) in {piece.outcome.dnat.ip for piece in pieces}


def test_a_question_names_the_rule_that_asks():
    ruleset = nat("-A PREROUTING -p tcp -m recent --rcheck --name seen -j DNAT --to-destination 10.0.0.2:80")
    (question,) = trace(ruleset, question_packet("10.0.0.1", 80)).questions
    assert question.rule is not None
    assert question.rule.line == 6
    assert "list seen" in question.text


def test_the_sender_is_open_by_user_and_the_source_is_the_nodes():
    ruleset = nat(
        "-A OUTPUT -m owner --uid-owner 1337 -j RETURN",
        "-A OUTPUT -p tcp -m addrtype --src-type LOCAL -j DNAT --to-destination 10.0.0.2:80",
    )
    answer = trace(ruleset, question_packet("10.0.0.1", 80), origin="local")
    found = {case.conditions: [str(o.dnat) for _, o in case.outcomes] for case in answer.cases}
    assert found == {
        ("user of the sender is 1337",): ["None"],
        ("user of the sender is not 1337",): ["10.0.0.2:80"],
    }


def test_a_known_node_gives_the_masquerade_address():
    from natc.netfilter.node.host import Host
    from natc.trace.node.host_node import HostNode

    node = {
        "interfaces": [
            {"name": "eth0", "addrs": ["192.168.1.10/24"]},
            {"name": "cni0", "addrs": ["10.244.0.254/16"]},
        ],
        "routes": ["default via 192.168.1.1 dev eth0"],
    }
    packet = question_packet("10.96.0.1", 80, src="192.168.1.77", in_interface="eth0")
    answer = trace(service(1), packet, HostNode(Host.from_node(node)))
    ((_, outcome),) = answer.cases[0].outcomes
    assert (outcome.out, outcome.snat.ip) == ("cni0", "10.244.0.254")
    assert answer.assumptions == ()


def test_every_path_is_one_that_a_packet_of_its_case_takes():
    """The pod itself is inside the cluster: its hairpin is masqueraded by its own chain's rule."""
    ruleset = read((GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt").read_text())
    answer = trace(ruleset, question_packet("10.105.182.209", 3000))
    paths = {
        (case.conditions, str(outcome.dnat)): [step.rule.text for step in outcome.path if step.rule]
        for case in answer.cases
        for _, outcome in case.outcomes
    }
    itself = paths[("source is the chosen endpoint itself",), "10.244.0.23:8080"]
    assert any("-s 10.244.0.23/32" in text and "KUBE-MARK-MASQ" in text for text in itself)
    assert not any("! -s 10.244.0.0/16" in text for text in itself)
    outside = paths[("source outside 10.244.0.0/16",), "10.244.0.23:8080"]
    assert any("! -s 10.244.0.0/16" in text for text in outside)
    assert not any("-s 10.244.0.23/32" in text for text in outside)


def test_netmap_replaces_the_network_and_keeps_the_host():
    ruleset = read(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
        "-A PREROUTING -d 10.1.0.0/16 -j NETMAP --to 10.2.0.0/16\n"
        "-A POSTROUTING -s 10.9.0.0/16 -j NETMAP --to 172.16.0.0/16\nCOMMIT\n"
    )
    known = Machine.of(ruleset).trace(question_packet("10.1.3.4", 80, src="10.9.8.7", sport=5))
    assert {str(piece.outcome.dnat) for piece in known.pieces} == {"10.2.3.4:80"}
    assert {str(piece.outcome.snat) for piece in known.pieces} == {"172.16.8.7:5"}
    opened = Machine.of(ruleset).trace(question_packet("10.1.3.4", 80))
    assert len(opened.cases) == 2
    assert any("172.16.0.0/16" in str(piece.outcome.snat) for piece in opened.pieces)


def test_sets_that_nobody_showed_are_asked_together_where_their_combinations_are_too_many():
    rules = [
        f"-A PREROUTING -m set --match-set a{n} src -m set --match-set b{n} dst -m set ! --match-set c{n} src "
        "-j MARK --set-xmark 0x1/0x1"
        for n in range(9)
    ]
    few, many = nat("\n".join(rules[:2])), nat("\n".join(rules))
    assert not any("contradict" in text for text in trace(few, question_packet("10.0.0.1", 80)).assumptions)
    answer = trace(many, question_packet("10.0.0.1", 80))
    assert any("contradict" in text for text in answer.assumptions)
    assert answer.rules_evaluated < 100
    assert {question.text for question in answer.questions} == {
        f"all of: set a{n} has the packet's src; set b{n} has the packet's dst; not: set c{n} has the packet's src"
        for n in range(9)
    }
    unmarked = [case for case in answer.cases if case.outcomes[0][1].mark == 0]
    assert [len(case.conditions) for case in unmarked] == [9]


@pytest.mark.parametrize(
    ("target", "port"),
    [
        ("SNAT --to-source 192.0.2.1", 1000),
        ("SNAT --to-source 192.0.2.1 --random", "translated port"),
        ("SNAT --to-source 192.0.2.1:2000-3000", "translated port"),
        ("MASQUERADE", 1000),
        ("MASQUERADE --random-fully", "translated port"),
        ("MASQUERADE --to-ports 500-1500", 1000),
        ("MASQUERADE --to-ports 2000-3000", "translated port"),
    ],
)
def test_a_source_port_is_kept_where_it_may_be(target, port):
    text = f"*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -p tcp -j {target}\nCOMMIT\n"
    packet = question_packet("198.51.100.9", 80, src="10.0.0.1", sport=1000)
    (case,) = trace(read(text), packet).cases
    ((_, outcome),) = case.outcomes
    sport = outcome.final.sport
    assert (sport.kind if isinstance(sport, Open) else sport) == port


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("-d 10.0.5.0/24", "address of the incoming interface in 10.0.5.0/24"),
        ("! -d 10.0.5.1", "address of the incoming interface in 10.0.5.1"),
        ("-m tos --tos 0x10/0x3f", "tos & 0x3f is 0x10"),
    ],
)
def test_what_is_asked_of_a_value_without_limits_is_told_in_words(words, asked):
    text = f"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT\nCOMMIT\n*filter\n-A INPUT {words} -j DROP\nCOMMIT\n"
    packet = evolve(question_packet("198.51.100.9", 80), tos=Open("tos"))
    assert any(asked in question.text for question in trace(read(text), packet).questions)


ASKS = "-m addrtype --dst-type LOCAL"


def verdicts(answer):
    """What an answer says by condition, in words."""
    return {
        case.conditions: {outcome.verdict: float(odds) for odds, outcome in case.outcomes}
        for case in answer.cases
    }


OWN = ("10.0.0.1 is one of the node's addresses",)
OTHER = ("10.0.0.1 is not one of the node's addresses",)


@pytest.mark.parametrize(
    "rule", [f"{ASKS}", f"-m statistic --mode random --probability 0.5 {ASKS} -j RETURN"]
)
def test_what_a_rule_asked_of_the_node_stays_open_where_its_ways_meet_again(rule):
    answer = trace(nat(f"-A PREROUTING {rule}"), question_packet("10.0.0.1", 80))
    assert verdicts(answer) == {OWN: {"INPUT": 1.0}, OTHER: {"FORWARD": 1.0}}
    assert not any("own address" in text for text in answer.assumptions)


def test_a_destination_is_the_nodes_own_for_those_too_of_whom_no_rule_asked():
    answer = trace(nat(f"-A PREROUTING -s 10.0.0.0/8 {ASKS}"), question_packet("10.0.0.1", 80))
    assert verdicts(answer) == {OWN: {"INPUT": 1.0}, OTHER: {"FORWARD": 1.0}}


def test_what_is_forwarded_is_no_address_of_the_node():
    ruleset = nat(f"-A POSTROUTING {ASKS} -j SNAT --to-source 10.0.0.9")
    answer = trace(ruleset, question_packet("10.0.0.1", 80))
    assert verdicts(answer) == {(): {"FORWARD": 1.0}}
    assert "10.0.0.1 is not the node's own address" in answer.assumptions
    assert answer.questions == ()


def test_broadcasts_are_delivered():
    assert verdicts(trace(nat(), question_packet("255.255.255.255", 80))) == {(): {"INPUT": 1.0}}
    ruleset = nat("-A PREROUTING -m addrtype --dst-type BROADCAST")
    known = verdicts(trace(ruleset, question_packet("10.0.0.255", 80)))
    assert [*known.values()] == [{"INPUT": 1.0}, {"FORWARD": 1.0}]
    assert "broadcast address" in next(iter(known))[0]


@pytest.mark.parametrize(("words", "conditions"), [
    ("--dport 80", {("DROP", ())}),
    ("! --dport 80", {("FORWARD", ())}),
    ("--dport 81 --dccp-types REQUEST", {("FORWARD", ())}),
    ("--sport 1000:2000 --dport 80", {("DROP", ("source port is 1000-2000",)),
                                      ("FORWARD", ("source port is not 1000-2000",))}),
    ("--dport 80 --dccp-types ACK", {("DROP", ("-m dccp --dport 80 --dccp-types ACK holds",)),
                                     ("FORWARD", ("-m dccp --dport 80 --dccp-types ACK does not hold",))}),
])  # fmt: skip
def test_of_dccp_only_what_stands_behind_the_ports_is_open(words, conditions):
    ruleset = read(f"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p dccp -m dccp {words} -j DROP\nCOMMIT\n")
    answer = trace(ruleset, question_packet("10.0.0.1", 80, proto="dccp"))
    found = {(outcome.verdict, case.conditions) for case in answer.cases for _, outcome in case.outcomes}
    assert found == conditions
