"""Reading only what is asked for gives the same answers, and looks at nothing else."""

import json

import pytest
from click.testing import CliRunner

from natc.cli import cli
from natc.errors import DumpError
from natc.netfilter import ruleset as ruleset_module
from natc.netfilter.packet import question_packet
from natc.netfilter.rule import Jump
from natc.text import reader
from natc.text.reader import read
from natc.text.writer import save
from natc.trace.machine import Machine
from tests.support import GOLDEN

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-*.txt"))
DESTINATIONS = ["10.105.182.209:3000", "10.96.0.1:443", "192.168.179.99:30090", "8.8.8.8:53", "[fd00::1]:80"]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: f"{dump.parent.name}-{dump.stem}")
def test_a_lazy_ruleset_is_the_same_once_all_of_it_is_asked_for(dump):
    text = dump.read_text()
    assert read(text, lazy=True) == read(text)
    assert save(read(text, lazy=True)) == text


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: f"{dump.parent.name}-{dump.stem}")
@pytest.mark.parametrize("to", DESTINATIONS)
def test_a_lazy_answer_is_the_same_and_says_what_it_is(dump, to):
    text = dump.read_text()
    host, _, port = to.rpartition(":")
    packet = question_packet(host.strip("[]"), int(port))
    lazy, full = (Machine.of(read(text, lazy=how)).trace(packet) for how in (True, False))
    assert [(piece.odds, piece.outcome.verdict, piece.outcome.dnat) for piece in lazy.pieces] == [
        (piece.odds, piece.outcome.verdict, piece.outcome.dnat) for piece in full.pieces
    ]
    (more,) = (text for text in lazy.assumptions if text not in full.assumptions)
    assert "only the chains that the packet reaches were read" in more


def nat(*rules: str) -> str:
    declared = [":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":A - [0:0]", ":B - [0:0]"]
    return "\n".join(["*nat", *declared, *rules, "COMMIT", ""])


def test_a_chain_that_is_not_reached_is_not_read():
    text = nat(
        "-A PREROUTING -d 10.0.0.1/32 -j A", "-A A -p tcp -j DNAT --to-destination 1.1.1.1", "-A B --nonsense"
    )
    with pytest.raises(DumpError):
        read(text)
    ruleset = read(text, lazy=True)
    assert Machine.of(ruleset).trace(question_packet("10.0.0.1", 80)).targets()
    with pytest.raises(DumpError, match="--nonsense") as caught:
        print(ruleset)
    assert caught.value.span.line == 8


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("-A PREROUTING -s 1.2.3.400 -j A", "is not an IP address"),
        ("-A PREROUTING -j NOWHERE", "NOWHERE"),
        ("-A A -j A", "leads back to itself"),
    ],
)
def test_what_is_wrong_on_the_way_is_an_error(rule, message):
    text = nat("-A PREROUTING -d 10.0.0.1/32 -j A", rule)
    with pytest.raises(DumpError, match=message):
        Machine.of(read(text, lazy=True)).trace(question_packet("10.0.0.1", 80))


def test_a_rule_of_a_chain_that_is_not_there_is_found_when_all_chains_are_asked_for():
    ruleset = read(nat("-A PREROUTING -d 10.0.0.1/32 -j A", "-A MISSING -j A"), lazy=True)
    assert Machine.of(ruleset).trace(question_packet("10.0.0.1", 80)).pieces
    with pytest.raises(DumpError, match="there is no chain 'MISSING' in this table"):
        print(ruleset)


@pytest.mark.parametrize("together", [True, False])
def test_one_chain_looked_for_is_what_it_is_among_all(together):
    """Wherever its rules stand, whatever else names it, asked for before all others or after."""
    rules = ["-A A -p tcp -j B", '[1:2] -A PREROUTING -m comment --comment "x\\" -A B -j B" -j B', "-A AA -j A",
             "-A A -j RETURN", "-A B -s 10.0.0.1/32 -j RETURN", "-A A", "-A AA -p udp -j A"]  # fmt: skip
    if together:
        rules.sort(key=lambda rule: rule.split("-A ")[1].split(" ")[0])
    text = nat(*rules).replace(":B -", ":AA - [0:0]\n:B -")
    full = read(text).tables["nat"]
    for lazy in (True, False):
        for names in (["A", "PREROUTING", "B", "NONE", "OUTPUT", "AA"], ["B", "A"], ["AA", "ACCEPT"]):
            table = read(text, lazy=lazy).tables["nat"]
            asked = {name: table.chain(name) for name in names}
            assert asked == {name: full.chains.get(name) for name in names}
            assert [rule.line for chain in asked.values() if chain for rule in chain.rules] == [
                rule.line for name in names if name in full.chains for rule in full.chains[name].rules
            ]
            assert list(table.chains) == list(full.chains)
            assert table == full
            assert all(table.chains.get(name) is chain for name, chain in asked.items())


def test_a_chain_that_took_the_name_of_an_opaque_target_is_a_chain_later_too():
    text = nat("-A A -p udp -j ROUTE", "-A ROUTE -j B").replace(":B -", ":ROUTE - [0:0]\n:B -")
    (rule,) = read(text, lazy=True).tables["nat"].chains["A"].rules
    assert rule.target == Jump("ROUTE")


@pytest.mark.parametrize(
    "lines",
    [
        ":C - [0:0]\n:INPUT - [0:0]\n:D - [0:0]\n-A INPUT -j C",
        ":C - [0:0]\n:ROUTE - [0:0]\n-A C -p udp -j ROUTE\n-I C -j ROUTE",
        ":C - [0:0]\n:D - [0:0]\n-A C -j D\n:C - [0:0]\n:E - [0:0]\n-A C -j E",
        ":C - [0:0]\n:D - [0:0]\n:C - [0:0]\n-A C -j D\n:D - [0:0]\n:D - [0:0]\n-A D -j ACCEPT",
        ":C - [0:0]\n:D - [0:0]\n-A D -p tcp\n-E C E\n-F D\n-X D",
        ":C - [0:0]\n:D - [0:0]\n-A C -j D\n-N E\n-A E -j D\n:F - [0:0]\n:G - [0:0]\n-A F -j G",
    ],
)
def test_whatever_is_done_to_chains_is_done_here_too(lines):
    text = f"*filter\n:OUTPUT ACCEPT [0:0]\n{lines}\nCOMMIT\n"
    lazy, full = read(text, lazy=True).tables["filter"], read(text).tables["filter"]
    assert [*lazy.chains.values()] == [*full.chains.values()]
    assert [rule.target for chain in lazy.chains.values() for rule in chain.rules] == [
        rule.target for chain in full.chains.values() for rule in chain.rules
    ]


def test_an_extension_nobody_told_natc_of_is_read_later_too():
    text = "# Generated by iptables-save v1.8.9\n" + nat("-A A -m elsewhere --thing 1 -j B")
    assert read(text, lazy=True) == read(text)


def test_after_many_single_chains_all_are_made(monkeypatch):
    monkeypatch.setattr(ruleset_module, "_SEARCHES", 2)
    table = read(nat("-A A -j B", "-A B -j RETURN")).tables["nat"]
    before = [table.chain(name) for name in ("A", "B")]
    assert table.later is not None
    assert [table.chain(name) for name in ("A", "B")] == before == [table.chains["A"], table.chains["B"]]
    assert table.later is None


def test_a_list_of_addresses_is_several_rules_here_too():
    ruleset = read(nat("-A PREROUTING -d 10.0.0.1,10.0.0.2 -j A"), lazy=True)
    assert ruleset == read(nat("-A PREROUTING -d 10.0.0.1,10.0.0.2 -j A"))


def test_the_command_says_that_it_was_lazy(tmp_path, monkeypatch):
    """And makes rules of no service but the one asked for."""
    text = nat(
        *(f"-A PREROUTING -d 10.0.0.{n}/32 -j {'AB'[n % 2]}" for n in range(1, 9)),
        "-A A -p tcp -j DNAT --to-destination 1.1.1.1", "-A B -p tcp -j DNAT --to-destination 2.2.2.2",
    )  # fmt: skip
    (tmp_path / "dump.txt").write_text(text)
    made = []
    rules = reader._Reader.rules
    monkeypatch.setattr(reader._Reader, "rules", lambda *args: made.append(rules(*args)) or made[-1])
    asked = ["trace", str(tmp_path / "dump.txt"), "--dst", "10.0.0.2:80", "--lazy", "--output", "json"]
    answer = json.loads(CliRunner().invoke(cli, asked, catch_exceptions=False).stdout)
    assert [target["ip"] for target in answer["targets"]] == ["1.1.1.1"]
    assert {rule.chain for rules in made for rule in rules} == {"PREROUTING", "A"}
    assert "only the chains that the packet reaches were read" in json.dumps(answer)


@pytest.mark.parametrize("declared", ["", ":INPUT ACCEPT [0:0]\n", ":INPUT ACCEPT [0:0]\n:A - [0:0]\n"])
def test_rules_of_a_builtin_chain_that_is_not_declared_are_met(declared):
    text = f"*filter\n{declared}-A INPUT -j ACCEPT\n-A FORWARD -s 10.0.0.0/24 -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n"
    packet = question_packet("10.0.0.1", 80)
    lazy, full = (Machine.of(read(text, lazy=how)).trace(packet) for how in (True, False))
    assert {piece.outcome.verdict for piece in full.pieces} == {"FORWARD", "DROP"}
    assert lazy.pieces and [p.outcome for p in lazy.pieces] == [p.outcome for p in full.pieces]
    assert read(text, lazy=True) == read(text)
