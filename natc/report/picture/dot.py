"""A graph as Graphviz text, whole: nothing is left out."""

from __future__ import annotations

from collections.abc import Iterator

from natc.errors import printable
from natc.report.picture.graph import Graph, Kind, Place

_SHAPES = {Kind.PACKET: "oval", Kind.CHAIN: "box", Kind.TARGET: "box3d", Kind.END: "oval", Kind.MORE: "note"}


def dot_lines(graph: Graph) -> Iterator[str]:
    """Yield the lines of a digraph with a cluster for each builtin chain."""
    yield "digraph trace {"
    yield '  graph [rankdir=LR, fontname="sans-serif", newrank=true]'
    yield '  node [fontname="sans-serif", fontsize=11]'
    yield '  edge [fontname="sans-serif", fontsize=10]'
    for place in graph.places.values():
        if not 0 <= place.band < len(graph.bands):
            yield f"  {_node(place)}"
    for band, title in enumerate(graph.bands):
        yield f"  subgraph cluster_{band} {{"
        yield f"    label={_quoted(title)}"
        for place in graph.places.values():
            if place.band == band:
                yield f"    {_node(place)}"
        yield "  }"
    for way in graph.ways:
        label = way.odds()
        yield f"  {way.start} -> {way.end}" + (f" [label={_quoted(label)}]" if label else "")
    yield "}"


def _node(place: Place) -> str:
    rules = "\n".join(f"{row.line or ''} {row.text} {row.factor}".strip() for row in place.rows)
    words = "\n".join(filter(None, (place.title, place.detail)))
    tip = f", tooltip={_quoted(rules)}" if rules else ""
    return f"{place.id} [shape={_SHAPES[place.kind]}, label={_quoted(words)}{tip}]"


def _quoted(words: str) -> str:
    """Return a quoted string: backslashes, quotes and entities of the text itself stay what they are."""
    lines = (
        printable(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        for line in words.split("\n")
    )
    return '"' + "\\n".join(lines) + '"'
