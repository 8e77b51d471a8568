"""The command line: help, exit statuses, errors on one line with a caret, nothing half written."""

import gzip
import io
import json
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from natc import __version__
from natc.cli import COMMANDS, cli, run
from tests.support import GOLDEN, ROOT

CASE = GOLDEN / "kube-proxy/1.29.1-901"
DUMP = str(CASE / "save-legacy.txt")
BAD_DUMP = "*nat\n:X - [0:0]\n-A X -m tcp --dport 99999\nCOMMIT\n"


def test_every_command_has_help_with_an_example(capsys):
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"natc {name}" in text
        assert "Example:" in text


def test_every_option_has_help():
    for name in COMMANDS:
        command = cli.get_command(None, name)
        for option in command.params:
            if option.param_type_name == "option" and option.name not in (
                "help",
                "backend",
                "output",
                "form",
            ):
                assert option.help, f"natc {name} {option.opts[0]}"


def test_the_version(capsys):
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["fmt"], "Missing argument 'DUMP'"),
        (["fmt", "no-such-file"], "no-such-file:1:1: No such file or directory"),
        (["fmt", "."], ".:1:1: is a directory"),
        (["trace", DUMP], "say where to: --dst IP:PORT"),
        (["trace", DUMP, "--dst", "10.0.0.300:80"], "'10.0.0.300' is not an IP address"),
        (["trace", DUMP, "--dst", "10.0.0.1:99999"], "port 99999 is not between 0 and 65535"),
        (["trace", DUMP, "--dst", "10.0.0.1:80", "--proto", "nosuch"], "'nosuch' is not a protocol"),
        (["trace", DUMP, "--dst", "10.0.0.1:80", "--mark", "red"], "--mark: 'red' is not a number"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(arguments, message, capsys):
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""


def test_a_bad_dump_is_shown_with_a_caret(tmp_path, capsys):
    path = tmp_path / "dump.txt"
    path.write_text(BAD_DUMP)
    assert run(["fmt", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{path}:3:21: --dport: port 99999 is not between 0 and 65535"
    assert lines[1:] == ["    -A X -m tcp --dport 99999", "                        ^^^^^"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x7fELF\0\0", "is a binary file"),
        (gzip.compress(b"*nat\n")[:-4], "is not a whole gzip file"),
        (b"*nat\n:PREROUTING ACCEPT [0:0]\n", "the table is not closed (expected COMMIT)"),
    ],
    ids=["empty", "blank", "binary", "cut gzip", "no COMMIT"],
)
def test_what_is_no_dump_is_refused(content, message, tmp_path, capsys):
    path = tmp_path / "dump"
    path.write_bytes(content)
    assert run(["fmt", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_fmt_gives_a_save_back_from_a_file_gzip_and_standard_input(tmp_path, capfdbinary, monkeypatch):
    content = (CASE / "save-legacy.txt").read_bytes()
    packed = tmp_path / "dump.gz"
    packed.write_bytes(gzip.compress(content))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    for source in (DUMP, str(packed), "-"):
        assert run(["fmt", source]) == 0
        assert capfdbinary.readouterr().out == content


def test_fmt_keeps_bytes_that_are_not_utf8(tmp_path, capfdbinary):
    content = b'*nat\n:X - [0:0]\n-A X -m comment --comment "caf\xe9 au lait"\nCOMMIT\n'
    path = tmp_path / "dump"
    path.write_bytes(content)
    assert run(["fmt", str(path)]) == 0
    assert capfdbinary.readouterr().out == content


def test_output_goes_to_a_file_whole_or_not_at_all(tmp_path, capsys):
    target = tmp_path / "out.txt"
    target.write_text("before")
    bad = tmp_path / "bad.txt"
    bad.write_text(BAD_DUMP)
    assert run(["fmt", str(bad), "-o", str(target)]) == 2
    assert target.read_text() == "before"
    assert run(["fmt", DUMP, "-o", str(target)]) == 0
    assert target.read_text() == (CASE / "save-legacy.txt").read_text()
    assert run(["fmt", DUMP, "-o", str(tmp_path / "no/such/folder")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt", "out.txt"]


def test_trace_begins_with_the_answer(capsys):
    assert run(["trace", DUMP, "--dst", "10.105.182.209:3000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "default/nodeport-svc, arriving from the network, source left open" in lines[0]
    assert [line.split() for line in lines[2:4]] == [
        ["50", "%", "10.244.0.23:8080", "1073741824", "/", "2^31"],
        ["50", "%", "10.244.2.14:8080", "1073741824", "/", "2^31"],
    ]


def test_trace_as_json_is_one_document_with_version_and_schema_first(capsys):
    assert (
        run(["trace", DUMP, "--dst", "10.105.182.209:3000", "--src", "10.244.1.7", "--output", "json"]) == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert list(answer)[:2] == ["natc", "schema"]
    assert answer["natc"] == __version__
    assert {(o["dnat"]["ip"], o["odds"]["num"], o["odds"]["exp"]) for o in answer["outcomes"]} == {
        ("10.244.0.23", 1 << 30, 31),
        ("10.244.2.14", 1 << 30, 31),
    }
    assert all(o["verdict"] == "FORWARD" and o["snat"] is None for o in answer["outcomes"])
    step = answer["outcomes"][0]["path"][1]
    assert (CASE / "save-legacy.txt").read_text().splitlines()[step["line"] - 1] == step["text"]


def test_branches_are_listed_one_by_one(capsys):
    assert run(["trace", DUMP, "--dst", "10.105.182.209:3000", "--src", "10.244.1.7", "--branches"]) == 0
    assert [text.split()[2] for text in capsys.readouterr().out.splitlines()[:2]] == [
        "10.244.0.23:8080",
        "10.244.2.14:8080",
    ]


def granted_in(capsys, *words):
    """Return what a trace takes for granted, of its text and of its JSON."""
    asked = ["trace", DUMP, "--dst", "10.105.182.209:3000", *words]
    assert run(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert run([*asked, "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    said = [text.split(": ", 1)[1] for text in lines if text.startswith("  taken for granted: ")]
    return said, answer["assumptions"], answer["open"], (answer["packet"]["dst"], answer["origin"])


def test_branches_say_what_the_merged_answer_takes_for_granted(capsys):
    merged = granted_in(capsys)
    assert merged[0] == merged[1] != []
    assert granted_in(capsys, "--branches") == merged


def test_only_listed_branches_take_anything_for_granted(capsys):
    said, *_ = granted_in(capsys, "--branches", "--limit", "1")
    assert said[0] == "10.244.0.23 is not the node's own address"


@pytest.mark.parametrize(
    ("limit", "listed", "more"),
    [("1", 1, ["and more branches, with 50 % of the odds (--limit N lists N, --limit 0 all)"]),
     ("2", 2, []), ("0", 2, [])],
)  # fmt: skip
def test_a_listing_of_branches_that_ends_early_says_so(limit, listed, more, capsys):
    asked = ["trace", DUMP, "--dst", "10.105.182.209:3000", "--src", "10.244.1.7", "--branches"]
    assert run([*asked, "--limit", limit]) == 0
    found = capsys.readouterr().out.splitlines()
    assert len(found[:listed]) == listed
    behind = [text.strip() for text in found[listed:]]
    assert [text for text in behind if not text.startswith("taken for granted: ")] == more
    assert run([*asked, "--limit", limit, "--output", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (len(answer["branches"]), answer["complete"]) == (listed, not more)


def test_the_rest_of_branches_under_conditions_has_no_odds_of_its_own(capsys):
    assert run(["trace", DUMP, "--dst", "10.105.182.209:3000", "--branches", "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == "  and more branches (--limit N lists N, --limit 0 all)"


#: What a question by address on kube-proxy's own lines has no use for: the cache is opened for other lines.
_UNUSED = """
argparse cattrs dataclasses gzip hashlib hypothesis importlib.metadata importlib.resources interegular
lark logging pathlib random rich scapy shutil socket subprocess tarfile tempfile urllib yaml zipfile
natc.analysis natc.compile natc.kube natc.netfilter.conntrack.connection natc.netfilter.conntrack.tracker
natc.netfilter.conntrack.sctp natc.netfilter.conntrack.tcp natc.netfilter.node.host natc.netfilter.ipset
natc.netfilter.memory natc.netfilter.nat.choice natc.netfilter.node.routing natc.netfilter.services
natc.report.picture natc.report.replay natc.testing natc.text.node.bundle natc.text.cache_file natc.text.checks
natc.text.complaints natc.text.judge natc.text.shapes.parsed natc.text.shapes.cache natc.text.spelling natc.text.tidy
natc.text.writer
natc.trace.bounds natc.trace.node.host_node natc.trace.chain.index natc.trace.answer.near_miss natc.trace.replay
"""
UNUSED = set(_UNUSED.split())
#: How many modules of natc it imports: the extensions of the dump are nine, the kinds of their arguments eight,
#: the rooms eighteen.
MOST_MODULES = 98


def imported_by(*arguments: str) -> set[str]:
    """The modules that a command imports, without what the environment's own start-up does."""
    code = (
        f"import sys; sys.path[:] = {[str(ROOT), *sys.path]!r}; before = set(sys.modules); import natc.__main__; "
        f"from natc.cli import run; run({arguments!r}); print(*set(sys.modules) - before, file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NATC_NO_CACHE"}
    start = [sys.executable, "-S", "-c", code]
    return set(
        subprocess.run(start, capture_output=True, text=True, check=True, env=environment).stderr.split()
    )


@pytest.mark.parametrize("more", [(), ("--lazy",), ("--output", "json")])
def test_a_question_by_address_imports_what_it_needs(more):
    imported = imported_by("trace", DUMP, "--dst", "10.105.182.209:3000", *more)
    assert "natc.trace.machine" in imported
    assert imported.isdisjoint(UNUSED)
    own = {name for name in imported if name.split(".")[0] == "natc"}
    assert len(own) <= MOST_MODULES
    mentioned = {word.lower() for word in Path(DUMP).read_text().split()}
    extensions = {
        name.split(".")[3] for name in own if re.match(r"natc\.netfilter\.(matches|targets)\.", name)
    }
    assert extensions <= mentioned


@pytest.mark.parametrize("words", [["lint", "-", "-"], ["verify", "-", "-"], ["audit", "-", "-"]])
def test_standard_input_is_for_one_input(words, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(DUMP).read_bytes())))
    assert run(words) == 2
    assert capsys.readouterr().err.startswith("<stdin>:1:1: is given for two inputs")


def test_a_full_disk_is_no_mistake_of_natc(monkeypatch, capsys):
    def write(text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sys.stdout.write", write)
    assert run(["who", DUMP, "10.244.0.23"]) == 2
    assert capsys.readouterr().err == "natc: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [["--src", ""], ["--in="], ["--node-ip", ""], ["--ipset", ""]])
def test_an_empty_word_is_not_taken_for_no_option(words, capsys):
    assert run(["trace", DUMP, "--dst", "10.105.182.209:3000", *words]) == 2
    assert "is empty" in capsys.readouterr().err


def test_a_closed_output_is_no_mistake_of_natc(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    for words in (["who", DUMP, "10.244.0.23"], ["fmt", DUMP]):
        assert run(words) == 2
        assert capsys.readouterr().err == "natc: the answer cannot be written: standard output is closed\n"


def test_a_file_keeps_its_mode_a_link_and_a_pipe_stay_what_they_are(tmp_path):
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert run(["fmt", DUMP, "-o", str(link)]) == 0
    assert link.is_symlink() and target.read_text() == Path(DUMP).read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run(["fmt", DUMP, "-o", str(pipe)]) == 0
    assert os.read(reading, 1 << 20) == Path(DUMP).read_bytes()
    os.close(reading)
    assert pipe.is_fifo()


def test_a_reader_that_goes_away_is_no_answer_of_no():
    words = [sys.executable, "-m", "natc", "who", DUMP, "10.244.0.23"]
    reading, writing = os.pipe()
    os.close(reading)
    assert subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False).returncode == 0
    os.close(writing)


def test_a_mistake_of_natc_is_no_traceback(monkeypatch, capsys):
    def broken(path, **options):
        raise ZeroDivisionError("nothing to do with the \x1b[31minput")

    monkeypatch.setattr("natc.text.files.read_dump", broken)
    assert run(["fmt", DUMP]) == 2
    shown = capsys.readouterr().err
    assert "a mistake in natc itself: ZeroDivisionError" in shown
    assert "\x1b" not in shown
    monkeypatch.setenv("NATC_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run(["fmt", DUMP])


@pytest.mark.parametrize("arguments", [["fmt"], ["audit"], ["trace", "--dst", "10.105.182.209:3000"]])
def test_every_command_on_a_dump_takes_no_cache(arguments, capsys):
    assert run([*arguments, DUMP, "--no-cache"]) == 0
    assert capsys.readouterr().out


def test_what_is_nested_too_deeply_for_a_command_is_said(tmp_path, capsys):
    chains = [f"C{number}" for number in range(1500)]
    jumps = [f"-A {one} -j {other}" for one, other in pairwise(chains)]
    jumps.append("-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j C0")
    heads = [":PREROUTING ACCEPT [0:0]", *(f":{chain} - [0:0]" for chain in chains)]
    dump = tmp_path / "dump.txt"
    dump.write_text("\n".join(["*nat", *heads, *jumps, "COMMIT", ""]))
    assert run(["cost", str(dump)]) == 2
    assert "natc: the input is nested too deeply" in capsys.readouterr().err


def test_names_of_files_and_lines_passed_over_are_escaped(tmp_path, capsys):
    path = tmp_path / "a\x1b[31mb.txt"
    path.write_text("what is \x1b[0m this?\n" + Path(DUMP).read_text())
    assert run(["cost", str(path)]) == 0
    assert r"what is \x1b[0m this?" in capsys.readouterr().err
    assert run(["audit", str(path), str(path)]) == 0
    assert capsys.readouterr().out.count(r"a\x1b[31mb.txt: 2 destinations") == 2
