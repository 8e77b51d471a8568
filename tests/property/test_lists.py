"""Lists that are asked in a row: the answer is that of each list asked by itself, whatever the lists say."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.packet import YES, question_packet
from natc.probability import CERTAIN, total
from natc.text.reader import read
from natc.trace.chain.lists import FirstList, Runs, possible
from natc.trace.chain.program import Program
from natc.trace.machine import Machine

LISTS = ("one", "two", "three", "four")
SOURCES = ("10.244.0.1", "10.244.0.9", "192.0.2.1")
PACKET = question_packet("10.96.0.1", 80)

heads = st.sampled_from(
    ["", "", "", "-s 10.244.0.0/16", "! -s 10.244.0.1", "-m statistic --mode random --probability 0.5"]
)
goals = st.sampled_from(["-j SEP1", "-j SEP2", "-j BACK", "-j ACCEPT", "-j RETURN", "-g SEP1"])


@st.composite
def asking(draw, chain):
    """Rules that ask lists in a row, now and then one that asks more or is told the contrary."""
    for name in draw(st.lists(st.sampled_from(LISTS), max_size=4, unique=True)):
        odd = draw(st.integers(0, 9)) == 0
        no = draw(st.sampled_from(["", "! "])) if odd else ""
        head, goal = draw(heads) if odd else "", draw(goals)
        yield f"-A {chain} {head} -m recent {no}--rcheck --seconds 60 --reap --name {name} --rsource {goal}"


@st.composite
def dumps(draw):
    chains = ("FIRST", "SECOND")
    lines = ["*nat", ":PREROUTING ACCEPT", *[f":{name} -" for name in (*chains, "SEP1", "SEP2", "BACK")]]
    for chain in chains:
        rows = list(draw(asking(chain)))
        lines += rows if draw(st.booleans()) else [f"-A {chain} -s 10.244.0.0/16", *rows]
    lines += [
        *(f"-A PREROUTING {draw(heads)} -j {chain}" for chain in (*chains, draw(st.sampled_from(chains)))),
        "-A SEP1 -s 10.244.0.1/32 -j MARK --set-xmark 0x1/0x1",
        "-A SEP1 -p tcp -m recent --set --name one --rsource -j DNAT --to-destination 10.244.0.1:80",
        "-A SEP2 -p tcp -j DNAT --to-destination 10.244.0.2:80",
        "-A BACK -m recent --rcheck --seconds 60 --reap --name two --rsource -j MARK --set-xmark 0x2/0x2",
        "COMMIT",
    ]
    return "\n".join([*lines, ""])


def holds(value, domain, source, seen):
    """Whether a fact is so of a source that some lists have seen."""
    if isinstance(value, FirstList):
        says = [name in seen for text in value.questions for name in LISTS if f"list {name} " in text]
        return (says.index(True) if True in says else len(says)) in domain
    if value.kind == "recent":
        return any(f"list {name} " in value.subject for name in seen) is (domain == YES)
    assert value == PACKET.src
    return source in domain


def ends(answer, source, seen):
    """Where a source comes to that some lists have seen, with which odds."""
    found = {}
    for piece in answer.pieces:
        if all(holds(value, domain, source, seen) for value, domain in piece.facts.known.items()):
            found.setdefault(piece.outcome, []).append(piece.odds)
    return {outcome: total(odds) for outcome, odds in found.items()}


@settings(max_examples=60, deadline=None)
@given(dumps())
def test_lists_in_a_row_say_what_each_says(text):
    ruleset = read(text)
    together = Machine(Program(ruleset, lists=Runs(2))).trace(PACKET)
    alone = Machine.of(ruleset, list_by_list=True).trace(PACKET)
    for source, says in product(SOURCES, product((False, True), repeat=len(LISTS))):
        number = int.from_bytes(map(int, source.split(".")), "big")
        seen = {name for name, yes in zip(LISTS, says, strict=True) if yes}
        found = ends(together, number, seen)
        assert total(found.values()) == CERTAIN
        assert found == ends(alone, number, seen)
    for case in together.cases:
        assert possible(case.known)
        assert total(odds for odds, _ in case.outcomes) == CERTAIN


def affinity(count):
    """A service with affinity as kube-proxy writes it."""
    yield from ("*nat", ":PREROUTING ACCEPT", ":SVC -", *(f":SEP{place} -" for place in range(count)))
    yield "-A PREROUTING -d 10.96.0.1/32 -j SVC"
    for place in range(count):
        yield f"-A SVC -m recent --rcheck --seconds 10800 --reap --name SEP{place} --rsource -j SEP{place}"
    for place in range(count):
        odds = (
            f"-m statistic --mode random --probability {1 / (count - place):.11f}"
            if place < count - 1
            else ""
        )
        yield f"-A SVC {odds} -j SEP{place}"
        to = f"10.244.{place // 250}.{place % 250 + 1}"
        yield f"-A SEP{place} -s {to}/32 -j MARK --set-xmark 0x4000/0x4000"
        yield f"-A SEP{place} -p tcp -m recent --set --name SEP{place} --rsource -j DNAT --to-destination {to}:80"
    yield "COMMIT\n"


def test_a_service_with_affinity_has_as_many_answers_as_lists():
    answer = Machine.of(read("\n".join(affinity(100)))).trace(PACKET)
    assert len(answer.cases) == 2 * 101
    assert [len(one.value.questions) for one in answer.questions] == [100]
    by_words = {case.conditions[-1]: case for case in answer.cases}
    seen = "the source was seen by list SEP41 within 10800 s, and by none of the 41 asked before it"
    ((odds, outcome),) = by_words[seen].outcomes
    assert (odds, str(outcome.dnat)) == (CERTAIN, "10.244.0.42:80")
    none = "the source was seen by none of 100 lists"
    assert len(by_words[none].outcomes) == 100
