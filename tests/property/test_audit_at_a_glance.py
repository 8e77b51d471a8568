"""The audit of a dump that was taken at its word is that of the dump read in full, or there is none."""

import re
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.cli.audit import report_of
from natc.errors import DumpError
from tests.analysis.chains.test_proof import HEAD
from tests.property.test_chain_forms import dumps

#: What may stand in the place of a word.
WORDS = [
    "10.1.0.1", "10.1.0.256/32", "10.1.0.0/16", "10.1.0.1:70000", "80:90", "0.5", "ALL", "NONE", "ACCEPT", "RETURN",
    "DNAT", "PREROUTING", "SVC-001", "SVC-002", "-g", "!", "nosuch", "0x1/0x1",
]  # fmt: skip


def saved(text):
    """Return a text as an iptables-save writes it: with counters of chains, the rules of each together."""
    lines = re.sub(r"^(:\S+ -)$", r"\1 [0:0]", text, flags=re.MULTILINE).splitlines()
    rules = [line for line in lines if line.startswith("-A")]
    rest = [line for line in lines if not line.startswith("-A")]
    return [HEAD.rstrip(), *rest[:-1], *sorted(rules, key=lambda line: line.split()[1]), "COMMIT"]


@st.composite
def changed(draw, lines):
    """The lines with one of them gone, elsewhere, twice, or with another word."""
    out, at = [*lines], draw(st.integers(1, len(lines) - 1))
    line = out.pop(at)
    words = line.split(" ")
    place = draw(st.integers(0, len(words) - 1))
    words[place] = draw(st.sampled_from(WORDS))
    elsewhere = draw(st.integers(1, len(out)))
    for place, new in draw(
        st.sampled_from([[], [(elsewhere, line)], [(at, line)] * 2, [(at, " ".join(words))]])
    ):
        out.insert(place, new)
    return out


def report(text):
    """Return the report of a dump, or what is wrong with it."""
    try:
        return report_of(text.encode(), "<text>", None, "json")
    except DumpError as error:
        return error.render()


@settings(max_examples=40, deadline=None)
@given(dumps().map(saved), st.data())
def test_a_changed_dump_is_audited_as_if_it_were_read_in_full(lines, data):
    text = "\n".join([*(data.draw(changed(lines)) if data.draw(st.integers(0, 3)) else lines), ""])
    with patch("natc.text.unproved.LARGE", 0):
        found = report(text)
    with patch("natc.text.unproved.LARGE", len(text) + 1):
        assert found == report(text)
