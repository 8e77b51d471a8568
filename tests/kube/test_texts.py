"""Texts that are not manifests, or not even text: one line each, with its place."""

import gzip
import io
import sys

import pytest

from natc.errors import ErrorList, ManifestError
from natc.kube.manifests import load_paths
from tests.kube.texts import PLAIN, read, refused, service


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n---\n# nothing\n", "\ufeff", b"", "~\n"])
def test_a_text_without_objects_is_no_error_but_is_said(text):
    cluster = read(text)
    assert not cluster.services
    assert cluster.notes == ("f0.yaml holds no Kubernetes objects.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\x7fELF\x02\x01\0\0", "1:1: is a binary file (expected YAML or JSON)"),
        ("kind: Service\n".encode("utf-16"), "1:1: is UTF-16 text (expected UTF-8)"),
        (b"a: b\nkind: \xe9\n", "2:7: byte 0xe9 is not UTF-8 text (expected UTF-8)"),
        ("a: b\nc: d\x1b[31m\n", "2:5: has the control character U+001B"),
    ],
)
def test_what_is_no_text(text, message):
    assert refused(text) == [message]


def test_a_cut_gzip_file():
    (message,) = refused(gzip.compress(PLAIN.encode())[:-12])
    assert message.startswith("1:1: is not a whole gzip file: ")


def test_gzip_crlf_and_byte_order_mark_change_nothing():
    whole = read(PLAIN)
    assert read(gzip.compress(PLAIN.encode())) == whole
    assert read(PLAIN.replace("\n", "\r\n")) == whole
    assert read("\ufeff" + PLAIN) == whole
    assert read(PLAIN.encode()) == whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [Service\nspec: {}\n", "2:5: did not find expected ',' or ']'"),
        ("kind: Service\n\tspec: 1\n", "2:1: found a tab character that violates indentation"),
        ("a: *nothing\n", "1:4: unknown anchor nothing"),
        ("a: &a [*a]\n", "1:8: the anchor a contains itself"),
        ("--- kind: Service\n", "1:4: more than a comment after --- (expected a new line)"),
        ("<<: 3\n", "1:5: cannot be merged (expected a mapping, or a list of mappings)"),
        ("? [a]\n: 3\n", "1:3: cannot be a key (expected a string, a number or a boolean)"),
        ("a: !!int x\n", '1:4: "x" is not what its tag says'),
        ("a: !!binary =x\n", "1:4: is tagged !!binary but is not base64"),
        (
            "a: .inf\n",
            "1:4: is .inf, which JSON does not have (expected a finite number, or quotes around it)",
        ),
        ("a: " + "[" * 600, "1:503: is nested more than 500 deep"),
        ("a: " + "{a: " * 600, "1:2000: is nested more than 500 deep"),
        ("a: b\na: c\n", '2:1: the key "a" is given twice (expected each key once)'),
        ("1: b\n'1': c\n", '2:1: the key "1" is given twice (expected each key once)'),
        (service("clusterIP: 10.96.0.2"), '7:3: the key "clusterIP" is given twice (expected each key once)'),
    ],
    ids=lambda text: text[:20],
)
def test_broken_yaml(text, message):
    assert refused(text) == [message]


def test_a_document_after_a_broken_one_is_read_too():
    assert [message[:4] for message in refused(f"a: [\n---\nb: [\n---\n{PLAIN}")] == ["2:1:", "4:1:"]


def test_aliases_of_aliases_cost_nothing():
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{name}: &{name} [{','.join(['*' + of] * 9)}]"
        for of, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert refused("\n".join(lines)) == ["4:11: the document is mostly aliases of itself"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"kind": "Service",\n "spec": }', "2:10: is not JSON: Expecting value"),
        ('{"kind": "List", "apiVersion": "v1", "items": []} x', "1:51: is not JSON: Expecting value"),
        ('{"a": NaN}', "1:1: is not JSON that Kubernetes reads: NaN is not JSON"),
        ('{"a":' + "[" * 200_000, "1:1: is nested too deep"),
        ('{"a": "b', "1:7: is not JSON: Unterminated string starting at"),
        ('{"a": ' + "1" * 5000 + "}", None),
    ],
    ids=lambda text: text and text[:20],
)
def test_broken_json(text, message):
    (found,) = refused(text)
    assert found == message if message else found.startswith("1:1: is not JSON that Kubernetes reads: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", '1:1: is the string "hello" (expected a Kubernetes object)'),
        ("- a\n", "1:1: is a list (expected a Kubernetes object)"),
        ("a: b\n", "1:1: has no kind (expected apiVersion and kind)"),
        ("kind: Service\n", "1:1: Service has no apiVersion (expected apiVersion and kind)"),
        ("kind: 3\napiVersion: v1\n", "1:7: kind is the number 3 (expected a string)"),
        (
            PLAIN.replace("v1", "v2"),
            "1:13: Service web: apiVersion is v2, which has no Service (expected v1)",
        ),
        ("apiVersion: v1\nkind: List\nitems: [3]\n", "3:9: is the number 3 (expected a Kubernetes object)"),
    ],
)
def test_what_is_no_kubernetes_object(text, message):
    assert refused(text)[0] == message


def test_several_documents_and_values_in_one_text():
    second = PLAIN.replace("web", "db").replace("0.1", "0.2")
    assert [s.name for s in read(f"{PLAIN}---\n{second}").services] == ["web", "db"]
    json = (
        '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s"}, "spec": {"clusterIP": "None"}}'
    )
    assert [s.name for s in read(json % "web" + "\n" + json % "db").services] == ["web", "db"]


def test_lists_of_every_spelling():
    body = "\n".join("  " + line for line in PLAIN.splitlines()).replace("  apiVersion", "- apiVersion", 1)
    assert len(read(f"apiVersion: v1\nkind: List\nitems:\n{body}\n").services) == 1
    bare = body.replace("- apiVersion: v1\n  kind: Service\n  metadata", "- metadata")
    assert len(read(f"apiVersion: v1\nkind: ServiceList\nitems:\n{bare}\n").services) == 1


def test_lists_in_lists():
    def nested(depth):
        head = '{"apiVersion": "v1", "kind": "List", "items": ['
        return head * depth + "]}" * depth

    assert not read(nested(20)).services
    assert refused(nested(200)) == ["1:988: List stands in too many lists (expected at most 20)"]


def test_other_kinds_are_counted():
    others = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\n" * 2
    knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n"
    cluster = read(others + knative)
    assert cluster.skipped == {"Deployment": 2, "Service": 1}
    assert not cluster.services


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(ManifestError, match="is a directory"):
        load_paths([tmp_path])
    with pytest.raises(ManifestError, match="No such file or directory"):
        load_paths([tmp_path / "nosuch.yaml"])
    with pytest.raises(ManifestError, match="null byte"):
        load_paths(["a\0b"])


def test_standard_input(monkeypatch):
    class Input:
        buffer = io.BytesIO(PLAIN.encode())

    monkeypatch.setattr(sys, "stdin", Input)
    assert [s.name for s in load_paths(["-"]).services] == ["web"]


def test_everything_wrong_is_said_in_one_run():
    web = service("type: Balancer").replace("80", "0").replace("web", "Web")
    with pytest.raises(ErrorList) as caught:
        read(web + "---\n" + PLAIN.replace("80", "99999").replace("0.1", "0.2"), "a: *b")
    places = [str(error).split(": ")[0] for error in caught.value.errors]
    assert places == ["f0.yaml:3:18", "f0.yaml:6:18", "f0.yaml:7:9", "f0.yaml:14:18", "f1.yaml:1:4"]
    assert caught.value.render().count("^") > len(places)
