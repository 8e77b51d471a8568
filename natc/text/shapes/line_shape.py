"""The shapes of lines: how to recognise a line, and what a rule written like it is made of.

A :class:`~natc.text.shapes.blueprints.Blueprint` is what Lark found out about the first line of a shape
(:mod:`natc.text.shapes.parsed`). From it come the line's shapes: what recognises later lines and takes their
literals (:mod:`natc.text.shapes.recognise`). Keywords, blanks and the protocol stand in it as they are; a
literal is its terminal's own pattern from the grammar, so it accepts what Lark would accept here and nothing
else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from natc.netfilter.extension import NEVER, Extension, Match, Option, Target, Term
from natc.netfilter.header import Header, Protocol
from natc.netfilter.kinds import Kind
from natc.netfilter.matches import match_class
from natc.netfilter.opaque import opaque_match, opaque_target
from natc.netfilter.rule import Part, Printed, Shape, UseForm
from natc.netfilter.targets import target_class
from natc.text.places import is_limited
from natc.text.shapes.blueprints import Blueprint, UseWords
from natc.text.shapes.recognise import PATIENCE, Found, Recogniser, expression, recogniser
from natc.text.shapes.runs import NAME, Wording
from natc.values import define, evolve, field, frozen

#: The commands that take a rule.
COMMANDS = frozenset({"append", "insert", "replace", "delete", "check"})


@frozen(eq=False)
class Unchecked:
    """A part that has to be read to know that its literals are good, once for each of their values."""

    part: Part
    places: tuple[tuple[int, str | None], ...]
    """The place of each literal that needs it, with an expression of what is good without being read."""
    seen: set[tuple[str, ...]] = field(factory=set)
    """The values that have been read, those of good literals aside."""

    def news(self, values: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the literals that are neither good nor known, as a key; None when there are none."""
        key = tuple(
            values[place] for place, good in self.places if not good or not _matcher(good)(values[place])
        )
        return None if not key or key in self.seen else key


@define(eq=False)
class LineShape:
    """A kind of line: how to recognise it, and for a rule what it is made of."""

    kind: str
    """The name of the line's node in the grammar: ``append``, ``table``, ``flush``, ...; or ``empty``."""
    fixed: tuple[str, ...] = ("",)
    """The text before each literal and behind the last one: one more than there are literals."""
    literals: tuple[str, ...] = ()
    """The expression of each literal."""
    rule: Shape | None = None
    unchecked: tuple[Unchecked, ...] = ()
    """The parts whose literals the expression cannot vouch for."""
    insert_at: int | None = None
    """The place of the rule number of ``-I CHAIN NUMBER``."""
    wording: Wording | None = None
    """What lines like this may be taken in runs by; None for lines that may not."""
    may_wait: bool = False
    """Whether the line begins as a save writes it, so that its chain is found again when it is unfolded."""
    followers: list[LineShape] = field(factory=list)
    """The shapes that followed this one lately: the reader's guesses for the next line."""
    fullmatch: Recogniser = field(init=False)
    """Recognises a line of this shape."""
    _careful: Recogniser = field(init=False)
    _left: int = PATIENCE

    def __attrs_post_init__(self) -> None:
        self._careful = recogniser(self.fixed, self.literals)
        self.fullmatch = self._at_first

    def _at_first(self, line: str) -> Found | None:
        """Recognise a line of a shape that is not known to be common."""
        self._left -= 1
        if self._left == 0:
            self.fullmatch = re.compile(expression(self.fixed, self.literals)).fullmatch
        return self._careful(line)


def line_shapes(blueprint: Blueprint) -> list[LineShape]:
    """Return the shapes of a line, the stricter one first.

    A rule has two: one for lines whose literals are all good (see
    :attr:`natc.netfilter.kinds.Kind.good`), one for any literals the grammar allows.
    """
    fixed, literals = blueprint.fixed, blueprint.literals
    if blueprint.kind not in COMMANDS:
        return [LineShape(blueprint.kind, fixed, literals)]
    rule = _rule(blueprint)
    kinds = {
        place: kind
        for part in rule.parts()
        if not _may_lack_protocol(rule, part.kind)
        for use in part.uses
        for place, kind in _good_words(part.kind, use, blueprint.family)
    }
    good = {place: kind.good or "" for place, kind in kinds.items()}
    strict = tuple(good.get(place, literal) for place, literal in enumerate(literals))
    rule = evolve(rule, literals=literals, good=good, printed=_printed(blueprint, rule, kinds))
    as_saved = _begins_as_saved(blueprint)
    may_run = as_saved and _may_stand_in_runs(blueprint, rule)
    wording = _wording(blueprint, good) if may_run else None
    more = (blueprint.insert_at, wording, as_saved)
    return [
        LineShape(blueprint.kind, fixed, strict, rule, _unchecked(rule, dict.fromkeys(good)), *more),
        LineShape(blueprint.kind, fixed, literals, rule, _unchecked(rule, good), *more),
    ]


def protocol_of(rule: Shape) -> Term[int]:
    """Return the protocol that a rule of this shape asks for by its number, or not to be; 0 for any."""
    for use in rule.header.uses:
        if Header.by_spelling[use.name][0] == "protocol":
            try:
                return Term(Protocol().parse([str(use.words[0])]), use.inverted)
            except ValueError:  # the header's own error will say so
                break
    return Term(0)


def has_protocol(rule: Shape, kind: type[Extension]) -> bool:
    """Tell whether a rule of this shape asks for a protocol that an extension in it needs."""
    protocol = protocol_of(rule)
    return kind.protocols is None or (
        protocol.value in kind.protocols and (kind.negated_protocol or not protocol.inverted)
    )


def _may_lack_protocol(rule: Shape, kind: type[Extension]) -> bool:
    """Tell whether some words of an extension need a protocol that the rule does not ask for."""
    return _definer(kind, "needs_protocol") is not Extension and not has_protocol(rule, kind)


def _begins_as_saved(blueprint: Blueprint) -> bool:
    """Tell whether the line begins with ``-A CHAIN`` and a space or its end, counters before it or not."""
    begin, behind = blueprint.fixed[: blueprint.chain + 1], blueprint.fixed[blueprint.chain + 1]
    return blueprint.kind == "append" and begin in (("-A ",), ("", " -A ")) and behind[:1] in ("", " ")


def _may_stand_in_runs(blueprint: Blueprint, rule: Shape) -> bool:
    """Tell whether the line's last ``-j`` is where it leads, for a look at many lines at once.

    Nothing quoted may follow it, and a target's name must have options behind it: with that it
    differs from a chain's. A match that cannot stand everywhere needs the careful look.
    """
    if blueprint.goto:
        return False
    if any(is_limited(part.kind, part.uses) for part in rule.matches):
        return False
    if blueprint.jump is not None:
        return blueprint.jump == len(blueprint.literals) - 1 and not blueprint.fixed[-1]
    if blueprint.target is None or not blueprint.target.uses:
        return False
    behind = (*blueprint.literals[blueprint.behind :], *blueprint.fixed[blueprint.behind + 1 :])
    return not any('"' in text for text in behind)


def _wording(blueprint: Blueprint, good: dict[int, str]) -> Wording:
    names = {place for place in (blueprint.chain, blueprint.jump) if place is not None}
    literals = [NAME if place in names else text for place, text in enumerate(blueprint.literals)]
    free = names | {place for place in (blueprint.counters,) if place is not None}
    return Wording(blueprint.fixed, tuple(literals), good, frozenset(free))


def _rule(blueprint: Blueprint) -> Shape:
    target = blueprint.target
    return Shape(
        template="%s".join(text.replace("%", "%%") for text in blueprint.fixed),
        chain=blueprint.chain,
        family=blueprint.family,
        header=_part(Header, blueprint.header),
        matches=tuple(_part(_match_kind(match.name), match.uses) for match in blueprint.matches),
        target=_part(target_class(target.name) or opaque_target(target.name), target.uses)
        if target
        else None,
        jump=blueprint.jump,
        goto=blueprint.goto,
        counters=blueprint.counters,
    )


def _match_kind(name: str) -> type[Match]:
    return match_class(name) or opaque_match(name)


def _part(kind: type[Header] | type[Match] | type[Target], uses: tuple[UseWords, ...]) -> Part:
    return Part(kind, tuple(UseForm(*use) for use in uses))


def _places(part: Part) -> set[int]:
    return {word for use in part.uses for word in use.words if isinstance(word, int)}


def _unchecked(rule: Shape, good: Mapping[int, str | None]) -> tuple[Unchecked, ...]:
    """Return what to read of a line: literals in ``good`` need it only if they do not fit it.

    None in ``good`` means that the line's expression has seen to that already.
    """
    out = []
    for part in rule.parts():
        doubtful = [place for place in sorted(_places(part)) if good.get(place, "") is not None]
        if doubtful:
            out.append(Unchecked(part, tuple((place, good.get(place)) for place in doubtful)))
    return tuple(out)


@lru_cache(maxsize=256)
def _matcher(expression: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(expression).fullmatch


def _good_words(kind: type[Extension], use: UseForm, family: int) -> Iterator[tuple[int, Kind[Any]]]:
    """Yield the places of the option's arguments for which an expression can vouch, with their kinds."""
    _, declared = kind.by_spelling.get(use.name, ("", None))
    spelled = declared.spellings[use.name] if declared else None
    if spelled is None or spelled.good is None or spelled.plain_family not in (None, family):
        return
    if len(use.words) == 1 and isinstance(use.words[0], int):
        yield use.words[0], spelled


def _printed(blueprint: Blueprint, rule: Shape, kinds: Mapping[int, Kind[Any]]) -> Printed | None:
    """Return which rules of the shape print alike but for their good words and their names.

    A class with a ``words`` of its own, one that fills in fields by itself, or an option that a save
    omits at some value rules that out for the good words it has.
    """
    if any(_depends_on_more(part, kinds) for part in rule.parts()):
        return None
    names = frozenset(place for place in (blueprint.chain, blueprint.jump) if place is not None)
    free = names | ({blueprint.counters} if blueprint.counters is not None else set())
    literals = [
        f"(?:(?>{kinds[place].good})(?=[ \\t]|$)|((?>{text})))"
        if place in kinds
        else f"(?>{text})"
        if place in free
        else f"((?>{text}))"
        for place, text in enumerate(blueprint.literals)
    ]
    texts = zip(literals, map(re.escape, blueprint.fixed[1:]), strict=True)
    return Printed(
        expression=re.escape(blueprint.fixed[0]) + "".join(literal + text for literal, text in texts),
        asked=tuple(place for place in range(len(literals)) if place not in free),
        free=tuple(sorted(free)),
        completed={place: kind.completed for place, kind in kinds.items()},
        names=names,
    )


def _depends_on_more(part: Part, kinds: Mapping[int, Kind[Any]]) -> bool:
    """Tell whether what a save prints of a part may depend on what its good words mean."""
    good = [use for use in part.uses if any(word in kinds for word in use.words)]
    if not good:
        return False
    filled_in = part.kind.completes_words and _definer(part.kind, "completed") is not Extension
    omitted = any(_may_be_omitted(part.kind.by_spelling[use.name][1]) for use in good)
    return filled_in or omitted or _definer(part.kind, "words") is not Extension


def _may_be_omitted(declared: Option) -> bool:
    """Tell whether a good word could mean a value that a save omits: then it would be printed so."""
    for omitted in (declared.omit, declared.hides):
        value = omitted.value if isinstance(omitted, Term) else omitted
        if value is NEVER:
            continue
        words = declared.kind.words(value)
        if len(words) != 1 or re.fullmatch(declared.kind.good or "", words[0]):
            return True
    return False


def _definer(kind: type[Extension], method: str) -> type:
    """Return the class that defines a method which ``kind`` has."""
    return next(base for base in kind.__mro__ if method in vars(base))
