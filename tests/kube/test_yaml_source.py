"""YAML documents to values as Kubernetes reads them, within bounds, and back to places."""

import time

import pytest

from natc.kube import yaml_source
from natc.kube.yaml_places import locate
from natc.kube.yaml_reader import YamlReader
from natc.kube.yaml_source import Mark, YamlError, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1: x", {"1": "x"}),
        ("1.5: x", {"1.5": "x"}),
        ("n: x", {"false": "x"}),
        ("0x10: x", {"16": "x"}),
        ("1e3: x", {"1000": "x"}),
        ("2001-01-01: x", {"2001-01-01": "x"}),
        ("? a\n: b", {"a": "b"}),
        ('a: "n"', {"a": "n"}),
        ("a: !!str 5", {"a": "5"}),
        ('a: !!int "5"', {"a": 5}),
        ("a: !!float 5", {"a": 5.0}),
        ("a: !!bool yes", {"a": True}),
        ("a: !!binary aGVsbG8=", {"a": "hello"}),
        ("a: !foo 5", {"a": "5"}),
        ("a: ! n", {"a": "n"}),
        ("a: !!set {a, b}", {"a": {"a": None, "b": None}}),
        ("a: 2001-01-01", {"a": "2001-01-01"}),
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("b: &m {p: 1, q: 2}\nc: {<<: *m, q: 3}", {"b": {"p": 1, "q": 2}, "c": {"p": 1, "q": 3}}),
        ("c: {q: 3, <<: {q: 4}}", {"c": {"q": 4}}),
        (
            "b: &m {p: 1}\ne: &k {p: 5, r: 1}\nc: {<<: [*m, *k]}",
            {"b": {"p": 1}, "e": {"p": 5, "r": 1}, "c": {"p": 1, "r": 1}},
        ),
        ('c: {"<<": {q: 4}}', {"c": {"<<": {"q": 4}}}),
        ("a: |\n  x\n  y", {"a": "x\ny"}),
        ("", None),
        ("# nothing", None),
    ],
)
def test_values_are_what_kubectl_makes_of_them(text, value):
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "message", "mark"),
    [
        ("a: 1\nb: 2\na: 3", 'the key "a" is given twice', Mark(2, 0)),
        ('1: x\n"1": z', 'the key "1" is given twice', Mark(1, 0, 3)),
        ("~: x", "cannot be a key", Mark(0, 0)),
        ("[a]: x", "cannot be a key", Mark(0, 0)),
        ("a: .inf", "is .inf, which JSON does not have", Mark(0, 3, 4)),
        ("a: !!null x", '"x" is not what its tag says', Mark(0, 3, 8)),
        ("a: !!int 1e3", '"1e3" is not what its tag says', Mark(0, 3, 9)),
        ("a: !!binary '%'", "is tagged !!binary but is not base64", Mark(0, 3, 12)),
        ("a: *b", "unknown anchor b", Mark(0, 3, 2)),
        ("a: &x {b: *x}", "the anchor x contains itself", Mark(0, 10, 2)),
        ("c: {<<: 5}", "cannot be merged", Mark(0, 8)),
        ("a: {b: [}", "did not find expected node content", Mark(0, 8)),
        ("a:\n\tb: 1", "found character that cannot start any token", Mark(1, 0)),
        ("a: b\nc: \x01", "has the control character U+0001", Mark(1, 3)),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, message, mark):
    with pytest.raises(YamlError) as caught:
        load(text)
    assert (caught.value.message, caught.value.mark) == (message, mark)


def test_a_bomb_of_aliases_is_refused_at_once():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    start = time.process_time()
    with pytest.raises(YamlError, match="mostly aliases of itself"):
        load("\n".join(levels))
    assert time.process_time() - start < 2


def test_a_reused_block_is_no_bomb():
    text = "x: &ports [{port: 80}, {port: 443}]\n" + "\n".join(f"s{n}: *ports" for n in range(500))
    assert len(load(text)) == 501


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 700)), "- " * 5000]
)
def test_deep_nesting_is_refused(text):
    with pytest.raises(YamlError, match=r"nested more than|depth"):
        load(text)


def test_a_huge_scalar_is_refused():
    most = yaml_source.MAX_SCALAR
    with pytest.raises(YamlError, match=f"is a line of {most + 4} characters"):
        load("b: 1\na: " + "x" * (most + 1))
    with pytest.raises(YamlError, match=f"is a scalar of {most + 2} characters"):
        load("a: |\n" + f" {'x' * (most // 2)}\n" * 2)


@pytest.mark.parametrize("text", [f"a: {'x' * 4_000_000}\n", "a: |\n" + f"  {'x' * 99_000}\n" * 40])
def test_no_fast_way_takes_a_huge_scalar(text):
    reader = YamlReader({})
    for _ in range(40):
        reader.load("a: b\n")
    with pytest.raises(YamlError, match=r"is a (line|scalar) of"):
        reader.load(text)


def test_places_are_found_again():
    text = "kind: Service\nspec:\n  ports:\n  - port: 80\n    name: a\n  - {port: 443, name: }\n  list: &x [1]\n  more: *x\n"
    spec = (None, "spec")
    ports = (spec, "ports")
    assert locate(text, [None, spec, ports, ((ports, 0), "port"), (ports, 1), ((ports, 1), "name")]) == {
        None: Mark(0, 0),
        spec: Mark(1, 0, 4),
        ports: Mark(2, 2, 5),
        ((ports, 0), "port"): Mark(3, 10, 2),
        (ports, 1): Mark(5, 4, 1),
        ((ports, 1), "name"): Mark(5, 16, 4),
    }


def test_a_place_that_is_not_written_is_shown_at_what_holds_it():
    text = "spec:\n  ports:\n  - port: 80\n  more: &m {a: 1}\n  less: *m\n"
    port = (((None, "spec"), "ports"), 0)
    less = ((None, "spec"), "less")
    assert locate(text, [(port, "nodePort")]) == {(port, "nodePort"): Mark(2, 4)}
    assert locate(text, [(less, "a")]) == {(less, "a"): Mark(4, 2, 4)}
