"""JSON text to Python values, and places back to offsets.

Values come from the standard library's C scanner. Like Kubernetes' decoder it takes the last of
repeated keys. Places are found in a second pass over the text, made only to report an error: it
steps through the objects on the way and skips everything else at the scanner's speed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from natc.kube.fields import Place, nearest
from natc.values import frozen

_BLANK = re.compile(r"[ \t\r\n]*").match
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"').match
Tree = dict[str | int, "Tree"]


@frozen
class JsonError(Exception):
    """The text is not JSON that Kubernetes reads; ``offset`` is where, in characters."""

    message: str
    offset: int
    expected: str | None = None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def decode(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at ``start`` and the offset after it. Raises :class:`JsonError`."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise JsonError(f"is not JSON: {error.msg}", error.pos) from None
    except RecursionError:
        raise JsonError("is nested too deep", start) from None
    except ValueError as error:  # a constant, or a number of more digits than Python converts
        raise JsonError(f"is not JSON that Kubernetes reads: {error}", start) from None


def locate(text: str, start: int, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
    """Return offset and width of each place's value, or of the nearest place above it that is there.

    ``text`` must hold a value that :func:`decode` reads at ``start``.
    """
    places = list(places)
    tree: Tree = {}
    for place in places:
        _grow(tree, place)
    found: dict[Place, tuple[int, int]] = {}
    start = _after_blanks(text, start)
    _visit(text, start, start, None, tree, found)
    return {place: nearest(place, found) for place in places}


def _grow(tree: Tree, place: Place) -> Tree:
    """Add a place to the tree of wanted keys; return its branch."""
    if place is None:
        return tree
    above, key = place
    return _grow(tree, above).setdefault(key, {})


def _visit(
    text: str, at: int, shown: int, place: Place, tree: Tree, found: dict[Place, tuple[int, int]]
) -> int:
    """Note where the value at ``at`` is and what is wanted inside it; return the offset after it.

    ``shown`` is where to point for a collection: its key, when it has one.
    """
    end: int = _DECODER.scan_once(text, at)[1]  # type: ignore[attr-defined] # typeshed leaves it out
    if text[at] in "{[":
        found[place] = (shown, _STRING(text, shown).end() - shown if text[shown] == '"' else 1)  # type: ignore[union-attr]
    else:
        found[place] = (at, end - at)
    if tree and text[at] in "{[":
        _visit_inside(text, at, place, tree, found)
    return end


def _visit_inside(text: str, at: int, place: Place, tree: Tree, found: dict[Place, tuple[int, int]]) -> None:
    keyed = text[at] == "{"
    at, index = _after_blanks(text, at + 1), 0
    while text[at] not in "]}":
        key: str | int = index
        shown = at
        if keyed:
            key, at = json.decoder.scanstring(text, at + 1)  # type: ignore[attr-defined] # typeshed leaves it out
            at = _after_blanks(text, _after_blanks(text, at) + 1)
        if key in tree:
            at = _visit(text, at, shown, (place, key), tree[key], found)
        else:
            at = _DECODER.scan_once(text, at)[1]  # type: ignore[attr-defined] # typeshed leaves it out
        at = _after_blanks(text, at)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
        index += 1


def _after_blanks(text: str, at: int) -> int:
    return _BLANK(text, at).end()  # type: ignore[union-attr] # matches always
