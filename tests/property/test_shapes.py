"""The shape cache never disagrees with plain Lark, and what was written reads back the same."""

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from natc.errors import NatcError
from natc.text import reader
from natc.text.grammar import all_blocks
from natc.text.reader import family_of, read
from natc.text.writer import save
from tests.support import GOLDEN

DUMPS = [path.read_text() for path in sorted(GOLDEN.glob("kube-proxy/*/save-legacy.txt"))]
#: Rules of one family: a dump that mixes them is no dump.
LINES = sorted(
    {line for text in DUMPS if family_of(text) == 4 for line in text.splitlines() if line[:2] == "-A"}
)
WORDS = sorted({word for line in LINES for word in line.split(" ")})
NOISE = [
    "!",
    '"',
    '""',
    '"a b"',
    "-",
    "--",
    "-j",
    "-m",
    "DNAT",
    "MARK",
    "ACCEPT",
    "0",
    "70000",
    "1.2.3.4",
    "é",
    "%s",
    "\\",
]


@st.composite
def mutated_lines(draw: st.DrawFn) -> list[str]:
    """Lines of a real dump, some with a word dropped, doubled, swapped or replaced."""
    lines = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=6))
    for index in draw(st.lists(st.integers(0, len(lines) - 1), max_size=3)):
        words = lines[index].split(" ")
        at = draw(st.integers(1, len(words) - 1))
        new = draw(st.lists(st.sampled_from(WORDS + NOISE), max_size=2))
        lines[index] = " ".join([*words[:at], *new, *words[at + draw(st.integers(0, 1)) :]])
    return lines


def dump_of(lines: list[str]) -> str:
    """A table in which the chains of the lines exist."""
    words = {word for line in lines for word in line.split(" ") if word.startswith(("KUBE-", "X"))}
    chains = [":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]"]
    return "\n".join(["*nat", *chains, *(f":{name} - [0:0]" for name in sorted(words)), *lines, "COMMIT", ""])


def answer(text: str) -> str:
    """What reading the text comes to: its save form, or the message."""
    try:
        return save(read(text))
    except NatcError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(mutated_lines())
def test_the_cache_says_what_lark_alone_says(lines):
    """With the cache emptied before every line, each line is parsed by Lark itself."""
    text = dump_of(lines)
    with_cache = answer(text)
    look_up = reader._Reader._look_up
    recognise = reader._Reader._recognise

    def forgetful(self, line, number):
        self.shapes.clear()
        return look_up(self, line, number)

    def no_guess(self, line, number, followers):
        followers.clear()
        shape, found = recognise(self, line, number, followers)
        followers.clear()
        return shape, found

    reader._Reader._look_up, reader._Reader._recognise = forgetful, no_guess
    try:
        assert answer(text) == with_cache
    finally:
        reader._Reader._look_up, reader._Reader._recognise = look_up, recognise


@settings(max_examples=200, deadline=None)
@given(mutated_lines())
def test_what_was_written_reads_back_as_the_same_ruleset(lines):
    """Except for names in quotes and words that hold a newline: not even iptables reads its save of them."""
    assume(not any(re.search(r'--name \S*"', line) or line.count('"') % 2 for line in lines))
    try:
        ruleset = read(dump_of(lines))
    except NatcError:
        return
    text = save(ruleset)
    assert read(text) == ruleset
    assert save(read(text)) == text


def test_the_mutations_have_something_to_mutate():
    assert len(LINES) > 10
    assert all_blocks()
