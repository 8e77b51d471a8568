"""One rule: the words it was written in, and what they mean once somebody asks.

A rule keeps its words as a :class:`Shape`, shared by every rule written alike, and the literals that are its
own. The typed header, matches and target are made from these when asked for: reading 175,000 rules must not
make a million objects that one query never looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from natc.netfilter.condition import ALWAYS, Condition, both
from natc.netfilter.extension import Match, Target, Use
from natc.netfilter.header import Header
from natc.values import field, frozen, value


@frozen
class Jump(Target):
    """``-j CHAIN``, ``-g CHAIN`` (goto), or a verdict: ACCEPT, DROP, RETURN, QUEUE."""

    chain: str
    goto: bool = False


@frozen
class UseForm:
    """A use of an option in a shape: its words are literals' places, or fixed words."""

    name: str
    inverted: bool
    words: tuple[int | str, ...]

    def filled(self, values: Sequence[str]) -> Use:
        return Use(
            self.name, self.inverted, tuple(values[w] if isinstance(w, int) else w for w in self.words)
        )


@frozen
class Part:
    """One extension of a shape: the class it becomes and the options used."""

    kind: type[Header] | type[Match] | type[Target]
    uses: tuple[UseForm, ...]


@frozen(eq=False)
class Printed:
    """Which rules of a shape a save prints alike but for some of their words."""

    expression: str
    """An expression of their text. A group holds a word that must be the same for that, or nothing where
    a word is good (:attr:`natc.netfilter.kinds.Kind.good`)."""
    asked: tuple[int, ...]
    """The place of each group's word."""
    free: tuple[int, ...]
    """The places of words without a group: any word there prints alike."""
    completed: Mapping[int, Callable[[str], str]]
    """How a save completes good words."""
    names: frozenset[int]
    """The free words that name the rule's chain and where it leads."""


@frozen(eq=False)
class Shape:
    """What rules written alike have in common.

    ``template`` is the text with ``%s`` where a literal stands. ``jump`` is the place of the chain or
    verdict behind ``-j`` or ``-g``, None when the target is an extension or there is none.
    """

    template: str
    chain: int
    family: int
    header: Part
    matches: tuple[Part, ...]
    target: Part | None
    jump: int | None
    goto: bool = False
    counters: int | None = None
    """The place of ``[packets:bytes]`` before the rule."""
    printed: Printed | None = None
    """Which rules of this shape print alike; None when that depends on more than their words."""

    literals: tuple[str, ...] = ()
    """An expression of each literal. Among the lines of a book (:class:`natc.netfilter.ruleset.Book`) no rule
    of another shape fits the template with these; none where that is not known."""

    good: Mapping[int, str] = field(factory=dict)
    """By place an expression of words that are good there (:attr:`natc.netfilter.kinds.Kind.good`)."""

    unread: bool = False
    """Whether the rule could not be read: then ``%s`` of its template is the line as it was written."""

    def parts(self) -> Iterator[Part]:
        """The header, the matches and the target extension."""
        yield self.header
        yield from self.matches
        if self.target:
            yield self.target

    @property
    def free(self) -> set[int]:
        """The places of words that are good on any line: the names of chains, and counters."""
        return {place for place in (self.chain, self.jump, self.counters) if place is not None}

    @property
    def texts(self) -> list[str]:
        """The text before each literal and behind the last one."""
        return [text.replace("\0", "%") for text in self.template.replace("%%", "\0").split("%s")]

    def read(self, part: Part, values: Sequence[str]) -> Header | Match | Target:
        return part.kind.read([use.filled(values) for use in part.uses], self.family)


def _asks(part: Part) -> bool:
    """Whether a match asks anything: half of kube-proxy's are comments, which need not be made."""
    return not (issubclass(part.kind, Match) and part.kind.asks_nothing)


@value
class Rule:
    """One rule. Two rules are equal when iptables-save would print them alike."""

    shape: Shape
    values: tuple[str, ...]
    line: int = 0
    """Line in the text it was read from, from 1; 0 when it was not read from a text."""

    @property
    def chain(self) -> str:
        return self.values[self.shape.chain]

    @property
    def text(self) -> str:
        """The rule as it was written."""
        return self.shape.template % self.values

    @property
    def header(self) -> Header:
        return cast(Header, self.shape.read(self.shape.header, self.values))

    @property
    def matches(self) -> tuple[Match, ...]:
        return tuple(cast(Match, self.shape.read(part, self.values)) for part in self.shape.matches)

    @property
    def jump(self) -> str | None:
        """The chain or verdict that it leads to; None if it has none, or an extension."""
        return None if self.shape.jump is None else self.values[self.shape.jump]

    @property
    def target(self) -> Target | None:
        """The target extension, a :class:`Jump`, or None for a rule that only counts."""
        if self.shape.jump is not None:
            return Jump(self.values[self.shape.jump], self.shape.goto)
        return cast(Target, self.shape.read(self.shape.target, self.values)) if self.shape.target else None

    @property
    def condition(self) -> Condition:
        """What the rule asks of a packet: the header, then the matches in the order written."""
        matches = (self.shape.read(part, self.values) for part in self.shape.matches if _asks(part))
        parts = (self.header.condition(), *(cast(Match, match).condition() for match in matches))
        asking = [part for part in parts if part != ALWAYS]
        return both(*asking)

    def careful_condition(self, *, nft: bool) -> Condition:
        """Return what the rule asks of a packet with odd headers, of which :attr:`condition` takes too much
        for granted."""
        from natc.netfilter.guards import careful_header

        parts = [careful_header(self.header, nft=nft)]
        for match in self.matches:
            parts += [match.guard(nft=nft), match.condition()]
        return both(*(part for part in parts if part != ALWAYS))

    @property
    def counters(self) -> str | None:
        """``[packets:bytes]`` as written before the rule, if it was."""
        return None if self.shape.counters is None else self.values[self.shape.counters]

    def save(self, *, nft: bool = False) -> str:
        """Return the rule as iptables-save (with ``nft`` that of nf_tables) prints it, without counters."""
        if self.shape.unread:
            return self.text
        words = ["-A", self.chain, *self.header.words()]
        for match in self.matches:
            shown = match.as_nft() if nft else match
            if shown is not None:
                words += ["-m", shown.shown_name, *shown.words()]
        target = self.target
        if isinstance(target, Jump):
            words += ["-g" if target.goto else "-j", target.chain]
        elif target is not None:
            shown_target = (target.as_nft() if nft else None) or target
            words += ["-j", target.shown_name, *shown_target.words()]
        return " ".join(words)

    def show(self, *, nft: bool = False) -> str:
        """Return the rule as iptables-save prints it, with the counters it was read with."""
        text = self.save(nft=nft)
        return f"{self.counters} {text}" if self.counters else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and (
            (self.shape is other.shape and self.values == other.values) or self.save() == other.save()
        )

    def __hash__(self) -> int:
        return hash(self.save())
