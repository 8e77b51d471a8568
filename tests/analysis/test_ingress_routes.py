"""Which backend a request reaches: the tables of the Ingress documentation, then precedence."""

import pytest

from natc.analysis.ingress import Request, host_matches, path_matches, route
from natc.kube.ingress import Backend, Ingress, IngressPath, IngressRule


def paths(*given):
    """Rules of any host: (path, type) to a backend called like the path and type."""
    return tuple(IngressPath(path, kind, Backend(f"{path} {kind}", 80)) for path, kind in given)


def chosen(rules, path="/", host="foo.com", **more):
    found = route([Ingress("default", "one", tuple(rules), **more)], Request(host, path))
    return found.backend.service if found else None


# The table of examples in the documentation of path types.
@pytest.mark.parametrize(
    ("given", "asked", "wins"),
    [
        (["/ Prefix"], ["/", "/any", "/any/thing"], "/ Prefix"),
        (["/foo Exact"], ["/foo"], "/foo Exact"),
        (["/foo Exact"], ["/bar", "/foo/"], None),
        (["/foo/ Exact"], ["/foo"], None),
        (["/foo Prefix"], ["/foo", "/foo/"], "/foo Prefix"),
        (["/foo/ Prefix"], ["/foo", "/foo/"], "/foo/ Prefix"),
        (["/aaa/bb Prefix"], ["/aaa/bbb"], None),
        (["/aaa/bbb Prefix"], ["/aaa/bbb", "/aaa/bbb/", "/aaa/bbb/ccc"], "/aaa/bbb Prefix"),
        (["/aaa/bbb/ Prefix"], ["/aaa/bbb"], "/aaa/bbb/ Prefix"),
        (["/aaa/bbb Prefix"], ["/aaa/bbbxyz"], None),
        (["/ Prefix", "/aaa Prefix"], ["/aaa/ccc"], "/aaa Prefix"),
        (["/ Prefix", "/aaa Prefix", "/aaa/bbb Prefix"], ["/aaa/bbb"], "/aaa/bbb Prefix"),
        (["/ Prefix", "/aaa Prefix", "/aaa/bbb Prefix"], ["/ccc"], "/ Prefix"),
        (["/aaa Prefix"], ["/ccc"], None),
        (["/foo Prefix", "/foo Exact"], ["/foo"], "/foo Exact"),
        (["/foo Exact", "/foo Prefix"], ["/foo"], "/foo Exact"),
    ],
)
def test_the_documented_path_matches(given, asked, wins):
    rules = [IngressRule("", paths(*(each.split() for each in given)))]
    for path in asked:
        assert chosen(rules, path) == wins
        fallback = chosen(rules, path, default_backend=Backend("fallback", 80))
        assert fallback == (wins or "fallback")


@pytest.mark.parametrize(
    ("host", "asked", "fits"),
    [
        ("*.foo.com", "bar.foo.com", True),
        ("*.foo.com", "baz.bar.foo.com", False),
        ("*.foo.com", "foo.com", False),
        ("*.foo.com", ".foo.com", False),
        ("foo.com", "foo.com", True),
        ("foo.com", "bar.com", False),
        ("", "bar.com", True),
    ],
)
def test_the_documented_host_matches(host, asked, fits):
    assert host_matches(host, asked) is fits


@pytest.mark.parametrize("path", ["/Foo", "/FOO"])
def test_paths_are_matched_with_their_case(path):
    assert path_matches(IngressPath("/foo", "Prefix", Backend()), path) is False
    assert path_matches(IngressPath("/foo", "Exact", Backend()), path) is False


def test_a_host_is_matched_before_a_path():
    rules = [
        IngressRule("", paths(("/deep/path", "Exact"))),
        IngressRule("*.foo.com", paths(("/deep", "Prefix"))),
        IngressRule("bar.foo.com", paths(("/", "Prefix"))),
    ]
    assert chosen(rules, "/deep/path", "bar.foo.com") == "/ Prefix"
    assert chosen(rules, "/deep/path", "baz.foo.com") == "/deep Prefix"
    assert chosen(rules, "/deep/path", "other.com") == "/deep/path Exact"


def one(name, *rules, **more):
    return Ingress("default", name, rules, **more)


def questions(*ingresses, path="/", host="bar.foo.com"):
    return " | ".join(route(ingresses, Request(host, path)).questions)


def test_falling_back_to_a_wider_host_is_a_question():
    exact, wide = (
        IngressRule("bar.foo.com", paths(("/a", "Prefix"))),
        IngressRule("*.foo.com", paths(("/", "Prefix"))),
    )
    assert "a rule for host bar.foo.com fits closer" in questions(one("x", exact, wide))
    assert not questions(one("x", exact, wide), path="/a")


def test_two_ingresses_that_fit_alike_are_a_question():
    rule = IngressRule("bar.foo.com", paths(("/", "Prefix")))
    other = IngressRule("bar.foo.com", (IngressPath("/", "Prefix", Backend("other", 80)),))
    assert "path / of Ingress default/b fits as well" in questions(one("a", rule), one("b", other))
    assert not questions(one("a", rule), one("b", rule))  # the same backend


def test_what_the_controller_decides_is_a_question():
    plain = IngressRule("", paths(("/app", "ImplementationSpecific")))
    assert "taken as a prefix" in questions(one("a", plain), path="/app/x")
    regex = IngressRule("", paths(("/app(/|$)(.*)", "ImplementationSpecific")))
    assert "taken as fitting" in questions(one("a", regex), path="/app/x")
    sure = IngressRule("", paths(("/", "Prefix")))
    found = route([one("a", sure, regex)], Request("h", "/app/x"))
    assert found.path.path == "/"
    assert "path /app(/|$)(.*) of Ingress default/a may fit too" in found.questions[0]


def test_the_default_backend_of_the_ingress_that_knows_the_host():
    first = one("first", default_backend=Backend("first", 1))
    second = one("second", IngressRule("bar.foo.com"), default_backend=Backend("second", 1))
    found = route([first, second], Request("bar.foo.com", "/x"))
    assert (found.backend.service, found.questions) == ("second", ())
    found = route([first, second], Request("else.com", "/x"))
    assert found.backend.service == "first"
    assert "default/second has a default backend too" in found.questions[0]
    assert "no rule fits, its default backend" in str(found)
