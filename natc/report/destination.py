"""What names made of a question, before the answer to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from natc.analysis.destination import Said
    from natc.analysis.ingress import Route
    from natc.report.lines import Line


def said_lines(said: Said | None) -> Iterator[Line]:
    """Yield what is certain and what is open, a line each, and an empty one; nothing without names."""
    if said is None or not said.facts + said.questions:
        return
    from natc.report.lines import Part, line

    for fact in said.facts:
        yield line(fact)
    for question in said.questions:
        yield line(Part("open: ", "bold yellow"), question)
    yield line()


def with_said(content: dict[str, Any], said: Said | None) -> dict[str, Any]:
    """Return a trace's content with what names made of its question, and their open questions first."""
    if said is None:
        return content
    from natc.report.resolve import resolve_json

    asked = {
        "destination": said.destination,
        "source": said.source,
        "facts": list(said.facts),
        "name": resolve_json(said.resolution) if said.resolution else None,
        "ingress": _ingress(said.route) if said.route else None,
    }
    questions = [{"question": question, "line": None, "text": None} for question in said.questions]
    return content | {"asked": asked, "open": [*questions, *content["open"]]}


def _ingress(route: Route) -> dict[str, Any]:
    ingress, backend = route.ingress, route.backend
    return {
        "namespace": ingress.namespace,
        "name": ingress.name,
        "class": ingress.class_name or None,
        "host": route.rule.host or None if route.rule else None,
        "path": route.path.path if route.path else None,
        "path_type": route.path.type if route.path else None,
        "backend": {"service": backend.service, "port": backend.port},
        "tls": [{"hosts": list(tls.hosts), "secret": tls.secret or None} for tls in ingress.tls],
    }
