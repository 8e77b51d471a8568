"""Of two dumps that are much alike the second is read, and compared, as if the first had not been there."""

import random

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from natc.analysis.diff.changes import compare
from natc.analysis.diff.sides import Side
from natc.errors import DumpError
from natc.text import revised
from natc.text.edits import edits
from natc.text.reader import read
from natc.text.revised import Seen
from natc.text.writer import save
from tests.pairs import OPENING, Maker
from tests.support import GOLDEN

DUMPS = [path.read_text() for path in sorted(GOLDEN.glob("kube-proxy/1.2*/save-*.txt"))]
#: Lines that change more than what is read of a rule.
ODD = ("", "*nat", "COMMIT", ":KUBE-SERVICES - [0:0]", ":OWN - [0:0]", ":LOG - [0:0]", "-A OWN -j RETURN", "-N OWN",
       "-A KUBE-SERVICES -j OWN", "-A KUBE-SERVICES -g OWN", "-A KUBE-MARK-MASQ -j KUBE-SERVICES", "# a comment",
       "-A POSTROUTING -j KUBE-MARK-MASQ", "-A PREROUTING -j MASQUERADE", "-A INPUT -o eth0", "-F", "-P INPUT DROP",
       ":INPUT DROP [1:2]", "[1:2] -A INPUT -j DROP", "-A INPUT -s 10.0.0.1,10.0.0.2", "-I INPUT -j DROP",
       "-A NOSUCH -j DROP", "-A INPUT -j NOSUCH", "-X KUBE-SERVICES", "-A INPUT -p tcp --dport 99999")  # fmt: skip


@pytest.fixture(autouse=True)
def every_dump_is_large(monkeypatch):
    monkeypatch.setattr(revised, "LARGE", 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_between_the_edits_both_texts_are_the_same(old, new):
    a, b = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    at = there = 0
    for one in edits(a, b) or ():
        assert a[at : one.old[0]] == b[there : one.new[0]]
        assert a[slice(*one.old)] != b[slice(*one.new)]
        at, there = one.old[1], one.new[1]
    assert a[at:] == b[there:]


def changed(text: str, chance: random.Random) -> str:
    """Return a dump with a few lines changed."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        how = chance.choice(["gone", "twice", "swapped", "odd", "odd", "word"])
        if how == "gone":
            del lines[at]
        elif how == "twice":
            lines.insert(other, lines[at])
        elif how == "swapped":
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "odd":
            lines.insert(at, chance.choice(ODD))
        else:
            words, others = lines[at].split(" "), lines[other].split(" ")
            words[chance.randrange(len(words))] = chance.choice(others)
            lines[at] = " ".join(words)
    return "".join(f"{line}\n" for line in lines)


def told(text: str, seen: Seen | None = None) -> object:
    """Return all that reading a text says."""
    try:
        ruleset = read(text, seen=seen)
    except DumpError as error:
        return str(error)
    return ruleset.tables, save(ruleset), [rule.line for rule in ruleset.rules()]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30))
def test_it_is_read_as_by_itself(seed):
    chance = random.Random(seed)
    text = chance.choice(DUMPS)
    other, seen = changed(text, chance), Seen()
    read(text, seen=seen)
    assert told(other, seen) == told(other)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 1 << 30))
@example(1)
def test_it_is_compared_as_by_itself(seed):
    texts = [text.replace(f"{OPENING}\n", "") for text in Maker.of(seed).pair()]
    seen = Seen()
    a, b = (Side(read(text, seen=seen)) for text in texts)
    assert all_told(compare(a, b, revision=seen.revision)) == all_told(compare(*map(Side, map(read, texts))))


def all_told(found):
    return [evolve(change, contrasts=()).classes for change in found.changes], [
        contrast.kind for change in found.changes for contrast in change.contrasts
    ], [(one.question, one.side, one.dst) for one in found.unsure]  # fmt: skip


def test_a_comment_between_edits_hides_no_chain_behind_rules():
    head = "*filter\n:INPUT ACCEPT [0:0]\n"
    old = f"{head}:A - [0:0]\n-A INPUT -j A\nCOMMIT\n"
    new = f"{head}:A - [0:0]\n-A INPUT -j A\n# a comment\n:B - [0:0]\n-A INPUT -j B\nCOMMIT\n"
    seen = Seen()
    read(old.replace("-A INPUT -j A\n", "-A INPUT -j A\n# a comment\n"), seen=seen)
    assert told(new, seen) == told(new)
    assert seen.revision is None


def test_few_lines_are_not_read_in_full():
    text = (GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt").read_text()
    other, seen = text.replace("-j DNAT --to-destination 10.244.2.14:8080", "-j RETURN"), Seen()
    first, second = (read(each, seen=seen).tables["nat"].later for each in (text, other))
    assert (first._unseen, second._unseen) == (False, True)
    (changed_one,) = seen.revision.chains("nat")
    assert changed_one.startswith("KUBE-SEP-")
    assert [*seen.revision.news("nat")] == [changed_one]
    assert not seen.revision.chains("filter")
