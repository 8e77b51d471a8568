"""The options that say what a node remembers, as a person gives them."""

import json

import pytest

from natc.cli import run

RULES = """*nat
:PREROUTING ACCEPT [0:0]
:ONE - [0:0]
:TWO - [0:0]
-A PREROUTING -m recent --rcheck --seconds 100 --name A --mask 255.255.255.255 --rsource -j ONE
-A PREROUTING -j TWO
-A ONE -p tcp -m tcp -j DNAT --to-destination 10.1.0.1:80
-A TWO -p tcp -m tcp -j DNAT --to-destination 10.1.0.2:80
COMMIT
"""
LINE = "src=10.0.0.1 ttl: 64 last_seen: {0} oldest_pkt: 1 {0}\n"
CONNECTION = (
    "tcp 6 99 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=1000 dport=80 "
    "src=10.1.0.1 dst=10.0.0.1 sport=80 dport=1000 [ASSURED] mark=0 use=1\n"
)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "rules").write_text(RULES)
    (tmp_path / "A").write_text(LINE.format(4295000000))
    (tmp_path / "ct").write_text(CONNECTION)
    return tmp_path


def trace(files, *words):
    return run(["trace", str(files / "rules"), "--dst", "10.96.0.1:80", "--src", "10.0.0.1", *words])


def target(capsys):
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["targets"]) == 1
    return answer["targets"][0]["ip"]


@pytest.mark.parametrize("given", ["A={}/A", "{}"])
def test_a_list_or_a_folder_of_lists(files, capsys, given):
    assert trace(files, "--recent", given.format(files), "--output", "json") == 0
    assert target(capsys) == "10.1.0.1"


@pytest.mark.parametrize(
    ("later", "hz", "expected"),
    [
        (25_000, 250, "10.1.0.1"),
        (25_001, 250, "10.1.0.2"),
        (9_999, None, "10.1.0.1"),
        (100_001, None, "10.1.0.2"),
    ],
)
def test_times_are_jiffies(files, capsys, later, hz, expected):
    words = ["--recent", f"A={files}/A", "--jiffies", str(4295000000 + later), "--output", "json"]
    assert trace(files, *words, *(["--hz", str(hz)] if hz else [])) == 0
    assert target(capsys) == expected


def test_an_answer_that_hangs_on_the_kernels_hz_is_refused(files, capsys):
    assert trace(files, "--recent", f"A={files}/A", "--jiffies", "4295050000") == 2
    captured = capsys.readouterr()
    assert "say --hz" in captured.err and captured.out == ""


def test_the_time_that_is_taken_is_said(files, capsys):
    assert trace(files, "--recent", f"A={files}/A") == 0
    assert "taken for granted: the packet comes at jiffy 4295000000" in capsys.readouterr().out


def test_a_connection_of_the_list(files, capsys):
    words = ["--conntrack", str(files / "ct"), "--src", "10.0.0.1:1000"]
    assert trace(files, *words) == 0
    assert f"by an entry of the connection table, line 1 of {files}/ct" in capsys.readouterr().out
    assert trace(files, *words, "--output", "json") == 0
    (outcome,) = json.loads(capsys.readouterr().out)["outcomes"]
    assert outcome["connection"] == {
        "file": str(files / "ct"), "line": 1, "text": CONNECTION.rstrip(), "direction": "original",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recent", "nowhere"], "neither NAME=FILE nor a folder of lists"),
        (["--recent", "B={}/A"], "no rule of the dump names the list 'B'"),
        (["--recent", "A={}/ct"], "no line of a list of -m recent"),
        (["--conntrack", "{}/A"], "A:1:1: no line of conntrack -L (expected udp 17 29 src="),
        (["--recent", "A={}/A", "--jiffies", "7"], "--jiffies 7 is before 4295000000"),
        (["--ipset", "{}/A"], "is no line of ipset save"),
    ],
)
def test_what_is_none_is_refused(files, capsys, words, message):
    assert trace(files, *(word.format(files) for word in words)) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""
