"""The options that say which packet is meant: what they refuse, and with which words."""

import json

import click
import pytest

from natc.cli import run
from natc.cli.question import question_options
from tests.support import GOLDEN

DUMP = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
NODE = {"interfaces": [{"name": "eth0", "addrs": ["192.168.179.99/24"]}], "routes": ["default dev eth0"]}
TO = ["--dst", "10.105.182.209:3000"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say where to: --dst IP:PORT"),
        (["--dst", "10.0.0.1:80", "--proto", "icmp"], "--proto icmp has no ports (expected --dst IP"),
        ([*TO, "--proto", "foo"], "'foo' is not a protocol (expected tcp, udp, sctp, icmp or 0-255)"),
        ([*TO, "--src", "fd00::1"], "--src:1:1: 'fd00::1' is not of one family with --dst 10.105.182.209"),
        ([*TO, "--in", "eth0", "--local"], "--in is for packets that arrive"),
        ([*TO, "--in", "a-very-long-interface"], "(expected at most 15 letters, such as eth0)"),
        ([*TO, "--node-ip", "192.168.179.99:30090"], "is not an IP address (expected an address such as"),
        ([*TO, "--mark", "0x1ffffffff"], "--mark: '0x1ffffffff' has more than 32 bits (expected a number"),
        ([*TO, "--ctstate", "OLD"], "'OLD' is not one of 'NEW', 'ESTABLISHED', 'RELATED', 'INVALID'"),
        (
            [*TO, "--node", "{node}", "--in", "eth7"],
            "no interface of the node file (expected one of lo, eth0)",
        ),
        ([*TO, "--node", "{node}", "--node-ip", "1.2.3.4"], "--node-ip cannot be given beside it"),
        (["--dst", "[fd00::1]:80", "--node", "{node}"], "describes IPv4, the packet is of IPv6"),
        (["--packet", "IP(dst='1.1.1.1')", "--src", "1.1.1.1"], "--src cannot be given beside it"),
    ],
)
def test_what_makes_no_question_is_refused(tmp_path, capsys, words, message):
    (tmp_path / "node.json").write_text(json.dumps(NODE))
    assert run(["trace", DUMP, *(word.format(node=tmp_path / "node.json") for word in words)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_what_an_expression_leaves_out_may_be_said_beside_it(capsys):
    expression = "IP(dst='10.105.182.209')/TCP(dport=3000)"
    assert run(["trace", DUMP, "--packet", expression, "--ctstate", "INVALID", "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [outcome["verdict"] for outcome in answer["outcomes"]] == ["DROP"]
    assert run(["trace", DUMP, "--packet", expression, "--in", "cni0", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["packet"]["in_interface"] == "cni0"


def test_a_dump_of_the_other_family_is_refused(tmp_path, capsys):
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s fd00::1/128 -j DROP\nCOMMIT\n"
    (tmp_path / "rules6").write_text(text)
    assert run(["trace", str(tmp_path / "rules6"), "--dst", "10.0.0.1:80"]) == 2
    assert "the dump is of IPv6, the packet of IPv4" in capsys.readouterr().err
    assert run(["trace", DUMP, "--dst", "[fd00::1]:80"]) == 2
    assert "the dump is of IPv4, the packet of IPv6" in capsys.readouterr().err
    (tmp_path / "either").write_text("*filter\n:INPUT DROP [0:0]\nCOMMIT\n")
    assert run(["trace", str(tmp_path / "either"), "--dst", "[fd00::1]:80", "--node-ip", "fd00::1"]) == 0
    assert "dropped" in capsys.readouterr().out


def test_every_help_text_has_an_example():
    @question_options
    @click.command()
    def command() -> None: ...

    said = {
        parameter.name: parameter.help for parameter in command.params if isinstance(parameter, click.Option)
    }
    assert len(said) == 10
    for name, text in said.items():
        assert any(word in text for word in ("such as", "tcp, udp", "as curl")), name


@pytest.mark.parametrize(("text", "said"), [
    ("fd00::23:80", "natc: --dst fd00::23:80 is an address without a port; with one it is [fd00::23]:80\n"),
    ("[fd00::23]:80", ""), ("fd00::23", ""), ("fd00:1::7", ""), ("fd00::a:b", ""), ("[fd00::23:80]", ""),
])  # fmt: skip
def test_a_port_behind_an_address_of_ipv6_is_doubted(text, said, tmp_path, capsys):
    path = tmp_path / "dump.txt"
    path.write_text("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d fd00::1/128 -j ACCEPT\nCOMMIT\n")
    assert run(["trace", str(path), "--dst", text]) == 0
    assert capsys.readouterr().err == said
