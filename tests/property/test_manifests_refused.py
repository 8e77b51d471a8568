"""Whatever a manifest says, the answer is a cluster that compiles or an error that points at a place."""

import json
import unicodedata

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.compile import ProxyConfig, restore_text
from natc.errors import ErrorList, NatcError
from natc.kube.endpoints import complete
from natc.kube.manifests import load
from natc.kube.sources import Source
from natc.testing import clusters, to_manifests

MANIFESTS = clusters(max_services=2, max_pods=1).map(to_manifests)
ODD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**65), 2**65),
        st.floats(),
        st.text(max_size=6),
        st.sampled_from(
            [
                "",
                "None",
                "IPv4",
                "10.0.0.1",
                "fd00::1",
                "::ffff:1.2.3.4",
                "1.2.3.4/33",
                "*",
                "Local",
                "\x1b[2J",
                "\ud800",
            ]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["ip", "port", "name", "a\n"]), inner, max_size=2)
    ),
    max_leaves=4,
)
CHANGES = st.lists(st.tuples(st.lists(st.integers(0, 20), max_size=6), ODD), min_size=1, max_size=3)


def change(value, path, odd):
    """Replace what a path of numbers leads to; a path that is too long ends where it can."""
    for step in path:
        if not isinstance(value, (list, dict)) or not value:
            return
        key = step % len(value) if isinstance(value, list) else sorted(value)[step % len(value)]
        if step == path[-1] or not isinstance(value[key], (list, dict)):
            value[key] = odd
            return
        value = value[key]


def answered(text):
    """Load a text; an error must be one of natc's, with places, and safe to print."""
    try:
        cluster = complete(load([Source("odd", text)]))
    except NatcError as error:
        for each in error.errors if isinstance(error, ErrorList) else (error,):
            assert each.span is not None
            assert each.span.line >= 1 and each.span.column >= 1
        assert_harmless(error)
        return
    for version in ("1.14", "1.30"):
        try:
            restore_text(cluster, ProxyConfig(kube_version=version))
        except NatcError as error:  # kube-proxy 1.14 itself dies of some source ranges
            assert_harmless(error)


def assert_harmless(error):
    """Nothing in what is printed may steer a terminal or hide itself."""
    words = error.render().replace("\n", "")
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in words)


@settings(max_examples=300, deadline=None)
@given(MANIFESTS, CHANGES)
def test_odd_values_in_json(manifests, changes):
    whole = {"apiVersion": "v1", "kind": "List", "items": manifests}
    for path, odd in changes:
        change(whole["items"], path, odd)
    answered(json.dumps(whole))


@settings(max_examples=150, deadline=None)
@given(MANIFESTS, CHANGES, st.sampled_from([None, True]))
def test_odd_values_in_yaml(manifests, changes, flow):
    for path, odd in changes:
        change(manifests, path, odd)
    answered("---\n".join(yaml.dump(each, default_flow_style=flow, allow_unicode=True) for each in manifests))


@settings(max_examples=300, deadline=None)
@given(
    MANIFESTS,
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3), st.text(max_size=3)), max_size=4),
    st.booleans(),
)
def test_texts_edited_anywhere(manifests, edits, as_json):
    text = (
        json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        if as_json
        else yaml.dump_all(manifests)
    )
    for where, removed, inserted in edits:
        at = where % (len(text) + 1)
        text = text[:at] + inserted + text[at + removed :]
    answered(text)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind(content):
    answered(content)
