"""Chains recognised by their forms are worked out as their rules say, one by one."""

import re
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.analysis.audit import audit
from natc.analysis.chains import moulds as chain_moulds
from natc.analysis.chains.sheets import Sheets
from natc.text.reader import read

#: Rules of a chain; E is replaced by a chain of an endpoint, @ by its address.
LINES = [
    "-m statistic --mode random --probability 0.50000000000 -j E",
    "-m statistic --mode random --probability 0.33333333349 -j E",
    "-j E",
    "-j E",
    "-p tcp -m tcp -j DNAT --to-destination @:80",
    "-s @/32 -j MASQ",
    "! -s 10.0.0.0/8 -d @/32 -p tcp -m tcp --dport 80 -j MASQ",
    "-d @/32 -p tcp -m tcp --dport 81 -j E",
    "-m recent --rcheck --seconds 10 --reap --name E --mask 255.255.255.255 --rsource -j E",
    "-m statistic --mode nth --every 2 --packet 0 -j E",
    "-j RETURN",
    "-p udp -m udp -j DNAT --to-destination @",
    '-m comment --comment "a/b c" -j SHARED',
]
ENDPOINTS = [
    ["-s @/32 -j MASQ", "-p tcp -m tcp -j DNAT --to-destination @:8080"],
    ["-p tcp -m tcp -j DNAT --to-destination 10.9.9.9:8080"],
    ["-m addrtype --src-type LOCAL -j RETURN", "-p tcp -m tcp -j DNAT --to-destination @:8080"],
    ["-p tcp -j REDIRECT --to-ports 99"],
    [],
]

services = st.lists(st.sampled_from(LINES), max_size=5)


@st.composite
def dumps(draw):
    """Services of a few forms, each form many times, their endpoints alike or not."""
    forms = draw(st.lists(services, min_size=1, max_size=3))
    ends = draw(st.lists(st.sampled_from(ENDPOINTS), min_size=1, max_size=2))
    chains, rules, asking = [":MASQ -", ":SHARED -"], ["-A MASQ -j MARK --set-xmark 0x1/0x1"], []
    number = 0
    for service in range(60):
        chains.append(f":SVC-{service:03} -")
        asking.append(f"-A ALL -d 10.96.0.{service}/32 -p tcp -m tcp --dport 80 -j SVC-{service:03}")
        for line in forms[service % len(forms)]:
            number += 1
            name, address = f"SEP-{number:04}", f"10.1.{number // 250}.{number % 250}"
            if " E" in line:
                chains.append(f":{name} -")
                for each in ends[number % len(ends)]:
                    rules.append(f"-A {name} {each.replace('@', address)}")
            rules.append(f"-A SVC-{service:03} {line.replace(' E', ' ' + name).replace('@', address)}")
    heads = [":PREROUTING ACCEPT [0:0]", ":ALL -"]
    lines = ["*nat", *heads, *chains, "-A PREROUTING -j ALL", *rules, *asking, "COMMIT", ""]
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(dumps())
def test_forms_say_what_the_rules_say(text):
    with patch.object(chain_moulds, "LONGEST", -1):
        one_by_one = audit(read(text))
    found = audit(read(text))
    assert [(one.dst, one.rule.line, one.targets, one.problem) for one in found] == [
        (one.dst, one.rule.line, one.targets, one.problem) for one in one_by_one
    ]


@settings(max_examples=25, deadline=None)
@given(dumps(), st.booleans())
def test_sheets_say_what_the_rules_say(text, counted):
    """Chains that moulds took from the text are as their rules are, with counters before these and without."""
    text = re.sub("^-A", "[3:180] -A", text, flags=re.MULTILINE) if counted else text
    sheets, table = Sheets.of(read(text).tables["nat"]), read(text).tables["nat"]
    assert [*sheets.names] == [*table.chains]
    for name, chain in table.chains.items():
        said = [(rule.shape.template, rule.values) for rule in sheets.rules(name)]
        assert said == [(rule.shape.template, rule.values) for rule in chain.rules]
    rules = [rule for chain in table.chains.values() for rule in chain.rules]
    for found in (
        sheets.rules_with(lambda shape: shape.jump, "MASQ".__eq__),
        sheets.rules_that(lambda shape: shape.jump is not None, lambda rule: rule.text.endswith(" MASQ")),
    ):
        assert [rule.line for rule in found] == sorted(r.line for r in rules if r.text.endswith(" MASQ"))


ODD = {
    "more": ["-s 10.1.0.1/32 -j MASQ", "-p tcp -m tcp -j DNAT --to-destination 10.1.0.1:80", "-j RETURN"],
    "less": ["-s 10.1.0.1/32 -j MASQ"],
    "other": ["-s 10.1.0.1/32 -j RETURN", "-p udp -m udp -j DNAT --to-destination 10.1.0.1:80"],
    "target": [
        "-s 10.1.0.1/32 -j MARK --set-xmark 0x1/0x1",
        "-p tcp -m tcp -j DNAT --to-destination 10.1.0.1:80",
    ],
    "long": [f"-s 10.1.0.{number}/32 -j RETURN" for number in range(chain_moulds.LONGEST + 1)],
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["ENDPOINT-0031x", "OUT-OF-ORDER"])
@pytest.mark.parametrize("counters", ["", "[3:180] "])
def test_among_many_chains_written_alike_others_are_as_they_are(odd, name, counters):
    alike = ["-s 10.1.0.1/32 -j MASQ", "-p tcp -m tcp -j DNAT --to-destination 10.1.0.1:80"]
    chains = {f"ENDPOINT-{number:04}": alike for number in range(30)} | {name: ODD[odd]}
    chains |= {f"ENDPOINT-{number:04}": alike for number in range(40, 60)} | {"SVC": ["-j ENDPOINT-0001"]}
    lines = ["*nat", *(f":{each} - [0:0]" for each in ("MASQ", *chains))]
    lines += [f"{counters}-A {each} {rule}" for each, rules in chains.items() for rule in rules]
    text = "\n".join([*lines, "COMMIT", ""])
    sheets, table = Sheets.of(read(text).tables["nat"]), read(text).tables["nat"]
    for each, chain in table.chains.items():
        assert [rule.text for rule in sheets.rules(each)] == [rule.text for rule in chain.rules]
    long = sheets.longer.get(name, [])
    assert [rule.line for rule in long] == [rule.line for rule in table.chains[name].rules if odd == "long"]


def test_a_chain_whose_rules_stand_apart_is_on_one_sheet():
    """Blank lines and rules of other chains between the rules of a chain are no end of it."""
    rules = ["-A A -s 10.0.0.1/32 -j B", "", "-A A -j RETURN", "-A B -j RETURN", "-A A -p tcp -j ACCEPT"]
    heads = ["*nat", ":PREROUTING ACCEPT [0:0]", ":A - [0:0]", ":B - [0:0]"]
    sheets = Sheets.of(read("\n".join([*heads, *rules, "COMMIT", ""])).tables["nat"])
    assert [len(sheets.rules(name)) for name in ("PREROUTING", "A", "B")] == [0, 3, 1]


def test_most_chains_are_never_made_into_rules():
    lines = ["*nat", ":PREROUTING ACCEPT [0:0]", ":ALL -", *(f":S-{n:04} -" for n in range(2000))]
    lines += [
        f"-A S-{n:04} -p tcp -m tcp -j DNAT --to-destination 10.0.{n // 250}.{n % 250}:80"
        for n in range(2000)
    ]
    lines += [
        f"-A ALL -d 10.96.{n // 250}.{n % 250}/32 -p tcp -m tcp --dport 80 -j S-{n:04}" for n in range(2000)
    ]
    ruleset = read("\n".join([*lines, "-A PREROUTING -j ALL", "COMMIT", ""]))
    assert all(service.fair for service in audit(ruleset))
    made = [name for name, chain in ruleset.tables["nat"].chains.items() if chain.rules_made]
    assert len(made) < 200
