"""Which backend an HTTP request reaches, by the hosts and paths of Ingresses.

Facts: the Ingress API (k8s.io/api/networking/v1/types.go, IngressRule and HTTPIngressPath) and its
documentation. A host is matched before a path; ``*.`` stands for exactly one label; a prefix is matched
element by element; the longest path wins, of equal ones the exact one. What the API leaves to
controllers is a question in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from natc.kube.ingress import ANY, EXACT, Backend, Ingress, IngressPath, IngressRule
from natc.values import frozen

#: What every reader of an ImplementationSpecific path takes literally.
_LITERAL = re.compile(r"[\w/~%-]*", re.ASCII).fullmatch


@frozen
class Request:
    """What an Ingress looks at of an HTTP request."""

    host: str
    """In lower case, without a port."""
    path: str = "/"
    """Without the query."""
    secure: bool = False


@frozen
class Route:
    """The backend that was chosen, and by what."""

    ingress: Ingress
    backend: Backend
    rule: IngressRule | None = None
    path: IngressPath | None = None
    """None for the default backend."""
    questions: tuple[str, ...] = ()

    def __str__(self) -> str:
        title = f"Ingress {self.ingress.namespace}/{self.ingress.name}"
        if self.rule is None or self.path is None:
            return f"{title}: no rule fits, its default backend"
        return f"{title}: host {self.rule.host or '*'}, path {self.path.path or '*'} ({self.path.type})"


@frozen
class _Match:
    """A path that fits a request."""

    ingress: Ingress
    rule: IngressRule
    path: IngressPath
    certain: bool
    """False where only the controller knows how it reads the path."""

    @property
    def host_rank(self) -> int:
        """2 for the host itself, 1 for a wildcard, 0 for any host."""
        return 0 if not self.rule.host else 1 if self.rule.host.startswith("*.") else 2

    @property
    def rank(self) -> tuple[int, int, bool]:
        """The order of precedence, the greatest first."""
        return self.host_rank, len(_elements(self.path.path)), self.path.type == EXACT


def host_matches(host: str, asked: str) -> bool:
    """Tell whether a rule's or a certificate's host covers ``asked``; the empty one covers every host."""
    if not host.startswith("*."):
        return not host or host.lower() == asked
    label, _, rest = asked.partition(".")
    return bool(label) and rest == host[2:].lower()


def path_matches(path: IngressPath, asked: str) -> bool | None:
    """Tell whether a path fits the requested one; None where the controller decides."""
    if path.type == EXACT:
        return path.path == asked
    if path.type == ANY and not _LITERAL(path.path):
        return None
    own, given = _elements(path.path), _elements(asked)
    return given[: len(own)] == own


def _elements(path: str) -> list[str]:
    """Return the elements of a path; one slash at its end makes no difference."""
    return path.removeprefix("/").removesuffix("/").split("/") if path not in ("", "/") else []


def route(ingresses: Sequence[Ingress], request: Request) -> Route | None:
    """Return where a request goes; None when no Ingress takes it."""
    matches = [
        _Match(ingress, rule, path, fits is True)
        for ingress in ingresses
        for rule in ingress.rules
        if host_matches(rule.host, request.host)
        for path in rule.paths
        if (fits := path_matches(path, request.path)) is not False
    ]
    if not matches:
        return _default(ingresses, request)
    certain = [match for match in matches if match.certain] or matches
    best = max(certain, key=lambda match: match.rank)
    return Route(
        best.ingress,
        best.path.backend,
        best.rule,
        best.path,
        tuple(_questions(best, matches, ingresses, request)),
    )


def _questions(
    best: _Match, matches: list[_Match], ingresses: Sequence[Ingress], request: Request
) -> Iterable[str]:
    for other in matches:
        if other is not best and not other.certain:
            yield f"{_title(other)} may fit too: its pathType is {ANY}, so the controller decides"
        elif other is not best and other.rank == best.rank and other.path.backend != best.path.backend:
            yield f"{_title(other)} fits as well: the API does not say which of the two wins"
    if best.path.type == ANY:
        read = "a prefix" if best.certain else "fitting"
        yield f"pathType {ANY}: the controller decides how it reads {best.path.path or '*'}, taken as {read}"
    closer = _closer_hosts(best, ingresses, request)
    if closer:
        yield (
            f"a rule for host {closer} fits closer and has no such path: "
            "some controllers then answer 404 and look no further"
        )


def _closer_hosts(best: _Match, ingresses: Sequence[Ingress], request: Request) -> str:
    """Return a host that covers the request more closely than the chosen rule's."""
    if best.host_rank == 2:
        return ""
    hosts = {rule.host for each in ingresses for rule in each.rules if rule.host}
    fitting = [host for host in sorted(hosts) if host_matches(host, request.host)]
    exact = [host for host in fitting if not host.startswith("*.")]
    closer = exact or (fitting if best.host_rank == 0 else [])
    return closer[0] if closer else ""


def _title(match: _Match) -> str:
    name = f"{match.ingress.namespace}/{match.ingress.name}"
    return f"host {match.rule.host or '*'}, path {match.path.path or '*'} of Ingress {name}"


def _default(ingresses: Sequence[Ingress], request: Request) -> Route | None:
    """Return the default backend of the Ingress that knows the host, or of the first that has one."""
    having = [each for each in ingresses if each.default_backend]
    if not having:
        return None
    knowing = [
        each
        for each in having
        if any(rule.host and host_matches(rule.host, request.host) for rule in each.rules)
    ]
    chosen = (knowing or having)[0]
    assert chosen.default_backend is not None
    others = [f"{each.namespace}/{each.name}" for each in knowing or having if each is not chosen]
    questions = (
        (f"Ingress {', '.join(others)} has a default backend too: the controller decides",) if others else ()
    )
    return Route(chosen, chosen.default_backend, questions=questions)
