"""The lake between the two rivers: the tables, chains and rules of one node.

A rule keeps the words it was written in as a :class:`Shape`, shared by every rule written alike, and
the literals that are its own. The typed header, matches and target are made from these when asked
for: reading 175,000 rules must not make a million objects that one query never looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, cast

from attrs import field

from natc.netfilter.condition import ALWAYS, Condition, both
from natc.netfilter.extension import Match, Target, Use
from natc.netfilter.header import Header
from natc.values import define, frozen

#: How many chains of a large table are looked for one by one.
_SEARCHES = 32
#: Tables in the order in which nf_tables-based iptables-save prints them.
TABLES = ("raw", "mangle", "filter", "nat", "security")


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

    expression: str = ""
    """An expression of the text of the rules of this shape, a group for each literal, that among the lines
    of a book (:class:`Book`) no rule of another shape fits; empty where that is not known."""

    unread: bool = False
    """Whether the rule could not be read: then ``%s`` of its template is the line as it was written."""

    def parts(self) -> Iterator[Part]:
        """The header, the matches and the target extension."""
        yield self.header
        yield from self.matches
        if self.target:
            yield self.target

    def read(self, part: Part, values: Sequence[str]) -> Header | Match | Target:
        return part.kind.read([use.filled(values) for use in part.uses], self.family)


@frozen(eq=False)
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
    def target(self) -> Target | None:
        """The target extension, a :class:`Jump`, or None for a rule that only counts."""
        if self.shape.jump is not None:
            return Jump(self.values[self.shape.jump], self.shape.goto)
        return cast(Target, self.shape.read(self.shape.target, self.values)) if self.shape.target else None

    @property
    def condition(self) -> Condition:
        """What the rule asks of a packet: the header, then the matches in the order written."""
        parts = (self.header.condition(), *(match.condition() for match in self.matches))
        asking = [part for part in parts if part != ALWAYS]
        return both(*asking)

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


class Book(Protocol):
    """A text that rules can be read from later."""

    @property
    def text(self) -> str:
        """The text."""

    def rules(self, start: int, end: int) -> list[Rule]:
        """Return the rules that stand between two places of the text, whole lines."""

    def rules_of(self, lines: Sequence[str], number: int) -> list[Rule]:
        """Return the rules that some of its lines hold, of which the first is line ``number``."""

    def number_at(self, place: int) -> int:
        """Return the number of the line that begins at a place."""

    def no_chain(self, name: str, place: int) -> Exception:
        """Return the error of a line, beginning at ``place``, whose chain does not exist."""


#: Whole lines of a book, from one place to another.
Passage = tuple[Book, int, int]


@define(eq=False)
class Chain:
    """A chain: builtin when it has a policy.

    The rules of a chain that stood in a large text may not have been made yet: that happens when
    they are first asked for. Two chains are equal when a save shows them alike.
    """

    name: str
    policy: str | None = None
    counters: str | None = None
    line: int = 0
    _rules: list[Rule] | None = None
    _passages: list[Passage] | None = field(default=None, init=False, repr=False)
    """Where the last rules stand, as long as they have not been made."""

    @property
    def rules(self) -> list[Rule]:
        """The rules in their order; the list may be changed."""
        if self._rules is None:
            self._rules = []
        if self._passages:
            passages, self._passages = self._passages, None
            for book, start, end in passages:
                self._rules.extend(book.rules(start, end))
        return self._rules

    @property
    def passage(self) -> Passage | None:
        """The one passage in which all rules of the chain stand; None if they do not."""
        passages = self._passages
        if self._rules or not passages:
            return None
        book, start, end = passages[0]
        for other, begin, behind in passages[1:]:
            if other is not book or begin != end:
                return None
            end = behind
        return book, start, end

    @property
    def rules_made(self) -> list[Rule]:
        """The rules that have been made; those still in a book come behind them."""
        return self._rules or []

    def append_later(self, passage: Passage) -> None:
        """Append the rules of a passage, made when they are asked for."""
        if self._passages is None:
            self._passages = [passage]
        else:
            self._passages.append(passage)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and (
            (self.name, self.policy, self.counters) == (other.name, other.policy, other.counters)
            and self.rules == other.rules
        )

    __hash__ = None  # type: ignore[assignment]


class Later(Protocol):
    """Chains that have not been made yet."""

    def unfold(self, chains: dict[str, Chain]) -> None:
        """Make the chains, and append the rules that belong to those that are there."""

    def find(self, name: str, chains: dict[str, Chain]) -> Chain | None:
        """Make one chain, or append the rules that belong to one that is there; None if there is none."""


@define(eq=False)
class Table:
    """A table and its chains, in the order they were declared.

    The chains of a large text are made when they are first asked for. Two tables are equal when a save
    shows them alike.
    """

    name: str
    _chains: dict[str, Chain] = field(factory=dict)
    line: int = 0
    remarks: list[str] = field(factory=list)
    """The comment lines that stood before the table, as written."""
    notes: dict[int, list[str]] = field(factory=dict)
    """The comment lines inside the table, by the number of the line they stood before."""
    end: int = 0
    """The line of COMMIT."""
    later: Later | None = field(default=None, init=False, repr=False)
    """What is still to be made of the chains and rules, behind those that are."""

    _searches: int = field(default=0, init=False, repr=False)

    def chain(self, name: str) -> Chain | None:
        """Return a chain, None if there is none: of a large text only that one is made.

        Looking for one chain takes a fiftieth of the time of making all: after some, all are made.
        """
        self._searches += 1
        if self.later is None or self._searches > _SEARCHES:
            return self.chains.get(name)
        return self.later.find(name, self._chains)

    @property
    def chains(self) -> dict[str, Chain]:
        """The chains by name; the dictionary may be changed."""
        if self.later is not None:
            later, self.later = self.later, None
            later.unfold(self._chains)
        return self._chains

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.name == other.name and self.chains == other.chains

    __hash__ = None  # type: ignore[assignment]

    def lines(
        self, chains: Iterable[Chain] | None = None, show: Callable[[Rule], str] = Rule.show
    ) -> Iterator[str]:
        """Yield the table in save form, its chains in the given order; ``show`` prints a rule."""
        listed = list(self.chains.values() if chains is None else chains)
        yield f"*{self.name}"
        for chain in listed:
            counters = f" {chain.counters}" if chain.counters else ""
            yield f":{chain.name} {chain.policy or '-'}{counters}"
        for chain in listed:
            yield from map(show, chain.rules)
        yield "COMMIT"

    def lines_with_notes(self, chains: Iterable[Chain], show: Callable[[Rule], str]) -> Iterator[str]:
        """Yield what :meth:`lines` does, with the comment lines inside the table where they stood."""
        listed = list(chains)
        places = [0, *(chain.line for chain in listed)]
        places += [rule.line for chain in listed for rule in chain.rules]
        left = dict(self.notes)
        for place, line in zip([*places, self.end], self.lines(listed, show), strict=True):
            yield from left.pop(place, ())
            yield line


@define
class Ruleset:
    """The tables of one node and one family, in the order iptables-save showed them."""

    tables: dict[str, Table] = field(factory=dict)
    family: int = 4
    file: str = field(default="<text>", eq=False)
    remarks: list[str] = field(factory=list, eq=False)
    """The comment lines behind the last table."""
    saved: bool = field(default=False, eq=False)
    """Whether an iptables-save says in the text that it wrote it: then it is printed as it stands,
    in the spelling of that version."""
    dumps: list[Ruleset] = field(factory=list, eq=False)
    """The dumps it was put together from, of both families, when the text held more than one."""
    lazy: bool = field(default=False, eq=False)
    """Whether only what is asked for is read: then the rest may be no ruleset at all."""
    respelled: dict[int, str] = field(factory=dict, eq=False)
    """The rules whose spelling had to be resolved before they could be read, as written, by line."""

    @classmethod
    def joined(cls, dumps: Sequence[Ruleset], family: int) -> Ruleset:
        """Return what is left of a family after several dumps: of a table that comes twice the last."""
        own = [dump for dump in dumps if dump.family == family] or dumps[:1]
        out = cls(family=own[0].family, file=own[0].file, saved=own[0].saved, dumps=list(dumps))
        for dump in own:
            out.tables.update(dump.tables)
            out.respelled.update(dump.respelled)
        return out

    def of_family(self, family: int) -> Ruleset:
        """Return what the text it came from says of a family; itself when that says nothing of it."""
        if family == self.family or all(dump.family != family for dump in self.dumps):
            return self
        return Ruleset.joined(self.dumps, family)

    def rules(self) -> Iterator[Rule]:
        """Every rule, table by table and chain by chain."""
        for table in self.tables.values():
            for chain in table.chains.values():
                yield from chain.rules

    def __str__(self) -> str:
        """The save form: tables and chains in their order, comment lines where they stood."""
        lines = [line for table in self.tables.values() for line in (*table.remarks, *table.lines())]
        return "\n".join([*lines, *self.remarks]) + "\n"
