"""Where in a YAML text the value of a place stands: for errors, which name a line and a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from natc.kube.fields import Place, nearest
from natc.kube.yaml_source import Mark, events, key_of, mark_of, scalar_value
from natc.values import define


@define
class _Level:
    """A collection on the way to the current event."""

    place: Place
    index: int | None
    """The next item's index, None in a mapping."""
    key: Any = None
    """The event of the key whose value comes next, in a mapping."""


def locate(text: str, places: Iterable[Place]) -> dict[Place, Mark]:
    """Return where each place is in ``text``, or the nearest place above it that is written there.

    ``text`` must be one that :func:`natc.kube.yaml_source.load` reads.
    """
    wanted: set[Place] = {None}
    for place in (places := list(places)):
        above = place
        while above is not None:
            wanted.add(above)
            above = above[0]
    found: dict[Place, Mark] = {}
    for place, event, key in _values(events(text)):
        if place in wanted and place not in found:
            found[place] = _value_mark(event, key)
            if len(found) == len(wanted):
                break
    return {place: nearest(place, found) for place in places}


def _values(events: Iterable[Any]) -> Iterator[tuple[Place, Any, Any]]:
    """Yield each value's place, its first event, and its key's event if it has a key."""
    levels: list[_Level] = []
    for event in events:
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            levels.pop()
            continue
        level = levels[-1] if levels else None
        if level and level.index is None and level.key is None:
            level.key = event
            continue
        place, key = _step(level) if level else (None, None)
        yield place, event, key
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            levels.append(_Level(place, 0 if kind == "SequenceStartEvent" else None))


def _step(level: _Level) -> tuple[Place, Any]:
    """Return the place of the value that comes next inside ``level``, and its key's event."""
    if level.index is not None:
        level.index += 1
        return (level.place, level.index - 1), None
    key, level.key = level.key, None
    mark = mark_of(key)
    name = key_of(scalar_value(key, mark), mark) if hasattr(key, "value") else "*" + key.anchor
    return (level.place, name), key


def _value_mark(event: Any, key: Any) -> Mark:
    """Point at a scalar itself; at the key of a collection or of nothing, which may be lines away."""
    if key is not None and not getattr(event, "value", None):
        return mark_of(key)
    return mark_of(event)
