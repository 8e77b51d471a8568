"""A drawing as SVG: boxes that are links to what is said about them, lines with their odds."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from natc.errors import printable
from natc.report.picture.graph import Kind, Place, Way
from natc.report.picture.layout import DETAIL_CHARACTER, PADDING, TITLE_CHARACTER, Box, Drawing, Lane

#: A picture up to this wide is made smaller where a large screen is too small for it; others are scrolled.
_SHRINKS = 1600
#: The radius of a way's corners.
_ROUND = 7
_WORDS = {
    Kind.PACKET: "the packet",
    Kind.CHAIN: "chain",
    Kind.TARGET: "target",
    Kind.END: "end",
    Kind.MORE: "left out here",
}


def text(value: str) -> str:
    """Return text of a dump for a page: nothing in it is markup or steers anything."""
    return escape(printable(value), quote=True)


def svg_lines(drawing: Drawing) -> Iterator[str]:
    """Yield the lines of the SVG element."""
    size = f"{drawing.width} {drawing.height}"
    shrinks = ' class="shrinks"' if drawing.width <= _SHRINKS else ""
    yield (
        f'<svg{shrinks} role="group" aria-labelledby="picture-title" viewBox="0 0 {size}" '
        f'width="{drawing.width}" height="{drawing.height}">'
    )
    yield (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    for title, box in drawing.bands:
        yield f'<rect class="band" {_frame(box)} rx="10"/>'
        yield f'<text class="band-title" x="{box.x + 44}" y="{box.y + 22}">{text(title)}</text>'
    yield '<g aria-hidden="true">'
    for lane in drawing.lanes:
        yield from _lane(drawing, lane)
    for way in drawing.graph.ways:
        if not way.between_bands:
            yield from _jump(way, drawing.boxes[way.start], drawing.boxes[way.end])
    yield "</g>"
    for place in drawing.graph.places.values():
        yield from _box(drawing, place)
    yield "</svg>"


def _lane(drawing: Drawing, lane: Lane) -> Iterator[str]:
    """Yield a way between bands, with its odds above the box it leads to."""
    start, end = drawing.boxes[lane.way.start], drawing.boxes[lane.way.end]
    if lane.x is None:
        x = start.x + 20
        path = f"M{x} {start.y + start.height}V{end.y}"
    else:
        from_y, to_y = start.y + start.height - 14, end.y + end.height // 2
        path = f"M{start.x} {from_y}H{lane.x + _ROUND}Q{lane.x} {from_y} {lane.x} {from_y + _ROUND}"
        path += f"V{to_y - _ROUND}Q{lane.x} {to_y} {lane.x + _ROUND} {to_y}H{end.x}"
    yield f'<path class="way" d="{path}" marker-end="url(#arrow)"/>'
    label = lane.way.shares.label()
    if label and drawing.graph.places[lane.way.end].kind is Kind.CHAIN:
        yield f'<text class="odds" x="{end.x + end.width - 16}" y="{end.y - 12}">{text(label)}</text>'


def _jump(way: Way, start: Box, end: Box) -> Iterator[str]:
    """Yield a way to the right; all that leave a box go down the same line beside it."""
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    path = f"M{x1} {y1}"
    if y1 != y2:
        down = _ROUND if y2 > y1 else -_ROUND
        x = x1 + 2 * _ROUND
        path += f"H{x - _ROUND}Q{x} {y1} {x} {y1 + down}V{y2 - down}Q{x} {y2} {x + _ROUND} {y2}"
    yield f'<path class="way" d="{path}H{x2}" marker-end="url(#arrow)"/>'
    label = way.shares.label()
    if label:
        yield f'<text class="odds" text-anchor="end" x="{x2 - 10}" y="{y2 - 7}">{text(label)}</text>'


def _box(drawing: Drawing, place: Place) -> Iterator[str]:
    box = drawing.boxes[place.id]
    yield (
        f'<a id="n-{place.id}" class="box {place.kind}" href="#p-{place.id}" '
        f'aria-label="{text(_spoken(drawing, place))}">'
    )
    yield f'<rect {_frame(box)} rx="8"/>'
    if place.share is not None and place.kind is Kind.TARGET:
        width = round((box.width - 16) * place.share, 1)
        yield f'<rect class="bar" x="{box.x + 8}" y="{box.y + box.height - 7}" width="{width}" height="3"/>'
    title = _fitted(place.title, box.width, TITLE_CHARACTER)
    yield f'<text class="title" x="{box.x + 10}" y="{box.y + 21}">{text(title)}</text>'
    detail = _fitted(place.detail or _WORDS[place.kind], box.width, DETAIL_CHARACTER)
    yield f'<text class="detail" x="{box.x + 10}" y="{box.y + 38}">{text(detail)}</text></a>'


def _frame(box: Box) -> str:
    return f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'


def _fitted(words: str, width: int, character: float) -> str:
    most = int((width - PADDING) / character)
    return words if len(words) <= most else words[: most - 1] + "…"


def _spoken(drawing: Drawing, place: Place) -> str:
    """Return what a screen reader says of a box: what it is, and where ways lead from it."""
    places = drawing.graph.places
    ways = drawing.graph.leaving.get(place.id, [])
    to = [f"{places[way.end].title} {way.shares.label()}".strip() for way in ways]
    band = drawing.graph.bands[place.band] if 0 <= place.band < len(drawing.graph.bands) else ""
    what = f"{_WORDS[place.kind]} {place.title}" + (f", {place.detail}" if place.detail else "")
    return what + (f", in {band}" if band else "") + (f"; leads to {', '.join(to)}" if to else "")
