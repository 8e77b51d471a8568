"""Objects read by their shape are what the careful way makes of them, and it alone finds fault."""

import json
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.errors import ErrorList, NatcError
from natc.kube import json_reader, yaml_lines, yaml_reader
from natc.kube.documents import read_documents
from natc.kube.fields import Fields
from natc.kube.json_source import JsonError, decode
from natc.kube.manifests import _READERS, load
from natc.kube.model import Cluster, EndpointSlice, Service
from natc.kube.shape_learning import learn
from natc.kube.sources import Source
from natc.kube.yaml_shapes import scalars as yaml_scalars
from natc.kube.yaml_source import YamlError
from natc.kube.yaml_source import load as load_yaml
from natc.testing import clusters, to_manifests

KINDLY = "a1 x-y 10.9.8.7 53 30001 8443 web 59999 60000 65535 65536 0 007 5.0 -1 1e3"
ADDRESSES = "127.0.0.1 169.254.1.1 0.0.0.0 0.0.0.05 224.0.0.9 1.2.3 256.1.1.1 01.2.3.4 ::1 None"
ODD = (
    r"no y on true null ~ a. -a a- A é a\nb \u0061 \ud800 \q , } ] : # a:b x--y 5678901234567 [] \"x\" \",\""
)
#: What may stand where a value was.
WORDS = st.one_of(
    st.sampled_from(KINDLY.split()),
    st.sampled_from(ADDRESSES.split()),
    st.sampled_from(ODD.split()),
    st.sampled_from(["", " ", "a b", "a #b", "a: b", '"', "'", "a" * 64, "b" * 300, "\x01", "\x7f"]),
)
EDITS = st.lists(st.tuples(st.integers(0, 60), WORDS), max_size=3)
CUTS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 9), st.sampled_from(["", " ", ",", "}", "x", '"', "\n"])),
    max_size=1,
)
EXTRAS = st.sampled_from(
    [
        {},
        {"uid": "1-2", "resourceVersion": "7"},
        {"annotations": {"a/b": "c"}},
        {"labels": {"l": "mark-1", "m": ""}},
    ]
)
#: Clusters of what has shapes.
SHAPED = clusters(max_services=2, max_pods=0).map(
    lambda cluster: Cluster(cluster.services, cluster.endpoint_slices)
)
STYLES = st.sampled_from(["compact", "indented", "yaml", "flow", "quoted"])


def dressed(objects, extra):
    """Objects with more metadata, as a cluster gives them."""
    for each in objects:
        each["metadata"] = {
            **extra,
            **each["metadata"],
            "labels": {**extra.get("labels", {}), **each["metadata"].get("labels", {})},
        }
    return objects


def written(value, style):
    if style in ("compact", "indented"):
        return json.dumps(value, indent=4 if style == "indented" else None)
    return yaml.dump(
        value,
        Dumper=yaml.CSafeDumper,
        default_flow_style=style == "flow",
        default_style="'" if style == "quoted" else None,
    )


def edited(text, scalars, edits, cuts=()):
    """Return the text with other words in place of some of its values, and some characters replaced."""
    for number, word in edits:
        found = scalars(text)
        if found:
            scalar = found[number % len(found)]
            text = text[: scalar.start] + word + text[scalar.end :]
    for at, count, new in cuts:
        text = text[: at % max(1, len(text))] + new + text[at % max(1, len(text)) + count :]
    return text


def shown(value):
    """A value in full, types and all; mappings without entries are all one."""
    return repr(value).replace("mappingproxy({})", "{}")


def judged(text, decode_one):
    """What the careful way makes of an object, None when it finds fault."""
    try:
        obj = decode_one(text)
    except (JsonError, YamlError):
        return None
    fields = Fields()
    read = _READERS.get((obj.get("kind"), obj.get("apiVersion")))
    value = read(fields, obj, None) if read else None
    return None if fields.problems else value


@settings(max_examples=120, deadline=None)
@given(
    SHAPED,
    EXTRAS,
    st.sampled_from(["compact", "indented", "yaml", "quoted"]),
    EDITS,
    st.lists(EDITS, max_size=2),
)
def test_a_shape_takes_only_what_the_readers_take_and_makes_the_same(cluster, extra, style, first, others):
    in_json = style in ("compact", "indented")
    judge = (lambda text: decode(text, 0)[0]) if in_json else load_yaml
    scalars = json_reader.scalars if in_json else yaml_scalars
    quick = judge if in_json else yaml_lines.load
    for obj in dressed(to_manifests(cluster), extra):
        text = edited(written(obj, style), scalars, first[:1])
        for known in ((), ("EndpointSlice",)):
            try:
                shape = learn(text, scalars(text), quick, _READERS, r"\Z", known)
            except (JsonError, YamlError):
                shape = None
            if shape is None:
                continue
            alike = [written(each, style) for each in lengths(obj)]
            for other in (text, *(edited(each, scalars, edits) for each in alike for edits in ([], *others))):
                match = shape.match(other, 0)
                if match is not None:
                    assert shown(shape.value(match)) == shown(judged(other, judge))


def lengths(obj):
    """An object, and others with more or fewer endpoints."""
    endpoints = obj.get("endpoints") or []
    return [obj, *({**obj, "endpoints": (endpoints * 9)[:count]} for count in (1, 4, 5, 7) if endpoints)]


def outcome(text, enough):
    """The cluster of a text, or its errors with their places, with shapes learnt from so many objects on."""
    with patch.object(json_reader, "_ENOUGH", enough), patch.object(yaml_reader, "_ENOUGH", enough):
        try:
            return shown(load([Source("f", text)]))
        except ErrorList as errors:
            return [error.render() for error in errors.errors]
        except NatcError as error:
            return [error.render()]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SHAPED, min_size=1, max_size=3), EXTRAS, STYLES,
    st.sampled_from(["List", "stream", "ServiceList", "Service"]), EDITS, CUTS,
)  # fmt: skip
def test_a_text_is_read_alike_with_shapes_and_without(several, extra, style, form, edits, cuts):
    """The same clusters again and again, so that shapes are met; errors and all."""
    objects = dressed([each for cluster in several for each in to_manifests(cluster)] * 2, extra)
    whole = {"apiVersion": "v1", "kind": form, "items": objects, "metadata": {"resourceVersion": ""}}
    between = "\n---\n" if style not in ("compact", "indented") else "\n"
    text = (
        between.join(written(each, style) for each in objects) if form == "stream" else written(whole, style)
    )
    scalars = json_reader.scalars if style in ("compact", "indented") else yaml_scalars
    text = edited(text, scalars, edits, cuts)
    assert outcome(text, 1) == outcome(text, 10**9)


def named(number, node_port=30000):
    port = {"name": "http", "port": 80, "nodePort": node_port, "targetPort": 8080}
    other = {"name": "https", "port": 443, "nodePort": 30000 + number, "targetPort": "tls"}
    spec = {
        "clusterIP": f"10.96.{number}.1",
        "clusterIPs": [f"10.96.{number}.1"],
        "ports": [port, other],
        "type": "NodePort",
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}"}, "spec": spec}


@pytest.mark.parametrize("style", ["compact", "indented", "yaml"])
def test_objects_of_a_shape_that_is_known_are_read_by_it(style):
    whole = {"apiVersion": "v1", "kind": "List", "items": [named(n, 31000 + n) for n in range(1, 200)]}
    [(_, value)] = read_documents("f", written(whole, style), [], _READERS)
    assert [each.__class__ for each in value["items"][150:]] == [Service] * 49
    assert [each.cluster_ip for each in value["items"][150:]] == [f"10.96.{n}.1" for n in range(151, 200)]


@pytest.mark.parametrize("style", ["compact", "yaml"])
@pytest.mark.parametrize(
    ("key", "number", "wrong"),
    [("clusterIPs", 180, ["10.96.7.7"]), ("clusterIP", 190, "10.96.7.256"), ("type", 170, "LoadBalancers")],
)
def test_what_is_wrong_behind_objects_of_a_shape_is_found_where_it_stands(style, key, number, wrong):
    objects = [named(n, 31000 + n) for n in range(1, 200)]
    objects[number]["spec"][key] = wrong
    objects[195]["spec"]["ports"][0]["nodePort"] = 30000 + 196  # the other port's
    text = written({"apiVersion": "v1", "kind": "List", "items": objects}, style)
    found = outcome(text, 12)
    assert len(found) == 2
    assert found == outcome(text, 10**9)


@pytest.mark.parametrize("style", ["compact", "indented", "yaml"])
def test_slices_of_any_length_are_read_by_two_shapes(style):
    def piece(number):
        endpoints = [
            {
                "addresses": [f"10.{number}.0.{at}"],
                "nodeName": f"n{at}",
                "targetRef": {"uid": f"{at}a-{number}"},
            }
            for at in range(1, number % 12 + 2)
        ]
        meta = {"name": f"s{number}", "labels": {"kubernetes.io/service-name": "s"}, "generation": number}
        head = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": meta,
            "addressType": "IPv4",
        }
        return {**head, "endpoints": endpoints, "ports": [{"port": 80 + number}]}

    text = written({"apiVersion": "v1", "kind": "List", "items": [piece(n) for n in range(200)]}, style)
    with patch.object(json_reader, "_ENOUGH", 3), patch.object(yaml_reader, "_ENOUGH", 3):
        [(_, value)] = read_documents("f", text, [], _READERS)
    read = value["items"][100:]
    assert [each.__class__ for each in read] == [EndpointSlice] * 100
    assert [len(each.endpoints) for each in read] == [number % 12 + 1 for number in range(100, 200)]
    assert outcome(text, 3) == outcome(text, 10**9)
