"""The rules of chains as text are those that the chains have when they are made."""

import re

import pytest

from natc.netfilter.ruleset import Chain
from natc.text.reader import read
from tests.support import GOLDEN, case_id

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))


def counted(text):
    return re.sub("^-A ", "[12:3456] -A ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: case_id(path.parent))
@pytest.mark.parametrize("spelled", [str, counted], ids=["plain", "counted"])
def test_blocks_are_the_rules_of_the_chains(path, spelled):
    text = spelled(path.read_text())
    told, made = read(text), read(text)
    for name, table in made.tables.items():
        blocks = told.tables[name].blocks()
        if blocks is None:
            assert name == "mangle", "only a table without rules has nothing to be made later"
            continue
        chains = {chain.name: [rule.save() for rule in chain.rules] for chain in table.chains.values()}
        assert {chain: lines.splitlines() for chain, lines in blocks.items()} == chains
        assert blocks.keys() == chains.keys()
        for chain, rules in table.chains.items():
            assert blocks.rules(chain) == rules.rules
            assert blocks.rules(chain, 2) == rules.rules[:2]
            if rules.rules:
                placed = Chain(chain)
                placed.append_later(blocks.passage(chain))
                assert [rule.line for rule in placed.rules] == [rule.line for rule in rules.rules]
            assert told.tables[name].chain(chain).rules == rules.rules
        assert told.tables[name].chains == table.chains


def test_rules_in_which_a_word_stands():
    path = next(path for path in DUMPS if "1.29.1-901" in str(path))
    blocks = read(path.read_text()).tables["nat"].blocks()
    rules = blocks.rules("KUBE-SERVICES", word="KUBE-NODEPORTS")
    assert [rule.text for rule in rules] == [
        line
        for line in path.read_text().splitlines()
        if line.startswith("-A KUBE-SERVICES ") and "-j KUBE-NODEPORTS" in line
    ]
    assert blocks.rules("KUBE-SERVICES", word="KUBE-NOSUCH") == blocks.rules("KUBE-NOSUCH") == []


HEAD = "*nat\n:PREROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n"


def test_a_chain_whose_rules_stand_in_two_places():
    assert (
        read(f"{HEAD}-A A -j RETURN\n-A B -j RETURN\n-A A -j ACCEPT\nCOMMIT\n").tables["nat"].blocks() is None
    )


def test_a_rule_that_was_not_appended_where_it_stands():
    assert read(f"{HEAD}-A A -j RETURN\n-I A -j ACCEPT\nCOMMIT\n").tables["nat"].blocks() is None


@pytest.mark.parametrize("parts", [None, []])
def test_reading_a_save_makes_no_chains(parts):
    ruleset = read(DUMPS[0].read_text(), parts=parts)
    assert ruleset.tables["nat"].later is not None
    assert ruleset.tables["nat"].blocks() is not None
