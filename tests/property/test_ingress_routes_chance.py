"""Ingresses made by chance: routes against the documentation told once more, and manifests that are wrong."""

import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from natc.analysis.ingress import Request, route
from natc.errors import ErrorList, NatcError
from natc.kube.ingress import READERS, Backend, Ingress, IngressPath, IngressRule
from natc.kube.manifests import load
from natc.kube.sources import Source
from tests.kube.test_ingress import NEW, OLD
from tests.property.test_manifests_refused import CHANGES, change

HOSTS = st.sampled_from(["", "a.x", "b.x", "*.x", "*.a.x", "x"])
PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(lambda parts: "/" + "/".join(parts))
REQUESTS = st.builds(Request, st.sampled_from(["a.x", "b.x", "c.x", "c.a.x", "x", "y"]), PATHS)
SLASHED = st.tuples(PATHS, st.booleans()).map(lambda pair: pair[0] + "/" * (pair[1] and pair[0] != "/"))


@st.composite
def ingresses(draw):
    """One Ingress whose backends are numbered, in the order of its paths."""
    numbers = iter(range(1, 100))
    rules = [
        IngressRule(
            draw(HOSTS),
            tuple(
                IngressPath(path, kind, Backend("s", next(numbers)))
                for path, kind in draw(
                    st.lists(
                        st.tuples(SLASHED, st.sampled_from(["Exact", "Prefix"])),
                        min_size=1,
                        max_size=3,
                        unique=True,
                    )
                )
            ),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    return Ingress("default", "one", tuple(rules))


def elements(path):
    return [part for part in path.split("/") if part]


def covers(host, asked):
    if host.startswith("*."):
        return asked.endswith(host[1:]) and "." not in asked[: -len(host[1:])]
    return host in ("", asked)


def fits(path, asked):
    if path.type == "Exact":
        return path.path == asked
    return elements(asked)[: len(elements(path.path))] == elements(path.path)


@settings(max_examples=500)
@given(ingresses(), REQUESTS)
def test_a_route_is_the_one_of_the_documentation(ingress, request):
    fitting = [
        (rule, path)
        for rule in ingress.rules
        if covers(rule.host, request.host)
        for path in rule.paths
        if fits(path, request.path)
    ]
    found = route([ingress], request)
    if not fitting:
        assert found is None
        return

    def rank(pair):
        rule, path = pair
        precise = 2 if rule.host == request.host else 1 if rule.host else 0
        return precise, len(elements(path.path)), path.type == "Exact"

    best = max(map(rank, fitting))
    winners = [path.backend for rule, path in fitting if rank((rule, path)) == best]
    assert found.backend in winners
    told = any("fits as well" in question for question in found.questions)
    assert told == (len(set(map(str, winners))) > 1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([NEW, OLD]), CHANGES, st.booleans())
def test_a_wrong_ingress_is_an_error_with_a_place(text, changes, as_json):
    manifest = yaml.safe_load(text)
    for path, odd in changes:
        change(manifest, path, odd)
    content = json.dumps(manifest) if as_json else yaml.safe_dump(manifest)
    try:
        cluster = load([Source("i.yaml", content)], READERS)
    except NatcError as problem:
        for error in problem.errors if isinstance(problem, ErrorList) else [problem]:
            assert error.span is not None and error.span.file == "i.yaml"
        return
    for ingress in cluster.ingresses:
        found = route([ingress], Request("tomcat.example.com", "/x"))
        assert found is None or ingress.span(found.backend.place) is not None
