"""A graph small enough to look at: of many ways out of one place, the first few, and one for all others."""

from __future__ import annotations

from functools import reduce
from operator import add

from natc.report.picture.graph import Graph, Kind, Place, Shares, Way

#: How many ways out of one place are drawn at most.
MOST = 12


def pruned(graph: Graph, most: int = MOST) -> Graph:
    """Return the graph with at most ``most`` ways out of each place; the last stands for the others."""
    ways: list[Way] = []
    more: list[Place] = []
    for leaving in graph.leaving.values():
        inside = [way for way in leaving if not way.between_bands]
        ends = [way for way in leaving if graph.places[way.end].kind is Kind.END]
        ways += [way for way in leaving if way.between_bands and graph.places[way.end].kind is not Kind.END]
        for group in (inside, ends):
            if len(group) <= most:
                ways += group
            else:
                place = _more(graph, group[most - 1 :])
                more.append(place)
                ways += [*group[: most - 1], _way_to(place, group[most - 1 :])]
    seen = _reached(ways)
    places = {key: place for key, place in graph.places.items() if key in seen}
    return Graph(
        {**places, **{place.id: place for place in more if place.id in seen}},
        [way for way in ways if way.start in seen],
        graph.bands,
    )


def _more(graph: Graph, left_out: list[Way]) -> Place:
    """Return the place that stands for the ends of the ways that are left out."""
    hidden = [graph.places[way.end] for way in left_out]
    which = "ends" if hidden[0].kind is Kind.END else ""
    return Place(
        f"more{which}{left_out[0].start}",
        Kind.MORE,
        f"and {len(left_out):,} more",
        hidden[0].band,
        _sum(left_out).label() or "always",
        hidden=hidden,
    )


def _way_to(place: Place, left_out: list[Way]) -> Way:
    return Way(left_out[0].start, place.id, _sum(left_out), left_out[0].between_bands)


def _sum(ways: list[Way]) -> Shares:
    return reduce(add, (way.shares for way in ways))


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
