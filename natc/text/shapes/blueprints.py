"""What Lark found out about a line, in plain words and numbers, and as files keep it.

A :class:`Blueprint` says which word of a line belongs to which option. :mod:`natc.text.shapes.parsed` makes
it from Lark's tree, :mod:`natc.text.shapes.line_shape` makes regular expressions of it.
"""

from __future__ import annotations

import json
from typing import Any, cast

from natc.values import frozen

#: A use of an option: its name, whether it is negated, and its words: places of literals, or fixed.
UseWords = tuple[str, bool, tuple[int | str, ...]]


@frozen
class PartWords:
    """An extension in a rule: its name, and the options used."""

    name: str
    uses: tuple[UseWords, ...]


@frozen
class Blueprint:
    """What a line is made of. A line that is no rule has only ``kind``, ``fixed`` and ``literals``."""

    kind: str
    """The name of the line's node in the grammar: ``append``, ``table``, ``flush``, ...; or ``empty``."""
    family: int
    fixed: tuple[str, ...]
    """The text before each literal and behind the last one: one more than there are literals."""
    literals: tuple[str, ...]
    """The expression of each literal, in order."""
    header: tuple[UseWords, ...] = ()
    matches: tuple[PartWords, ...] = ()
    target: PartWords | None = None
    behind: int = 0
    """How many literals stand before the target."""
    chain: int = 0
    insert_at: int | None = None
    jump: int | None = None
    goto: bool = False
    counters: int | None = None


def key_of(family: int, words: tuple[str, ...]) -> str:
    """Return the name under which the blueprints of lines with these option words are kept."""
    return " ".join([str(family), *words])


def as_kept(blueprint: Blueprint) -> list[Any]:
    """Return a blueprint as lists, strings and numbers: as it comes back from JSON."""
    from attrs import astuple

    return cast(list[Any], json.loads(json.dumps(astuple(blueprint))))


def from_kept(kept: list[Any]) -> Blueprint:
    """Return the blueprint that was written down as ``kept``.

    Raises TypeError or ValueError for what is none.
    """
    kind, family, fixed, literals, header, matches, target, *numbers = kept
    if len(fixed) != len(literals) + 1:
        raise ValueError("texts and literals do not go together")
    return Blueprint(
        kind,
        family,
        tuple(fixed),
        tuple(literals),
        _uses(header),
        tuple(_part(match) for match in matches),
        _part(target) if target else None,
        *numbers,
    )


def _part(kept: list[Any]) -> PartWords:
    name, uses = kept
    return PartWords(name, _uses(uses))


def _uses(kept: list[Any]) -> tuple[tuple[str, bool, tuple[int | str, ...]], ...]:
    return tuple((name, inverted, tuple(words)) for name, inverted, words in kept)
