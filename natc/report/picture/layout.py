"""Where everything goes: bands below each other, inside a band layers from left to right.

A place's layer is the longest way to it from its band's first place, so every jump leads to the right.
Its row is the first of the rows its own followers need, so ways of a tree do not cross.
"""

from __future__ import annotations

from collections import Counter
from math import ceil

from natc.report.picture.graph import Graph, Place, Way
from natc.values import define, field, frozen

#: All lengths are in CSS pixels.
HEIGHT = 50
#: A column is as wide as what stands in its boxes; a chain's name with its hash just fits into the widest.
_NARROWEST, _WIDEST = 112, 206
#: What a character of a box's title and of its detail takes, and what stays free beside them.
TITLE_CHARACTER, DETAIL_CHARACTER, PADDING = 7.3, 6.2, 18
_GAP_X, _GAP_Y = 30, 16
#: A character of odds, and what stays free beside them.
_CHARACTER, _FREE = 7.2, 42
_WIDE = 620
_BAND_TITLE, _BAND_GAP = 34, 40
_LANE, _MARGIN = 18, 14


@frozen
class Box:
    """Where a place is drawn."""

    x: int
    y: int
    width: int
    height: int = HEIGHT


@frozen
class Column:
    """Where the boxes of a layer begin, and how wide they are."""

    x: int
    width: int


@frozen
class Lane:
    """A way between bands: down beside the boxes at ``x``; None goes straight from box to box."""

    way: Way
    x: int | None


@define(eq=False)
class Drawing:
    """A graph with coordinates."""

    graph: Graph
    boxes: dict[str, Box] = field(factory=dict)
    bands: list[tuple[str, Box]] = field(factory=list)
    """The title and outline of each band."""
    lanes: list[Lane] = field(factory=list)
    width: int = 0
    height: int = 0


def draw(graph: Graph) -> Drawing:
    """Lay a graph out."""
    drawing = Drawing(graph)
    members = {band: [] for band in range(-1, len(graph.bands) + 1)}  # type: dict[int, list[Place]]
    for place in graph.places.values():
        members[place.band].append(place)
    lanes = _lanes(graph)
    left = _MARGIN + _LANE * (1 + max((lane for _, lane in lanes), default=0))
    layers: dict[str, int] = {}
    for places in members.values():
        layers |= _layers(graph, places)
    columns = _columns(graph, layers, left)
    y = _MARGIN
    for band, places in members.items():
        y = _band(drawing, band, places, {place.id: columns[layers[place.id]] for place in places}, y)
    drawing.lanes = [Lane(way, left - _LANE * lane if lane else None) for way, lane in lanes]
    drawing.width = max(box.x + box.width for box in drawing.boxes.values()) + _MARGIN * 2
    drawing.height = y
    drawing.bands = [
        (title, Box(left - 8, box.y, drawing.width - left - 4, box.height)) for title, box in drawing.bands
    ]
    return drawing


def _lanes(graph: Graph) -> list[tuple[Way, int]]:
    """Return the ways between bands, each with its lane: one for each place they leave, 0 straight down."""
    between = [way for way in graph.ways if way.between_bands]
    leaving = Counter(way.start for way in between)
    first: dict[int, str] = {}
    for place in graph.places.values():
        first.setdefault(place.band, place.id)
    lanes: dict[str, int] = {}
    found: list[tuple[Way, int]] = []
    for way in between:
        distance = graph.places[way.end].band - graph.places[way.start].band
        straight = leaving[way.start] == 1 and distance == 1 and way.end in first.values()
        found.append((way, 0 if straight else lanes.setdefault(way.start, len(lanes) + 1)))
    return found


def _columns(graph: Graph, layers: dict[str, int], left: int) -> list[Column]:
    """Return where each layer is; before it is room for the longest odds of the ways into it."""
    columns = [Column(left, _width(graph, layers, 0))]
    for layer in range(1, max(layers.values()) + 1):
        entering = [way for way in graph.ways if layers[way.end] == layer and not way.between_bands]
        longest = max(len(way.shares.label()) for way in entering)
        gap = int(longest * _CHARACTER) + _FREE if longest else _GAP_X
        columns.append(Column(columns[-1].x + columns[-1].width + gap, _width(graph, layers, layer)))
    return columns


def _width(graph: Graph, layers: dict[str, int], layer: int) -> int:
    """Return how wide a layer's boxes have to be, those outside of bands aside."""
    inside = [p for p in graph.places.values() if layers[p.id] == layer and _titled(graph, p.band)]
    lengths = [
        max(len(place.title) * TITLE_CHARACTER, len(place.detail) * DETAIL_CHARACTER) for place in inside
    ]
    return min(_WIDEST, max(_NARROWEST, PADDING + ceil(max(lengths, default=0))))


def _titled(graph: Graph, band: int) -> bool:
    return 0 <= band < len(graph.bands)


def _band(drawing: Drawing, band: int, places: list[Place], columns: dict[str, Column], y: int) -> int:
    """Place a band's boxes below ``y`` and return where the next band begins."""
    if not places:
        return y
    titled = _titled(drawing.graph, band)
    top = y + (_BAND_TITLE if titled else 0)
    rows = _rows(drawing.graph, places)
    for place in places:
        column = columns[place.id]
        width = column.width if titled else _WIDE
        drawing.boxes[place.id] = Box(column.x, top + (HEIGHT + _GAP_Y) * rows[place.id], width)
    bottom = top + (HEIGHT + _GAP_Y) * (max(rows.values()) + 1)
    if titled:
        left = min(column.x for column in columns.values())
        drawing.bands.append((drawing.graph.bands[band], Box(left, y, 0, bottom - y)))
    return bottom + (_BAND_GAP if titled else _GAP_Y)


def _layers(graph: Graph, places: list[Place]) -> dict[str, int]:
    """Return each place's layer: the longest way to it inside the band."""
    inside = {place.id for place in places}
    ways = [way for way in graph.ways if not way.between_bands and way.start in inside and way.end in inside]
    layers = dict.fromkeys(inside, 0)
    for _ in places:  # chains cannot call each other in a circle, so this ends
        moved = False
        for way in ways:
            if layers[way.end] <= layers[way.start]:
                layers[way.end] = layers[way.start] + 1
                moved = True
        if not moved:
            break
    return layers


def _rows(graph: Graph, places: list[Place]) -> dict[str, int]:
    """Return each place's row: the first follower of a place shares its row, others begin a new one."""
    inside = {place.id for place in places}
    entered = {way.end for way in graph.ways if not way.between_bands and way.start in inside}
    waiting = [(place.id, "") for place in reversed(places) if place.id not in entered]
    rows: dict[str, int] = {}
    continued = {""}
    free = 0
    while waiting:
        place, before = waiting.pop()
        if place in rows:
            continue
        rows[place] = free if before in continued else rows[before]
        free = max(free, rows[place] + 1)
        continued.add(before)
        leaving = graph.leaving.get(place, [])
        waiting += [(way.end, place) for way in reversed(leaving) if not way.between_bands]
    return rows
