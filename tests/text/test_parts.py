"""Texts that add to what a node has: `iptables-nft-restore --test` takes them, and so does natc fmt."""

import pytest
from click.testing import CliRunner

import natc
from natc.cli import cli
from natc.errors import DumpError
from natc.text.reader import read
from natc.text.writer import save

#: As ufw writes its files: chains of its own, jumps to chains that another file makes.
OWN_CHAINS = """\
*filter
:my-input - [0:0]
-A my-input -i lo -j ACCEPT
-A my-input -p tcp -m tcp --dport 22 -j my-user-input
-A my-forward -j DROP
COMMIT
"""
#: As firewalld writes them: rules at numbers.
NUMBERED = """\
*filter
-I FORWARD 3 -i eth1 -j ACCEPT
-I ZONES 1 -i eth0 -g ZONE_public
COMMIT
"""


def test_chains_of_another_text_are_named_and_not_written():
    parts = []
    ruleset = read(OWN_CHAINS, parts=parts)
    assert save(ruleset) == OWN_CHAINS
    assert parts == ["my-forward", "my-user-input"]


def test_a_rule_at_a_number_comes_behind_the_rules_there_are():
    parts = []
    ruleset = read(NUMBERED, parts=parts)
    assert [rule.save() for rule in ruleset.tables["filter"].chains["FORWARD"].rules] == [
        "-A FORWARD -i eth1 -j ACCEPT"
    ]
    assert parts == ["ZONES", "ZONE_public"]


@pytest.mark.parametrize("text", [OWN_CHAINS, NUMBERED])
def test_read_alone_refuses_them_as_an_empty_node_would(text):
    with pytest.raises(DumpError, match=r"no chain|no rule"):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "*filter\n:INPUT ACCEPT [0:0]\n:my-input - [0:0]\n-A my-input -j elsewhere\nCOMMIT\n",
        "*filter\n-A INPUT -j elsewhere\nCOMMIT\n",
        "*filter\n-A elsewhere -j ACCEPT\nCOMMIT\n",
    ],
)
def test_a_whole_table_without_the_chain_stays_refused(text):
    with pytest.raises(DumpError, match="no chain"):
        read(text, parts=[])


def test_fmt_says_which_chains_are_not_in_it():
    done = CliRunner().invoke(cli, ["fmt", "-"], input=OWN_CHAINS)
    assert (done.exit_code, done.stdout) == (0, OWN_CHAINS)
    assert "my-forward, my-user-input" in done.stderr


def test_what_chains_of_another_text_do_is_an_open_question():
    chain = natc.load(OWN_CHAINS).tables["filter"].chains["my-user-input"]
    assert [rule.shape.unread for rule in chain.rules] == [True]
