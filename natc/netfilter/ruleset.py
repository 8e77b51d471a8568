"""The lake between the two rivers: the tables, chains and rules of one node.

What was read from a large text stays text until it is asked for: the chains of a table, the rules of a chain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from natc.netfilter.rule import Rule
from natc.values import define, field

if TYPE_CHECKING:
    from natc.netfilter.blocks import Blocks

#: How many chains of a large table are looked for one by one.
_SEARCHES = 32
#: Tables in the order in which nf_tables-based iptables-save prints them.
TABLES = ("raw", "mangle", "filter", "nat", "security")


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

    @property
    def option_words(self) -> frozenset[str] | None:
        """The words of its lines that name options (``--syn``) or matches (``-m tcp``); None if not known."""

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

    @property
    def was_asked(self) -> bool:
        """Whether somebody has asked for the rules, and may have changed them."""
        return self._rules is not None

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

    @property
    def book(self) -> Book:
        """The text in which all their rules stand."""

    def names(self) -> list[str]:
        """Return the names of the chains, in the order they were declared."""

    def in_order(self, names: Collection[str]) -> list[str]:
        """Return some chains in the order they were declared."""

    def presume_together(self) -> None:
        """Presume that the rules of each chain stand together."""

    def passage(self) -> Passage | None:
        """Return where all rules stand; None if those of a chain may stand apart, or were asked for."""

    def unfold(self, chains: dict[str, Chain]) -> None:
        """Make the chains, and append the rules that belong to those that are there."""

    def find(self, name: str, chains: dict[str, Chain]) -> Chain | None:
        """Make one chain, or append the rules that belong to one that is there; None if there is none."""

    def blocks(self, chains: dict[str, Chain]) -> Blocks | None:
        """Return the rules of each chain as text; None if those of a chain may stand in several places."""


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
    elsewhere: set[str] = field(factory=set, eq=False)
    """The names of chains that another text makes: what their rules are is an open question."""
    later: Later | None = field(default=None, init=False, repr=False)
    """What is still to be made of the chains and rules, behind those that are."""

    _sought: set[str] = field(factory=set, init=False, repr=False)

    def chain(self, name: str) -> Chain | None:
        """Return a chain, None if there is none: of a large text only that one is made.

        Looking for one chain takes a fiftieth of the time of making all: after some, all are made.
        """
        self._sought.add(name)
        if self.later is None or len(self._sought) > _SEARCHES:
            return self.chains.get(name)
        return self.later.find(name, self._chains)

    @property
    def chains_made(self) -> Mapping[str, Chain]:
        """The chains that have been made; builtin ones are from the beginning."""
        return self._chains

    def blocks(self) -> Blocks | None:
        """Return the rules of each chain as text, None where that is not known without making chains."""
        return None if self.later is None else self.later.blocks(self._chains)

    @property
    def names(self) -> dict[str, None]:
        """The names of the chains in their order; none of them is made for that."""
        declared = [] if self.later is None else self.later.names()
        return dict.fromkeys((*self._chains, *declared))

    def in_order(self, names: Collection[str]) -> list[str]:
        """Return some of the chains in the order of all; none of them is made for that."""
        made = [name for name in self._chains if name in names]
        return made if self.later is None else made + self.later.in_order({*names} - self._chains.keys())

    @property
    def policies(self) -> dict[str, str]:
        """The policies of the builtin chains by their names; no chain is made for that."""
        return {name: chain.policy for name, chain in self._chains.items() if chain.policy}

    def presume_together(self) -> None:
        """Presume that the rules of each chain stand together; who does has to prove it."""
        if self.later is not None:
            self.later.presume_together()

    @property
    def passage(self) -> Passage | None:
        """Where in a text all rules stand, those of each chain together; None if that is not known.

        Nor is it said once the rules of a chain were asked for: they may have been changed.
        """
        asked = any(chain.was_asked for chain in self._chains.values())
        return None if self.later is None or asked else self.later.passage()

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
        for chain in self._declared(listed):
            counters = f" {chain.counters}" if chain.counters else ""
            yield f":{chain.name} {chain.policy or '-'}{counters}"
        for chain in listed:
            yield from map(show, self._written(chain))
        yield "COMMIT"

    def lines_with_notes(self, chains: Iterable[Chain], show: Callable[[Rule], str]) -> Iterator[str]:
        """Yield what :meth:`lines` does, with the comment lines inside the table where they stood."""
        listed = list(chains)
        places = [0, *(chain.line for chain in self._declared(listed))]
        places += [rule.line for chain in listed for rule in self._written(chain)]
        left = dict(self.notes)
        for place, line in zip([*places, self.end], self.lines(listed, show), strict=True):
            yield from left.pop(place, ())
            yield line

    def _declared(self, chains: list[Chain]) -> list[Chain]:
        return [chain for chain in chains if chain.name not in self.elsewhere] if self.elsewhere else chains

    def _written(self, chain: Chain) -> list[Rule]:
        """The rules of a chain, of one that another text makes only those that stand in this."""
        if chain.name not in self.elsewhere:
            return chain.rules
        return [rule for rule in chain.rules if not rule.shape.unread]


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
