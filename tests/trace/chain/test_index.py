"""One query looks at a hundredth of what a linear scan looks at."""

import pytest

from natc.netfilter.packet import question_packet
from natc.text.reader import read
from natc.trace.chain import index, lines_by_address
from natc.trace.chain.index import RulesInText, index_of, indexed
from natc.trace.machine import Machine
from tests.support import GOLDEN

SERVICES = 2000


def many_services():
    """A nat table whose KUBE-SERVICES has a rule for each of many cluster IPs."""
    chains, jumps, targets = [], [], []
    for number in range(SERVICES):
        vip = f"10.{96 + number // 65536}.{number // 256 % 256}.{number % 256}"
        chains.append(f":SVC-{number} -")
        jumps.append(f"-A KUBE-SERVICES -d {vip}/32 -p tcp -m tcp --dport 80 -j SVC-{number}")
        targets.append(f"-A SVC-{number} -p tcp -j DNAT --to-destination 10.244.0.{number % 250 + 1}:8080")
    heads = [
        ":PREROUTING ACCEPT",
        ":INPUT ACCEPT",
        ":OUTPUT ACCEPT",
        ":POSTROUTING ACCEPT",
        ":KUBE-SERVICES -",
    ]
    lines = ["*nat", *heads, *chains, "-A PREROUTING -j KUBE-SERVICES", *jumps, *targets, "COMMIT", ""]
    return read("\n".join(lines))


def test_a_query_evaluates_a_hundredth_of_the_chain():
    machine = Machine.of(many_services())
    answer = machine.trace(question_packet(f"10.96.{1999 // 256}.{1999 % 256}", 80))
    ((_, outcome),) = answer.cases[0].outcomes
    assert outcome.dnat is not None
    assert answer.rules_evaluated <= SERVICES / 100
    linear = Machine.of(many_services(), use_index=False).trace(answer.packet)
    assert linear.rules_evaluated >= SERVICES


def test_ports_behind_what_remembers_are_no_index():
    counted = ["-A C -m statistic --mode nth --every 2 --packet 0 -m tcp -p tcp --dport 80"] * 20
    text = "\n".join(["*filter", ":INPUT ACCEPT", ":C -", *counted, "-A INPUT -j C", "COMMIT", ""])
    found = index_of(read(text).tables["filter"].chains["C"].rules)
    assert found is not None
    assert found.others == list(range(20))
    assert found.by_port == {}


def content(found):
    """What is in an index, its lines in a text among it."""
    by_address = {address: [*numbers] for address, numbers in found.by_address.items()}
    if found.in_text:
        every = lines_by_address.LinesByAddress(
            found.in_text.text, found.in_text.start, found.in_text.end, found.in_text.family
        )
        every._sort()
        for address, numbers in every._asked.items():
            assert found.in_text.numbers(address) == numbers
            by_address[address] = sorted([*by_address.get(address, []), *numbers])
        assert found.in_text.numbers("10.255.255.255") == []
        assert found.in_text.names(frozenset(every._asked)) == bool(every._asked)
    return by_address, found.by_port, found.others, found.length


@pytest.mark.parametrize(("lazy", "searches"), [(True, 8), (False, 1000), (False, 0)])
def test_the_index_of_lines_is_that_of_their_rules(monkeypatch, lazy, searches):
    """And the rules made one by one are those made at once."""
    monkeypatch.setattr(index, "_WORTH_IT", 1)
    monkeypatch.setattr(lines_by_address, "_SEARCHES", searches)
    from_text = 0
    for dump in sorted(GOLDEN.glob("kube-proxy/*/save-*.txt")):
        text = dump.read_text()
        whole, single = read(text, lazy=lazy), read(text, lazy=lazy)
        for name, table in whole.tables.items():
            for chain in table.chains.values():
                rules, found = indexed(single.tables[name].chains[chain.name], whole.family)
                from_text += isinstance(rules, RulesInText)
                known = index_of(chain.rules)
                assert (found and content(found)) == (known and content(known))
                assert [*rules] == chain.rules
                assert [rule.line for rule in rules] == [rule.line for rule in chain.rules]
                assert rules[1:] == chain.rules[1:]
    assert from_text


@pytest.mark.parametrize(
    "line",
    [
        "-A OUTPUT -d 10.0.0.1/32 -s 10.0.0.1,10.0.0.2 -j ACCEPT",
        "-A OUTPUT -d 10.0.0.1,10.0.0.2 -j ACCEPT",
        '-A OUTPUT -d 10.0.0.1/32 -m comment --comment "a, b" -j ACCEPT',
        "-A OUTPUT -d 10.0.0.0/31 -j ACCEPT",
        "-A OUTPUT ! -d 10.0.0.2/32 -j ACCEPT",
        "-A OUTPUT -s 10.0.0.9/32 -d 10.0.0.1/32 -j ACCEPT",
        "[1:2] -A OUTPUT -d 10.0.0.1 -j ACCEPT",
    ],
)
def test_lines_of_many_forms_are_found_and_keep_their_numbers(line):
    others = [f"-A OUTPUT -d 10.1.0.{n}/32 -j DROP" for n in range(20)]
    text = "\n".join(
        ["*filter", ":OUTPUT ACCEPT [0:0]", *others, line, *others, "-A OUTPUT -j DROP", "COMMIT", ""]
    )
    packet = question_packet("10.0.0.1", 80, src="10.0.0.9" if ".9" in line else "10.0.0.1")
    for lazy in (True, False):
        answers = [
            Machine.of(read(text, lazy=lazy), use_index=use_index).trace(packet, "local")
            for use_index in (True, False)
        ]
        paths = [[(s.number, s.rule and s.rule.line) for s in a.pieces[0].outcome.path] for a in answers]
        assert paths[0] == paths[1]
        assert answers[0].pieces[0].outcome.verdict == "OUTPUT"


@pytest.mark.parametrize("before", ["", "*filter\n"])
def test_lines_may_begin_a_text(before):
    lines = ["-A A -p udp", "-A A -d 10.0.0.1/32 -j B", "-A A -d 10.0.0.1/32 -s 1.1.1.1,1.1.1.2", "-A A -j B"]
    for first in lines:
        text = before + "\n".join([first, *lines, ""])
        found = lines_by_address.LinesByAddress(text, len(before), len(text), 4)
        single = [number for number, line in enumerate([first, *lines]) if line == lines[1]]
        assert found.numbers("10.0.0.1") == single
        assert [*found.others()] == [number for number in range(5) if number not in single]
