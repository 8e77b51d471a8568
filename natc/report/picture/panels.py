"""What is said about each place of the picture: a section that its box opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natc.report.picture.graph import Graph, Kind, Place, Row
from natc.report.picture.svg import text

#: How many of the places that were left out are listed.
_LISTED = 1000


def panel_lines(shown: Graph, whole: Graph) -> Iterator[str]:
    """Yield a section for each place of ``shown``; ``whole`` knows where every way leads."""
    for place in shown.places.values():
        yield f'<section id="p-{place.id}" class="panel" tabindex="-1" aria-labelledby="h-{place.id}">'
        yield f'<a class="close" href="#n-{place.id}">close, back to the picture</a>'
        yield f'<h3 id="h-{place.id}">{text(place.title)}</h3>'
        if place.kind is Kind.MORE:
            yield from _left_out(place, whole)
        else:
            yield from _about(place, whole, shown)
        yield "</section>"


def _about(place: Place, whole: Graph, shown: Graph | None) -> Iterator[str]:
    for note in place.notes:
        yield f"<p>{text(note)}</p>"
    if place.rows:
        yield from _rules(place.rows)
    ways = whole.leaving.get(place.id, [])
    if ways:
        yield "<p>leads to</p><ul>"
        for way in ways[:_LISTED]:
            title = text(whole.places[way.end].title)
            linked = shown is not None and way.end in shown.places
            name = f'<a href="#p-{way.end}">{title}</a>' if linked else title
            yield f"<li>{name} {text(way.odds())}</li>"
        yield from _and_more(len(ways) - _LISTED, "li")
        yield "</ul>"


def _rules(rows: Iterable[Row]) -> Iterator[str]:
    yield '<div class="scroll"><table><caption>rules that packets meet here</caption>'
    yield '<thead><tr><th scope="col">line</th><th scope="col">rule</th>'
    yield '<th scope="col">odds</th><th scope="col">when</th></tr></thead><tbody>'
    for row in rows:
        inner = ' class="inner"' if row.depth else ""
        number = "" if row.line is None else f"{row.line}"
        yield f'<tr{inner}><td class="number">{number}</td><td class="rule">{text(row.text)}</td>'
        yield f"<td>{text(row.factor)}</td><td>{text(row.condition)}</td></tr>"
    yield "</tbody></table></div>"


def _left_out(place: Place, whole: Graph) -> Iterator[str]:
    """Yield the places that are not drawn, each to be opened."""
    yield f"<p>{len(place.hidden):,} ways that are not drawn</p>"
    for hidden in place.hidden[:_LISTED]:
        ways = whole.leaving.get(hidden.id, [])
        to = ", ".join(f"{whole.places[way.end].title} {way.shares.label()}".strip() for way in ways[:3])
        words = hidden.title + (f" to {to}" if to else f" {hidden.detail}")
        yield f"<details><summary>{text(words)}</summary>"
        yield from _about(hidden, whole, None)
        yield "</details>"
    yield from _and_more(len(place.hidden) - _LISTED, "p")


def _and_more(number: int, element: str) -> Iterator[str]:
    if number > 0:
        yield f"<{element}>and {number:,} more: natc trace --output json lists all</{element}>"
