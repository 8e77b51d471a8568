"""``natc replay``: three files in, the form of the recorded answers out."""

import json

import pytest

from natc.cli import run
from tests.support import GOLDEN, case_id

CASES = sorted(path.parent for path in GOLDEN.glob("kernel/*/packets.json"))


def files(case) -> list[str]:
    found = [
        "--dump",
        str(case / "dump.txt"),
        "--node",
        str(case / "node.json"),
        "--packets",
        str(case / "packets.json"),
    ]
    return [*found, "--ipset", str(case / "ipset.txt")] if (case / "ipset.txt").exists() else found


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_the_document_has_the_recorded_form(case, capsys):
    expected = json.loads((case / "kernel.json").read_text())["legacy"]
    status = run(["replay", *files(case), "--output", "json"])
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:2] == ["natc", "schema"]
    assert bool(answer["load"]["rc"]) == bool(expected["load"]["rc"])
    assert status == (1 if expected["load"]["rc"] else 0)
    assert len(answer["packets"]) == len(expected.get("packets", []))
    assert [result.get("verdict") for result in answer["packets"]] == [
        r.get("verdict") for r in expected.get("packets", [])
    ]


def test_a_row_a_packet(capsys):
    case = next(
        case for case in CASES if json.loads((case / "packets.json").read_text())["mode"] == "sequence"
    )
    assert run(["replay", *files(case)]) == 0
    rows = capsys.readouterr().out.splitlines()
    packets = json.loads((case / "packets.json").read_text())["packets"]
    assert [row.split()[0] for row in rows] == [str(number) for number in range(len(packets))]


def test_a_dump_that_is_refused_is_an_answer_and_one_that_is_not_there_is_none(tmp_path, capsys):
    arguments = files(CASES[0])
    arguments[1] = str(tmp_path / "dump.txt")
    assert run(["replay", *arguments]) == 2
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "dump.txt").write_text("*filter\n-A INPUT -s 1.2.3 -s 4 -j ACCEPT\nCOMMIT\n")
    assert run(["replay", *arguments]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "the kernel would not load this dump"
    assert said[2:] == ["    -A INPUT -s 1.2.3 -s 4 -j ACCEPT", said[3]] and set(said[3].strip()) == {"^"}


@pytest.mark.parametrize("clock", ["nan", "inf", "-1", "1e20"])
def test_a_clock_that_shows_no_time(clock, capsys):
    assert run(["replay", *files(CASES[0]), f"--clock={clock}"]) == 2
    assert "is no time" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "", "\x00", "[NaN]", "[" + "9" * 5000 + "]"])
def test_a_packets_file_that_is_no_json(content, tmp_path, capsys):
    broken = tmp_path / "packets.json"
    broken.write_text(content)
    arguments = files(CASES[0])
    arguments[5] = str(broken)
    assert run(["replay", *arguments]) == 2
    assert "is no JSON" in capsys.readouterr().err


def test_a_node_that_makes_no_sense(tmp_path, capsys):
    node = tmp_path / "node.json"
    node.write_text(json.dumps({"interfaces": [{"name": "eth0", "addrs": ["nonsense"]}]}))
    arguments = files(CASES[0])
    arguments[3] = str(node)
    assert run(["replay", *arguments]) == 2
    assert f"{node}:1:1: 'nonsense' is not an interface address" in capsys.readouterr().err


PACKET = {"origin": "eth0", "dst": "10.0.0.1"}
#: Packets that are none: what is said of them, and the text under the caret.
NO_PACKETS = [
    (3, "there is no list of packets", "3"),
    ({"packets": {}}, "there is no list of packets", '"packets"'),
    ([3], "packet 0: is no object", "3"),
    ([{"origin": "eth0"}], "packet 0: has no dst", "{"),
    ([{"op": "sleep"}], "packet 0: has no s", "{"),
    ([PACKET, {**PACKET, "dport": "http"}], "packet 1: dport is 'http'", '"http"'),
    ([{**PACKET, "dport": 70000}], "packet 0: dport is 70000 (expected a number from 0 to 65535)", "70000"),
    ([{**PACKET, "flags": "SQ"}], "letters of FSRPAUEC", '"SQ"'),
    ([{**PACKET, "proto": "zzz"}], "a protocol by name or number", '"zzz"'),
    ([{**PACKET, "dst": "fe80::1"}], "an address of IPv4", '"fe80::1"'),
    ([{**PACKET, "src": "\x1b[1m"}], "src is '\\x1b[1m'", '"\\u001b[1m"'),
    ([{**PACKET, "payload": "\u4e00"}], "is a byte", '"\\u4e00"'),
    ([{**PACKET, "transport": "\u4e00"}], "is a byte", '"\\u4e00"'),
    ([{**PACKET, "tcpopt": "0"}], "bytes in hexadecimal", '"0"'),
    ([{**PACKET, "origin": "eth9"}], "the node has no interface 'eth9'", '"eth9"'),
    ([{"reply_to": 0, "icmp_error": [3]}], "[type, code]", '"icmp_error"'),
]


@pytest.mark.parametrize(("packets", "said", "shown"), NO_PACKETS, ids=range(len(NO_PACKETS)))
def test_packets_that_make_no_sense(packets, said, shown, tmp_path, capsys):
    broken = tmp_path / "packets.json"
    broken.write_text(json.dumps(packets))
    arguments = files(CASES[0])
    arguments[5] = str(broken)
    assert run(["replay", *arguments]) == 2
    message, line, carets = capsys.readouterr().err.splitlines()
    assert said in message and message.startswith(f"{broken}:1:")
    assert line[carets.index("^") : carets.rindex("^") + 1] == shown


def test_a_reply_to_a_packet_that_was_not_sent(tmp_path, capsys):
    broken = tmp_path / "packets.json"
    broken.write_text('[{"reply_to": 0}]')
    arguments = files(CASES[0])
    arguments[5] = str(broken)
    assert run(["replay", *arguments]) == 2
    assert "packet 0 was not sent before" in capsys.readouterr().err
