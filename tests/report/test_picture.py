"""The graph of an answer, its layout, and the page and the Graphviz text that show it."""

import pytest
from lark import Lark

from natc.analysis.destination import Said
from natc.probability import CERTAIN, Odds, total
from natc.report.picture.build import graph_of
from natc.report.picture.dot import dot_lines
from natc.report.picture.graph import Kind, Shares
from natc.report.picture.layout import draw
from natc.report.picture.page import page_lines
from natc.report.picture.prune import MOST, pruned
from tests.report.pictures import GOLDEN, HOSTILE, Page, answer, destinations, nodeport, service
from tests.support import case_id

DUMPS = sorted((GOLDEN / "kube-proxy").glob("*/save-legacy.txt"))
HALF = "50 % (1073741824 / 2^31)"
#: The language of Graphviz, as far as it is used here.
DOT = Lark(r"""
    start: "digraph" ID "{" statement* "}"
    ?statement: node | way | attributes | subgraph | setting
    node: ID list
    way: ID "->" ID list?
    attributes: ("graph" | "node" | "edge") list
    subgraph: "subgraph" ID "{" statement* "}"
    setting: ID "=" value
    list: "[" setting ("," setting)* "]"
    value: ID | STRING | NUMBER
    ID: /(?!(?:graph|node|edge|subgraph|digraph)\b)[A-Za-z_]\w*/
    NUMBER: /\d+/
    STRING: /"(?:[^"\\]|\\.)*"/s
    %ignore /\s+/
""")


def by_title(graph):
    return {place.title: place for place in graph.places.values()}


def titles(graph):
    """The ways of a graph as (from, to, odds)."""
    return [(graph.places[way.start].title, graph.places[way.end].title, way.odds()) for way in graph.ways]


def test_the_way_of_a_nodeport_service():
    graph = graph_of(nodeport())
    assert graph.bands == ["nat PREROUTING", "filter FORWARD", "nat POSTROUTING"]
    ways = titles(graph)
    svc, one, other = "KUBE-SVC-FDIGUWRAAKMFZSYO", "KUBE-SEP-NKZTPYQZPUN2XBNX", "KUBE-SEP-MNFYYX3FMXPBBV5P"
    for way in [
        ("10.105.182.209:3000/tcp is default/nodeport-svc", "PREROUTING", ""),
        ("PREROUTING", "KUBE-SERVICES", ""),
        ("KUBE-SERVICES", svc, ""),
        (svc, one, HALF),
        (svc, other, HALF),
        (one, "10.244.0.23:8080", HALF),
        (other, "10.244.2.14:8080", HALF),
        ("PREROUTING", "FORWARD", ""),
        ("FORWARD", "KUBE-FORWARD", ""),
        ("FORWARD", "POSTROUTING", ""),
        ("POSTROUTING", "forwarded, masqueraded", "100 % or 0 % (2147483648 / 2^31)"),
    ]:
        assert way in ways
    place = by_title(graph)["forwarded, masqueraded"]
    assert place.detail == "when source is the chosen endpoint itself, or source outside 10.244.0.0/16"


def test_a_chain_that_only_marks_is_told_where_it_is_called():
    place = by_title(graph_of(nodeport()))["KUBE-SVC-FDIGUWRAAKMFZSYO"]
    assert [(row.line, row.depth) for row in place.rows] == [(61, 0), (50, 1), (62, 0), (63, 0)]
    assert place.rows[0].condition == "only when source outside 10.244.0.0/16"
    assert place.rows[2].factor == "50 % = 1073741824 / 2^31"
    assert "KUBE-MARK-MASQ" not in by_title(graph_of(nodeport()))


def test_a_packet_that_is_dropped_by_a_policy_ends_there():
    text = "*filter\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n"
    graph = graph_of(answer(text, "10.0.0.1", 80))
    assert graph.bands == ["filter FORWARD"]
    assert ("FORWARD", "dropped, by the filter FORWARD policy") in [each[:2] for each in titles(graph)]


def test_a_packet_that_meets_no_rule():
    graph = graph_of(answer("*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", "10.0.0.1", 80))
    assert graph.bands == []
    assert titles(graph) == [("10.0.0.1:80/tcp", "forwarded, source kept", "")]
    assert draw(graph).height > 0


@pytest.mark.parametrize("dump", DUMPS, ids=case_id)
def test_odds_on_the_ways_are_those_of_the_answer(dump):
    for dst, port in destinations(dump.read_text())[:6]:
        result = answer(dump, dst, port)
        graph = graph_of(result)
        for target, rows in result.targets():
            place = by_title(graph)[str(target)]
            into = [way for way in graph.ways if way.end == place.id]
            for case, odds in rows:
                number = result.cases.index(case)
                assert total(way.shares.odds[number] for way in into if number in way.shares.odds) == odds
        ends = [way for way in graph.ways if graph.places[way.end].kind is Kind.END]
        for number in range(len(result.cases)):
            assert total(way.shares.odds[number] for way in ends if number in way.shares.odds) == CERTAIN


@pytest.mark.parametrize("dump", DUMPS, ids=case_id)
def test_nothing_lies_over_anything_else(dump):
    for dst, port in destinations(dump.read_text())[:6]:
        whole = graph_of(answer(dump, dst, port))
        drawing = draw(pruned(whole, most=3))
        boxes = list(drawing.boxes.values())
        assert drawing.boxes.keys() == drawing.graph.places.keys()
        for index, box in enumerate(boxes):
            assert box.x >= 0 and box.x + box.width <= drawing.width
            assert box.y >= 0 and box.y + box.height <= drawing.height
            for other in boxes[:index]:
                apart = box.x + box.width <= other.x or other.x + other.width <= box.x
                assert apart or box.y + box.height <= other.y or other.y + other.height <= box.y
        for way in drawing.graph.ways:
            start, end = drawing.boxes[way.start], drawing.boxes[way.end]
            assert start.y < end.y if way.between_bands else start.x + start.width < end.x


def test_of_many_endpoints_a_few_are_drawn_and_the_others_are_listed():
    whole = graph_of(answer(service(100), "10.96.0.1", 80))
    shown = pruned(whole)
    targets = [place for place in shown.places.values() if place.kind is Kind.TARGET]
    (more,) = [place for place in shown.places.values() if place.kind is Kind.MORE]
    assert len(targets) == MOST - 1
    assert more.title == f"and {100 - len(targets)} more"
    assert len(more.hidden) == 100 - len(targets)
    (way,) = [way for way in shown.ways if way.end == more.id]
    shown_odds = total(each.shares.odds[0] for each in shown.ways if shown.places[each.end] in targets)
    assert way.shares.odds[0] + shown_odds == CERTAIN
    page = Page(page_lines(answer(service(100), "10.96.0.1", 80), "0"))
    for number in range(100):
        assert f"10.0.0.{number}:8080" in page.text


def test_as_many_endpoints_as_fit_are_all_drawn():
    shown = pruned(graph_of(answer(service(MOST), "10.96.0.1", 80)))
    assert not [place for place in shown.places.values() if place.kind is Kind.MORE]


def test_thousands_of_endpoints_make_a_page_that_says_what_it_leaves_out():
    page = Page(page_lines(answer(service(1200), "10.96.0.1", 80), "0"))
    assert "and 1,189 more" in page.text
    assert page.text.count("natc trace --output json lists all") == 3  # the box, its chain, and the table


@pytest.mark.parametrize(
    ("odds", "cases", "label"),
    [
        ({0: CERTAIN}, 1, ""),
        ({0: Odds(1, 1)}, 1, "50 %"),
        ({0: CERTAIN}, 2, "100 % or 0 %"),
        ({0: CERTAIN, 1: CERTAIN}, 2, ""),
        ({0: Odds(1, 1), 1: Odds(1, 2)}, 2, "50 % or 25 %"),
        ({0: Odds(1, 1), 1: Odds(1, 2)}, 3, "50 % to 0 %"),
        ({}, 2, ""),
    ],
)
def test_odds_in_a_few_characters(odds, cases, label):
    assert Shares(odds, cases).label() == label


def test_graphviz_text_holds_every_place_and_way():
    graph = graph_of(nodeport())
    tree = DOT.parse("\n".join(dot_lines(graph)))
    assert len(list(tree.find_data("node"))) == len(graph.places)
    ways = [[str(child) for child in way.children[:2]] for way in tree.find_data("way")]
    assert ways == [[way.start, way.end] for way in graph.ways]
    assert f'label="{HALF}"' in "\n".join(dot_lines(graph))


def test_hostile_text_stays_text():
    result = answer(service(2, HOSTILE), "10.96.0.1", 80)
    text = "\n".join(dot_lines(graph_of(result)))
    DOT.parse(text)
    assert "&lt;b" not in text.replace("&amp;lt;b", "")
    said = Said("10.96.0.1:80", facts=(HOSTILE,), questions=(f"{HOSTILE}\x1b[31m\u202e",))
    page = Page(page_lines(result, HOSTILE, said))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "link", "base", "form", "foreignobject"}
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 1
    assert not any(name.startswith("on") or name == "style" for _, attrs in page.elements for name in attrs)
    assert page.text.count("onerror=alert(1)") >= 4  # the fact, the question, the rule, the version
    assert "\x1b" not in page.text and "\u202e" not in page.text


def test_the_page_is_whole_and_loads_nothing():
    page = Page(page_lines(nodeport(), "0"))
    assert all(link.startswith("#") for link in page.links)
    assert not [attrs for _, attrs in page.elements if "src" in attrs]
    (policy,) = [attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    css = page.text[page.text.index(":root") : page.text.index("@media print")]
    assert "url(" not in css and "@import" not in css


def test_the_table_says_the_same():
    page = Page(page_lines(nodeport(), "0"))
    assert "6 outcomes" in page.text
    assert "1073741824 / 2^31" in page.text
    assert "45 59 61 50 62 58" in page.text


def test_what_was_said_in_names_stands_before_the_picture():
    said = Said("10.105.182.209:3000", facts=("a is b",), questions=("whether c",))
    text = Page(page_lines(nodeport(), "0", said)).text
    assert text.index("a is b") < text.index("whether c") < text.index("The way, from hook to target")


def test_chains_may_call_each_other_as_deep_as_they_like():
    deep = 1500
    lines = ["*filter", ":FORWARD ACCEPT [0:0]", *(f":C{number} - [0:0]" for number in range(deep))]
    lines += ["-A FORWARD -j C0", *(f"-A C{number} -j C{number + 1}" for number in range(deep - 1))]
    text = "\n".join([*lines, f"-A C{deep - 1} -j DROP", "COMMIT", ""])
    graph = graph_of(answer(text, "10.0.0.1", 80))
    assert len([place for place in graph.places.values() if place.kind is Kind.CHAIN]) == deep + 1
    drawing = draw(pruned(graph))
    assert len({box.y for key, box in drawing.boxes.items() if graph.places[key].kind is Kind.CHAIN}) == 1
