"""The fast way through plain YAML agrees with the parser on everything it does not give up."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from natc.kube import yaml_lines, yaml_shapes, yaml_source
from natc.kube.yaml_reader import YamlReader
from natc.kube.yaml_source import YamlError
from tests.support import shared

ODD_WORDS = "n y on no fd::1 fd:: ::1 null ~ 0o17 010 08 1_000 1e3 .5 .inf - | << 2001-01-01 1:30 ' \" {} [] *a &a !x é"
WORDS = st.one_of(
    st.sampled_from([*ODD_WORDS.split(), "", "a b", "a: b", "a #b", "- a", "\t"]),
    st.text("abny01._-/: #'\"|-{}[]", max_size=8),
    st.integers(-10, 70000).map(str),
)
VALUES = st.recursive(
    st.one_of(WORDS, st.integers(-5, 70000), st.booleans(), st.none(), st.text("ab\n #", max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["kind", "spec", "metadata", "ports", "a.b/c-d"]), VALUES, min_size=1
)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["drop", "repeat", "indent", "outdent", "insert", "replace", "cut"]),
        st.one_of(
            WORDS,
            st.sampled_from(
                ["a:", "- a", "- a: b", "- - a", "# x", "  ", "a: |", "a: |-", "? a", "...", "- "]
            ),
        ),
    ),
    max_size=4,
)
INDENTED = type("Indented", (yaml.SafeDumper,), {})
INDENTED.increase_indent = lambda self, flow=False, indentless=False: yaml.SafeDumper.increase_indent(
    self, flow, False
)


def edited(text, edits):
    """Return the text with some of its lines changed."""
    lines = text.split("\n")
    for number, edit, word in edits:
        at = number % len(lines)
        line = lines[at]
        lines[at : at + 1] = {
            "drop": [],
            "repeat": [line, line],
            "indent": ["  " + line],
            "outdent": [line[1:]],
            "insert": [line, " " * (len(line) - len(line.lstrip())) + word],
            "replace": [line.partition(": ")[0] + ": " + word],
            "cut": [line[: len(line) // 2]],
        }[edit]
        lines = lines or [""]
    return "\n".join(lines)


def same(ours, theirs):
    """Equal, and of equal types all the way down: 1 is not true."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def check(text):
    ours = yaml_lines.load(text)
    if ours is not yaml_lines.GIVEN_UP:
        assert same(ours, yaml_source.load(text))


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.sampled_from([yaml.SafeDumper, INDENTED]), st.sampled_from([None, "'", '"']), EDITS)
@example({"a.b/c-d": "x\n\n"}, yaml.SafeDumper, None, [])
@example({"kind": {"a": None}}, yaml.SafeDumper, None, [(1, "insert", "- a")])
def test_lines_and_parser_agree_on_edited_documents(document, dumper, style, edits):
    text = yaml.dump(document, Dumper=dumper, default_style=style, allow_unicode=True)
    check(edited(text, edits))


BLOCK_LINES = st.sampled_from(
    ["", " ", "  ", "   ", "    ", "  x", "    y z", "    # c", "      z", "  - k: v", "# c", "b: 1"]
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["a: |", "a: |-", "- a: |", "k:\n  a: |"]),
    st.lists(BLOCK_LINES, max_size=6),
    st.booleans(),
)
def test_lines_and_parser_agree_on_blocks_of_text(head, lines, ends):
    check("\n".join(["z: 1", head, *lines]) + "\n" * ends)


@settings(max_examples=600, deadline=None)
@given(DOCUMENTS, EDITS, st.lists(st.tuples(st.integers(0, 30), WORDS), max_size=3))
def test_shapes_and_parser_agree_on_edited_documents(document, edits, values):
    """A document of the learnt one's shape, or almost: some values, then some lines changed."""
    text = yaml.dump(document, allow_unicode=True)
    shape = yaml_shapes.shape_of(text)
    if shape is None:
        return
    assert same(shape.read(text), yaml_source.load(text))
    other = edited(edited(text, [(at, "replace", word) for at, word in values]), edits)
    value = shape.read(other)
    if value is not yaml_shapes.GIVEN_UP:
        assert same(value, yaml_source.load(other))


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(["a", "10.0.0.1", "fd::1", "no", "5", "010", "true", "'a'", '"a"', "{}", "~", "a b"]),
    WORDS,
)
def test_a_shape_takes_only_values_of_its_kind(learnt, value):
    shape = yaml_shapes.shape_of(f"k: {learnt}\nl:\n- {learnt}\n")
    if shape is None:
        return
    other = f"k: {value}\nl:\n- {value}\n"
    read = shape.read(other)
    if read is not yaml_shapes.GIVEN_UP:
        assert same(read, yaml_source.load(other))


def test_documents_of_one_shape_are_read_by_it():
    texts = [
        f"a: n{n}\nb:\n- port: {n}\n  on: 10.0.0.{n}\n  c: '{n}'\n  d: {'true' if n % 2 else 'false'}\n"
        for n in range(99)
    ]
    texts = [text.replace(" on:", " ip:") for text in texts]
    shape = yaml_shapes.shape_of(texts[0])
    shapes = yaml_shapes.Shapes()
    for text in texts:
        assert same(shape.read(text), yaml_source.load(text))
        assert same(shapes.load(text), yaml_source.load(text))


@pytest.mark.parametrize(
    ("learnt", "other"),
    [
        ("a: b\n", "a: no\n"),
        ("a: b\n", "a: 5\n"),
        ("a: b\n", "a: 'b'\n"),
        ("a: 5\n", "a: 05\n"),
        ("a: 5\n", "a: 5.0\n"),
        ("a: true\n", "a: yes\n"),
        ("a: b\n", "b: b\n"),
        ("a: b\n", "a: b\nb: c\n"),
        ("a: b\n", "a: b"),
        ("a: 'b'\n", "a: 'b\\c'\n"),
        ("a: 10.0.0.1\n", "a: 10.0\n"),
        ("a: fd::1\n", "a: fd::\n"),
    ],
)
def test_a_shape_gives_up_what_is_not_sure_to_be_like_it(learnt, other):
    assert yaml_shapes.shape_of(learnt).read(other) is yaml_shapes.GIVEN_UP


LINES = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(
            ["a:", "b:", "a: 1", "b: x", "- a:", "- a: 1", "- b: x", "- c", "- 'd'", "c: {}", "- []", "#", ""]
        ),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=800, deadline=None)
@given(LINES)
@example([(0, "a:"), (0, "- b: x"), (2, "a: 1"), (0, "b:"), (2, "- c")])
def test_lines_and_parser_agree_on_any_columns(lines):
    check("\n".join(" " * column + text for column, text in lines) + "\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b\n", {"a": "b"}),
        ("a:\n- b: 1\n  c: n\n- d\ne: {}\n", {"a": [{"b": 1, "c": False}, "d"], "e": {}}),
        ("a:\n  - 0o17\n  - '8'\n", {"a": [15, "8"]}),
        ("a: |\n  x\n\n  y\nb: 1\n", {"a": "x\n\ny\n", "b": 1}),
        ("a:\n  b:\nc: some words, and more\n", {"a": {"b": None}, "c": "some words, and more"}),
    ],
)
def test_plain_documents_take_the_fast_way(text, value):
    assert yaml_lines.load(text) == value == yaml_source.load(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "- a\n",
        "a: b\na: c\n",
        "a: &x b\n",
        "a: {b: c}\n",
        "a: b\n  c\n",
        "a:\tb\n",
        "a: 1.5\n",
        "n: 1\n",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(text):
    assert yaml_lines.load(text) is yaml_lines.GIVEN_UP


@pytest.mark.shared
def test_recorded_clusters_agree_and_take_the_fast_way():
    paths = sorted(shared("kube-proxy/corpus/1.30").glob("*/cluster.yaml"))[::6]
    texts = [text + "\n" for path in paths for text in path.read_text().split("\n---\n") if text]
    for text in texts:
        check(text)
    given_up = sum(yaml_lines.load(text) is yaml_lines.GIVEN_UP for text in texts)
    assert given_up < len(texts) / 20


def outcome(load, text):
    try:
        return load(text)
    except YamlError as error:
        return str(error)


ITEM_LINES = st.sampled_from(
    [
        "- a: 1",
        "  b: x",
        "  c:",
        "  - d",
        "- &x e",
        "- *x",
        "- 'f",
        "  g'",
        "- [h",
        "- i]",
        "- |",
        "   j",
        "# k",
        "",
        "l: 1",
        "items: 2",
    ]
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(ITEM_LINES, max_size=8), st.sampled_from(["kind: List", "kind: 'List", "x: &x 1"]))
@example(["  b: x", "- a: 1"], "kind: List")
def test_items_read_one_by_one_are_what_the_document_says(lines, head):
    text = "\n".join([head, "items:", "- a: 1", *lines]) + "\n"
    ours, theirs = outcome(YamlReader({}).load, text), outcome(yaml_source.load, text)
    assert same(ours, theirs)


def test_a_list_as_kubectl_writes_it_is_read_item_by_item(monkeypatch):
    items = [
        {"kind": "Service", "metadata": {"name": f"s{n}"}, "spec": {"ports": [{"port": n}]}}
        for n in range(50)
    ]
    items[7]["metadata"]["annotations"] = {"odd": "caf\u00e9: [x]"}
    text = yaml.dump(
        {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}
    )
    judged = []
    monkeypatch.setattr(
        yaml_source, "load", lambda text, load=yaml_source.load: judged.append(text) or load(text)
    )
    assert YamlReader({}).load(text)["items"] == items
    assert len(judged) == 1
    assert "odd" in judged[0]
