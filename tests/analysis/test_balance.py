"""The answers of nodes put together: weights, conditions, what is open."""

from fractions import Fraction
from ipaddress import ip_network

import pytest

from natc.analysis.balance import Node, Part, balance
from natc.analysis.shares import Asked, NodeShares, Way, node_shares
from natc.errors import UsageError
from natc.netfilter.intervals import Intervals, all_addresses
from natc.probability import CERTAIN, Odds
from natc.report.balance import balance_json, balance_lines
from natc.text.reader import read
from natc.trace.answer.outcome import Endpoint

POD, OTHER = Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)
ASKED = Asked(None, 30090)


def sources(text):
    network = ip_network(text)
    return Intervals(((int(network[0]), int(network[-1]) + 1),))


def node(name, *ways, weight=1):
    return Node(name, Fraction(weight), NodeShares(4, ways, True))


def to(place, brought=(), depends=()):
    return Way(brought, depends, ((place, CERTAIN),), ("own",))


def test_what_hangs_on_something_of_a_node_is_a_range():
    half = Way((), (), ((POD, Odds(1, 1)), (OTHER, Odds(1, 1))), ("own",))
    found = balance(
        ASKED, [node("a", half), node("b", to(POD, depends=("x",)), to(OTHER, depends=("not x",)))]
    )
    (case,) = found.cases
    assert dict(case.parts) == {place: Part(Fraction(1, 4), Fraction(3, 4)) for place in (POD, OTHER)}
    assert found.unevenness(case) is None
    assert "not decided; even would be 50 % each" in [str(one) for one in balance_lines(found, 20)]
    rows = balance_json(found)["shares"]
    assert [(row["odds"], row["least"]["num"], row["most"]["num"]) for row in rows] == [(None, 1, 3)] * 2


def test_conditions_are_split_no_further_than_some_node_tells_them_apart():
    inside = sources("10.0.0.0/8")
    rest = all_addresses(32) - inside
    one = node("a", to(POD, (("source", inside),)), to(OTHER, (("source", rest),)))
    found = balance(ASKED, [one, node("b", to(POD))])
    assert [found.told(case.brought) for case in found.cases] == [
        ("source outside 10.0.0.0/8",),
        ("source in 10.0.0.0/8",),
    ]
    assert [case.parts[POD].low for case in found.cases] == [Fraction(1, 2), 1]
    same = balance(ASKED, [node("a", to(POD, (("source", inside),)), to(POD, (("source", rest),)))])
    assert [found.told(case.brought) for case in same.cases] == [()]


def test_of_very_many_sets_of_senders_the_widest_are_worked_out():
    nodes = []
    for number in range(50):
        inside = sources(f"10.{number}.0.0/16")
        rest = all_addresses(32) - inside
        nodes.append(node(f"n{number}", to(POD, (("source", inside),)), to(OTHER, (("source", rest),))))
    found = balance(ASKED, nodes)
    assert found.left_out == 51 - 32
    assert found.cases[0].parts == {OTHER: Part(Fraction(1), Fraction(1))}
    assert found.cases[1].parts[POD] == Part(Fraction(1, 50), Fraction(1, 50))
    assert str(list(balance_lines(found, 20))[-1]).startswith("19 narrower sets of senders are left out")


def test_nodes_of_two_families_are_refused():
    nodes = [node("a", to(POD)), Node("b", Fraction(1), NodeShares(6, (to(POD),), True))]
    with pytest.raises(UsageError, match="not all of one family"):
        balance(ASKED, nodes)


RULES = """\
*nat
:PREROUTING ACCEPT [0:0]
:A - [0:0]
-A PREROUTING -p tcp -m tcp --dport 30090 -j A
-A A -m recent --rcheck --name one -p tcp -j DNAT --to-destination 10.0.0.1:80
-A A -m set --match-set s src -p tcp -j DNAT --to-destination 10.0.0.2:80
-A A -p tcp -j DNAT --to-destination 10.0.0.1:80
COMMIT
"""


def test_a_first_packet_is_remembered_by_no_list_and_an_unknown_set_is_open():
    answer = node_shares(read(RULES), ASKED)
    assert {way.parts for way in answer.ways} == {((OTHER, CERTAIN),), ((POD, CERTAIN),)}
    assert all(way.depends and "recent" not in str(way.depends) for way in answer.ways)
    ((question, line, _),) = answer.questions
    assert "set" in question
    assert line == 6
