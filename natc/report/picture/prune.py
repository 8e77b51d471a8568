"""A graph small enough to look at: of many ways out of one place, the first few, and one for all others."""

from __future__ import annotations

from functools import reduce
from operator import add

from natc.report.picture.graph import Graph, Kind, Place, Way

#: How many ways out of one place are drawn at most.
MOST = 12


def pruned(graph: Graph, most: int = MOST) -> Graph:
    """Return the graph with at most ``most`` ways out of each place; the last stands for the others."""
    ways: list[Way] = []
    more: list[Place] = []
    for start, leaving in graph.leaving.items():
        inside = [way for way in leaving if not way.between_bands]
        ways += [way for way in leaving if way.between_bands]
        if len(inside) <= most:
            ways += inside
            continue
        ways += inside[: most - 1]
        left_out = inside[most - 1 :]
        place = _more(graph, start, left_out)
        more.append(place)
        ways.append(Way(start, place.id, reduce(add, (way.shares for way in left_out))))
    seen = _reached(ways)
    places = {key: place for key, place in graph.places.items() if key in seen}
    return Graph(
        {**places, **{place.id: place for place in more if place.id in seen}},
        [way for way in ways if way.start in seen],
        graph.bands,
    )


def _more(graph: Graph, start: str, left_out: list[Way]) -> Place:
    share = reduce(add, (way.shares for way in left_out))
    return Place(
        f"more{start}",
        Kind.MORE,
        f"and {len(left_out):,} more",
        graph.places[start].band,
        share.label() or "always",
        hidden=[graph.places[way.end] for way in left_out],
    )


def _reached(ways: list[Way]) -> set[str]:
    """Return the places that can be reached from the packet."""
    following = Graph(ways=ways).leaving
    seen, waiting = {"packet"}, ["packet"]
    while waiting:
        for way in following.get(waiting.pop(), ()):
            if way.end not in seen:
                seen.add(way.end)
                waiting.append(way.end)
    return seen
