"""natc diff of services with affinity: lists asked in a row say what each list asked by itself says."""

from itertools import product
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.analysis.diff.listed import CommonLists, asks_each_once
from natc.analysis.diff.sides import Side
from natc.netfilter.packet import YES, question_packet
from natc.probability import CERTAIN, total
from natc.text.reader import read
from natc.trace import machine
from natc.trace.chain.lists import FirstList, Runs

#: So many lists are asked; in a usual trace, fewer than eight are asked one by one.
MOST = 5
PACKET = question_packet("10.96.0.1", 80)


def service(asked, drawn, mark):
    """A service that asks these endpoints' lists in this order and shares what is left among others."""
    names = sorted({*asked, *drawn})
    lines = ["*nat", ":PREROUTING ACCEPT", ":SVC -", *(f":SEP{name} -" for name in names)]
    lines += ["-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j SVC"]
    lines += [
        f"-A SVC -m recent --rcheck --seconds 60 --name SEP{name} --rsource -j SEP{name}" for name in asked
    ]
    for place, name in enumerate(drawn):
        left = len(drawn) - place
        chance = f"-m statistic --mode random --probability {1 / left:.11f} " if left > 1 else ""
        lines.append(f"-A SVC {chance}-j SEP{name}")
    for name in names:
        lines += [f"-A SEP{name} -s 10.0.0.{name}/32 -j MARK --set-xmark 0x1/0x1"] if mark else []
        lines.append(f"-A SEP{name} -p tcp -j DNAT --to-destination 10.0.0.{name}:80")
    return "\n".join([*lines, "COMMIT", ""])


@st.composite
def pairs(draw):
    """Two such services: lists come and go, stand in another order, or are asked of nobody's endpoint."""
    names = [*range(1, MOST + 1)]
    asked = names[: draw(st.integers(3, MOST))]
    other = [name for name in names if draw(st.integers(0, 5))]
    if draw(st.integers(0, 2)) == 0 and len(other) > 1:
        place = draw(st.integers(0, len(other) - 2))
        other[place], other[-1] = other[-1], other[place]
    drawn = draw(st.sampled_from([(1, 2), (1, 2, 3), (4, 1)]))
    mark = draw(st.integers(0, 3)) == 0
    return service(asked, drawn, mark), service(other, draw(st.sampled_from([drawn, (1, 2)])), mark)


def holds(value, domain, source, seen):
    """Whether a fact is so of a packet from a source that some lists have seen; no address is the node's."""
    if value.kind == "address type":
        return "UNICAST" in domain
    if value.kind == "source":
        return source in domain
    if isinstance(value, FirstList):
        says = [text.split()[-4] in seen for text in value.questions]
        return (says.index(True) if True in says else len(says)) in domain
    return value.kind != "recent" or (value.subject.split()[-4] in seen) is (domain == YES)


def shares(terms, source, seen):
    """Where such a packet ends, with which odds."""
    found = {}
    for term in terms:
        if all(holds(value, domain, source, seen) for value, domain in term.facts.items()):
            found.setdefault(term.fate, []).append(term.odds)
    return {fate: total(odds) for fate, odds in found.items()}


@settings(max_examples=15, deadline=None)
@given(pairs(), st.sampled_from(["10.0.0.1", "10.0.0.4", "192.0.2.7"]))
def test_rows_of_lists_in_common_values_say_what_each_list_says(texts, source):
    """The lists that both ask are one value, and no list is asked in two."""
    with patch.object(machine, "Runs", lambda least=2: Runs(least)):
        sides = [Side(read(text)) for text in texts]
    rows = [side.answer(PACKET, "network") for side in sides]
    alone = [side.answer(PACKET, "network", list_by_list=True) for side in sides]
    lists = CommonLists.of(*(answer.values for answer in rows))
    common = [answer.in_common(lists, number) for number, answer in enumerate(rows)]
    assert asks_each_once({value for answer in common for value in answer.values})
    number = int.from_bytes(map(int, source.split(".")), "big")
    for says in product((False, True), repeat=MOST):
        seen = {f"SEP{place}" for place, yes in enumerate(says, 1) if yes}
        for one, other in zip(common, alone, strict=True):
            found = shares(one.terms, number, seen)
            assert total(found.values()) == CERTAIN
            assert found == shares(other.terms, number, seen)


def test_two_services_of_many_endpoints_are_compared_in_as_many_terms():
    many, gone = range(1, 41), [name for name in range(1, 41) if name != 7]
    a, b = (Side(read(service(names, names, mark=False))).answer(PACKET, "network") for names in (many, gone))
    lists = CommonLists.of(a.values, b.values)
    answer = a.in_common(lists, 0)
    assert len(answer.terms) == 4 * 40  # by its list or by chance, to the node itself or on
    assert len({value for value in answer.values if value.kind in ("first list", "recent")}) == 2
