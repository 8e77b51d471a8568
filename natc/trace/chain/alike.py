"""Rules that are written alike: in the same words but for some that are known to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import cast

from natc.netfilter.extension import Match
from natc.netfilter.rule import Part, Rule, Shape
from natc.values import frozen


@frozen(eq=False)
class Wording:
    """How a rule is written: in the same words but for its chain's name, its counters, its comments and some
    others. kube-proxy says in the comment of a rule to an endpoint which it is, up to 1,000 endpoints."""

    shape: Shape
    kept: Callable[[tuple[str, ...]], object]
    """Returns of a rule's words those that must be the same."""
    words: object

    @classmethod
    def of(cls, rule: Rule, *free: int | None) -> Wording:
        """Return how ``rule`` is written, but for the words at the places ``free``."""
        shape = rule.shape
        others = {*free, shape.chain, shape.counters, *_unasked(shape)}
        places = [place for place in range(len(rule.values)) if place not in others]
        kept = itemgetter(*places) if places else len
        return cls(shape, kept, kept(rule.values))

    def __contains__(self, rule: Rule) -> bool:
        return rule.shape is self.shape and self.kept(rule.values) == self.words


def place_of(names: frozenset[str], *parts: Part) -> int | None:
    """Return the place among a rule's words of the one that an option is given; None where it is not."""
    for part in parts:
        for use in part.uses:
            if use.name in names and not use.inverted and isinstance(use.words[0], int):
                return use.words[0]
    return None


def places_of(part: Part) -> Iterator[int]:
    """Yield the places of the words that the options of a match are given."""
    return (word for use in part.uses for word in use.words if isinstance(word, int))


def part_of(shape: Shape, name: str) -> Part | None:
    """Return the only match of that name in rules of a shape; None where there is none, or several."""
    found = [part for part in shape.matches if part.kind.name == name]
    return found[0] if len(found) == 1 else None


def _unasked(shape: Shape) -> Iterator[int]:
    """Yield the places of words in matches that ask nothing, which are comments."""
    for part in shape.matches:
        if cast(type[Match], part.kind).asks_nothing:
            yield from places_of(part)
