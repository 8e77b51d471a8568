"""Filling in the words of rules that print alike gives what printing each of them with care gives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.errors import NatcError
from natc.text.reader import read
from natc.text.writer import Printer
from tests.support import GOLDEN

RESTORED = sorted(
    {
        line
        for path in GOLDEN.glob("kube-proxy/*/restore.txt")
        for line in path.read_text().splitlines()
        if line.startswith("-A") and ":" not in line.split("-d ")[-1].split(" ")[0]
    }
)
ADDRESSES = st.integers(0, 2**32 - 1).map(lambda n: ".".join(str(n >> s & 255) for s in (24, 16, 8, 0)))
WORDS = {
    "-d": ADDRESSES | st.builds("{}/{}".format, ADDRESSES, st.integers(0, 32)),
    "-s": ADDRESSES | st.builds("{}/{}".format, ADDRESSES, st.integers(0, 32)),
    "--dport": st.integers(0, 65535).map(str) | st.just("0:65535") | st.just("http"),
    "--probability": st.sampled_from(["0.5", "0.33333333349", "1", "0"]),
    "--comment": st.sampled_from(["plain", '"in quotes 80"', '"needless"', '"10.0.0.1/32"']),
}


@st.composite
def rules(draw: st.DrawFn) -> list[str]:
    """Several rules in one wording, with words of their own."""
    words = draw(st.sampled_from(RESTORED)).split(" ")
    out = []
    for _ in range(draw(st.integers(2, 5))):
        own = list(words)
        for place, word in enumerate(own[:-1]):
            if word in WORDS and not own[place + 1].startswith('"'):
                own[place + 1] = draw(WORDS[word])
        out.append(" ".join(own))
    return out


@settings(max_examples=300, deadline=None)
@given(rules(), st.booleans())
def test_rules_printed_by_form_are_as_printed_one_by_one(lines, nft):
    names = {word for line in lines for word in line.split(" ") if word.startswith("KUBE-")}
    declared = [":PREROUTING ACCEPT [0:0]", *(f":{name} - [0:0]" for name in sorted(names))]
    for table in ("nat", "filter"):
        try:
            ruleset = read("\n".join([f"*{table}", *declared, *lines, "COMMIT", ""]))
        except NatcError:
            continue
        printer = Printer(nft)
        assert [printer.rule(rule) for rule in ruleset.rules()] == [
            rule.show(nft=nft) for rule in ruleset.rules()
        ]


def test_most_rules_of_a_dump_are_printed_by_form():
    texts = [path.read_text() for path in GOLDEN.glob("kube-proxy/*/restore.txt")]
    printer = Printer()
    total = 0
    for text in texts:
        for rule in read(text, missing=[]).rules():
            printer.rule(rule)
            total += 1
    assert printer.forms
    assert len(printer.forms) < total / 2
    assert total > 500
