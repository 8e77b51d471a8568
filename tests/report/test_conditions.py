"""Conditions in words: cases that together leave a value open say nothing of it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natc.netfilter.packet import Open
from natc.report.conditions import alternatives, conditions_of, in_few, lines_of, shared, simplest
from natc.report.trace_text import trace_lines
from natc.trace.answer.outcome import Question
from tests.report.pictures import answer

MARKED = """\
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD ! -s 10.0.0.0/8 -j DROP
COMMIT
"""


def test_a_value_that_may_be_anything_is_no_condition():
    result = answer(MARKED, "1.2.3.4", 80)
    text = "\n".join(map(str, trace_lines(result)))
    assert "dropped, by line 7 of filter FORWARD when source outside 10.0.0.0/8\n" in text
    assert "forwarded, source kept when source in 10.0.0.0/8\n" in text


def test_the_same_for_sources():
    text = MARKED.replace("-i eth0", "-s 10.0.0.0/8").replace("! -s 10.0.0.0/8", "-i eth0")
    result = answer(text, "1.2.3.4", 80)
    dropped = [case for case in result.cases if case.outcomes[0][1].verdict == "DROP"]
    assert len(dropped) == 2  # with the mark and without it
    assert conditions_of(result.packet, dropped) == ["incoming interface is eth0"]


COLOURS = frozenset({"red", "green", "blue"})
VALUES = [Open("colour", name, COLOURS) for name in "abc"]
boxes = st.dictionaries(
    st.sampled_from(VALUES), st.sets(st.sampled_from(sorted(COLOURS)), min_size=1, max_size=2).map(frozenset)
)


def _covered(cases):
    """The packets of some conditions, every one by itself."""
    return {
        point
        for point in product(sorted(COLOURS), repeat=len(VALUES))
        if any(all(point[VALUES.index(v)] in domain for v, domain in case.items()) for case in cases)
    }


@given(st.lists(boxes, max_size=6))
def test_fewer_words_say_the_same(cases):
    short = simplest(cases)
    assert _covered(short) == _covered(cases)
    assert len(short) <= len(cases)
    for known in short:
        others = [other for other in short if other is not known]
        assert len(cases) < 2 or _covered(others) != _covered(short)  # none is said in vain
        for value in known:
            less = {other: domain for other, domain in known.items() if other != value}
            assert len(cases) < 2 or _covered([less]) - _covered(cases)  # nor is any word


def test_what_a_case_says_in_vain_is_left_out():
    a, b, _ = VALUES
    red, rest = frozenset({"red"}), COLOURS - {"red"}
    assert simplest([{a: red, b: red}, {a: red, b: rest}]) == [{a: red}]
    assert simplest([{a: red}, {a: rest, b: red}]) == [{a: red}, {b: red}]


def test_lists_that_have_not_seen_a_packet_are_counted():
    x, y = ("the source was not seen by list x within 9 s", "the source was not seen by list y within 9 s")
    assert in_few(["source is 10.0.0.1", x]) == f"source is 10.0.0.1 and {x}"
    assert (
        in_few([x, "source is 10.0.0.1", y])
        == "source is 10.0.0.1 and the source was seen by none of 2 lists"
    )
    seen = "the source was seen by list z within 9 s"
    assert in_few([x, y, seen]) == f"{seen} and the source was seen by none of 2 others"


def sticky(endpoints):
    """A service with session affinity and so many endpoints."""
    back = [
        f"-A S -m recent --rcheck --seconds 9 --reap --name E{i} --rsource -j E{i}" for i in range(endpoints)
    ]
    chances = [
        f"-m statistic --mode random --probability {1 / (endpoints - i):.11f} " for i in range(endpoints - 1)
    ]
    spread = [f"-A S {chance}-j E{i}" for i, chance in enumerate([*chances, ""])]
    ends = [
        f"-A E{i} -p tcp -m recent --set --name E{i} --rsource -m tcp -j DNAT --to-destination 10.0.0.{i + 1}:80"
        for i in range(endpoints)
    ]
    chains = "".join(f":E{i} - [0:0]\n" for i in range(endpoints))
    service = "-A PREROUTING -d 1.2.3.4/32 -p tcp -m tcp --dport 80 -j S"
    rules = "\n".join([service, *back, *spread, *ends])
    return f"*nat\n:PREROUTING ACCEPT [0:0]\n:S - [0:0]\n{chains}{rules}\nCOMMIT\n"


@pytest.mark.parametrize("endpoints", [3, 7, 30])
def test_a_service_with_affinity_stays_readable(endpoints):
    found = [str(line) for line in trace_lines(answer(sticky(endpoints), "1.2.3.4", 80))]
    assert found[2] == f"when the source was seen by none of {endpoints} lists:"
    assert ("and 23 more conditions (--output json lists all)" in found) is (endpoints == 30)
    assert "  forwarded, source kept" in found
    assert len(found) < 130
    assert max(map(len, found)) < 300


@given(st.lists(boxes, min_size=1, max_size=6))
def test_what_conditions_share_is_said_once(cases):
    common, rests = shared(cases)
    assert [{**common, **rest} for rest in rests] == cases
    assert all(value not in rest for value in common for rest in rests)


def has(name):
    return f"set {name} has the packet's src"


def test_sets_are_said_together_those_that_have_not_behind_those_that_have():
    denied = [f"not: {has(name)}" for name in "ab"]
    assert in_few([denied[0], has("c")]) == f"{has('c')} and not: {has('a')}"
    both = "neither of the sets a and b has the packet's src"
    assert in_few([*denied, has("c"), "port is 80"]) == f"port is 80 and {has('c')} and {both}"
    assert in_few(map(has, "abcdefg")) == "the sets a, b, c and 4 more have the packet's src"


def test_rules_are_said_by_their_lines():
    lines = {f"all of: {name}": number for number, name in enumerate("abcdefg", 1)}
    asked = [*lines]
    assert in_few(asked[:1], lines) == "line 1 matches"
    assert in_few([f"not: {asked[0]}"], lines) == "line 1 does not match"
    denied = [f"not: {asked[n]}" for n in (2, 3, 4, 6)]
    assert in_few([*denied, asked[5]], lines) == "line 6 matches and none of lines 3-5 and 7 matches"
    assert alternatives(["line 7 matches", "line 2 matches", "a"]) == ["one of lines 2 and 7 matches", "a"]
    assert alternatives(["line 7 matches"]) == ["line 7 matches"]


def test_long_questions_of_one_rule_are_said_by_its_line_unless_it_asks_two_alike():
    one, two = (
        f"-m hashlimit --hashlimit-above 20/sec --hashlimit-name {name * 9} (line 9)" for name in "ab"
    )

    def said(*texts):
        return in_few([f"not: {one}"], lines_of([Question(text, Open("question", text)) for text in texts]))

    assert said(one) == "not: -m hashlimit of line 9"
    assert said(one, two) == f"not: {one}"
