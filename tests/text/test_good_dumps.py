"""A large dump that was found good once is not proved again, and says the same."""

import pytest

from natc.errors import DumpError
from natc.netfilter.packet import question_packet
from natc.text import good_dumps, reader
from natc.text.outline import Outline
from natc.text.reader import read
from natc.text.shapes.cache import ShapeCache
from natc.text.writer import save
from natc.trace.machine import Machine
from tests.support import GOLDEN

DUMPS = sorted(GOLDEN.glob("kube-proxy/*/save-*.txt"))
HEAD = "*nat\n:PREROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n"


@pytest.fixture(autouse=True)
def every_dump_is_large(monkeypatch):
    monkeypatch.setattr(reader, "LARGE", 1)


@pytest.fixture
def proofs(monkeypatch):
    """The tables that were proved sound."""
    made = []
    is_sound = Outline.is_sound
    monkeypatch.setattr(Outline, "is_sound", lambda *args: made.append(args[1]) or is_sound(*args))
    return made


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: f"{dump.parent.name}-{dump.stem}")
def test_the_second_time_it_is_the_same_without_a_proof(dump, tmp_path, proofs):
    text = dump.read_text()
    first, plain = read(text, cache=ShapeCache(tmp_path / "natc")), read(text)
    proofs.clear()
    again, asked = (read(text, cache=ShapeCache(tmp_path / "natc")) for _ in range(2))
    assert not proofs
    assert again == first == plain
    assert (save(again), str(again), again.respelled) == (text, str(plain), plain.respelled)
    assert [rule.line for rule in again.rules()] == [rule.line for rule in plain.rules()]
    assert [rule.matches for rule in again.rules()] == [rule.matches for rule in plain.rules()]
    packet = question_packet("10.105.182.209", 3000)
    answers = [Machine.of(ruleset).trace(packet) for ruleset in (asked, plain)]
    assert [one.outcome for one in answers[0].pieces] == [one.outcome for one in answers[1].pieces]
    assert answers[0].assumptions == answers[1].assumptions


@pytest.mark.parametrize(
    "rules",
    [
        "-A A -s 10.0.0.1,10.0.0.2 -j B",
        "-A A --sou 10.0.0.1 -j B",
        "-A A -j B\n-A B -j RETURN\n-A A -j RETURN",
        "-A A -g B",
        "-A A -j ROUTE\n-A ROUTE -j B",
        "-A A -j B\n-D A -j B\n-A A -s 10.0.0.1,10.0.0.2 -j B",
    ],
    ids=["several rules", "respelled", "apart", "goto", "a target's name", "orders"],
)
def test_what_did_not_go_the_usual_ways_is_proved_each_time(rules, tmp_path, proofs):
    head = HEAD + ":ROUTE - [0:0]\n" * ("ROUTE" in rules)
    text = f"{head}{rules}\nCOMMIT\n"
    for _ in range(2):
        proofs.clear()
        assert read(text, cache=ShapeCache(tmp_path / "natc")) == read(text)
        assert len(proofs) == 2, "once for each of the two"


@pytest.mark.parametrize(
    "orders", ["-I A -j B", "-P PREROUTING DROP", "-F A", "-N C\n-A C -j A", "-Z", "-E B C"]
)
def test_orders_among_the_lines_are_carried_out_again(orders, tmp_path):
    text = f"{HEAD}-A A -p tcp -j B\n-A A -j RETURN\n{orders}\n-A A -p udp -j RETURN\nCOMMIT\n"
    for _ in range(2):
        assert read(text, cache=ShapeCache(tmp_path / "natc")) == read(text)


def test_one_letter_more_and_it_is_another_dump(tmp_path):
    text = f"{HEAD}-A A -p tcp -j B\nCOMMIT\n"
    read(text, cache=ShapeCache(tmp_path / "natc"))
    with pytest.raises(DumpError, match="NOWHERE"):
        read(text.replace("-j B", "-j NOWHERE"), cache=ShapeCache(tmp_path / "natc"))
    assert read(text, cache=ShapeCache(tmp_path / "natc"), family=6).family == 6


def test_what_others_may_have_written_is_not_believed(tmp_path, proofs):
    text = f"{HEAD}-A A -p tcp -j B\nCOMMIT\n"
    read(text, cache=ShapeCache(tmp_path / "natc"))
    file = tmp_path / "natc" / "dumps.json"
    file.chmod(0o666)
    proofs.clear()
    read(text, cache=ShapeCache(tmp_path / "natc"))
    assert proofs


def test_the_latest_digests_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(good_dumps, "_MOST", 2)
    dumps = good_dumps.GoodDumps(tmp_path / "natc")
    for digest in ("a", "b", "a", "c"):
        dumps.add(digest)
    assert [digest in dumps for digest in "abc"] == [True, False, True]
    assert good_dumps.digest_of("x" * 600_000 + "é\udc80") != good_dumps.digest_of("x" * 600_000 + "é\udc81")
