"""What the lines of a text do to the tables, as iptables-restore carries them out.

Facts: iptables-restore of iptables 1.8.9, asked line by line: ``*TABLE`` empties the table, a chain
line makes or empties a chain, the builtin chains are there without being declared, COMMIT must follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import field

from natc.errors import DumpError
from natc.netfilter.header import Header
from natc.netfilter.hooks import BUILTIN_CHAINS, VERDICTS
from natc.netfilter.kinds.numbers import number as number_of
from natc.netfilter.opaque import OPAQUE_TARGETS, UnreadMatch, UnreadTarget
from natc.netfilter.rule import Part, Rule, Shape, UseForm
from natc.netfilter.ruleset import Book, Chain, Ruleset, Table
from natc.netfilter.targets import target_class
from natc.text.folded import (
    Folded,
    chains_named,
    declared,
    names_declared,
    place_of_chain,
    special_names_declared,
)
from natc.text.outline import Outline
from natc.text.source import Source
from natc.values import define

if TYPE_CHECKING:
    from natc.text.revised import Seen

#: Most bytes in the name of a chain (XT_EXTENSION_MAXNAMELEN less the final zero).
LONGEST_CHAIN_NAME = 28
NO_COUNTERS = "[0:0]"
_POLICIES = ("ACCEPT", "DROP")

_APPENDED = re.compile(r"[ \t]*(?:\[\d+:\d+\][ \t]*)?(?:-A|--append)[ \t]+(\S+)")
#: The shape of a rule that could not be read: its literals are the line and the chain.
_LINE = (UseForm("", False, (0,)),)
_UNREAD = Shape(
    template="%s%.0s",
    chain=1,
    family=4,
    header=Part(Header, ()),
    matches=(Part(UnreadMatch, _LINE),),
    target=Part(UnreadTarget, _LINE),
    jump=None,
    unread=True,
)


@define
class Tables:
    """The tables while a text is carried out, and the comment lines on the way."""

    source: Source
    ruleset: Ruleset
    keep: bool = False
    """Whether ``*TABLE`` leaves what an earlier part of the text put there (``--noflush``)."""
    table: Table | None = None
    remarks: list[str] = field(factory=list)
    outline: Outline = field(factory=Outline)
    """What has been seen of the open table."""
    names: set[str] = field(factory=set)
    """The names of the open table's chains."""
    all_named: bool = True
    """Whether these are all of them, and not only those that mean something else, too."""
    unnamed: str | None = None
    """The table of the lines that stand before any ``*TABLE``; None refuses them."""
    missing: list[str] | None = None
    """With a list a table may end without COMMIT, and rules name chains that nothing makes: they go there."""
    open_ended: bool = False
    """Whether the open table needs no COMMIT."""
    taken: set[str] = field(factory=set)
    """The names of all tables' chains that are those of opaque targets, for rules that are made later."""
    proved: bool = False
    """Whether the text is known to be good (:mod:`natc.text.good_dumps`, :mod:`natc.text.revised`)."""
    together: bool = False
    """Whether it is known beforehand that the rules of each chain stand together."""
    seen: Seen | None = None
    """Where to note what is seen of each table."""
    usual: bool = True
    """Whether all that was read may stay text unseen the next time."""
    rules_began: bool = False
    """Whether the open table has had a rule: a chain that is made later may have been named before."""

    # ---- the frame of a table

    def open(self, word: str, number: int) -> None:
        """Carry out ``*TABLE``."""
        name = word[1:].strip()
        self._end_here(number)
        if self.table is not None:
            raise self.source.error(
                f"table {name} begins before {self.table.name} is closed", number, expected="COMMIT"
            )
        if name not in BUILTIN_CHAINS:
            raise self.source.error(
                f"unknown table {name!r}", number, 2, len(name), expected=", ".join(BUILTIN_CHAINS)
            )
        tables = self.ruleset.tables
        if name not in tables or not self.keep:
            tables[name] = Table(name, line=number)
        self.table = tables[name]
        self.table.remarks.extend(self.remarks)
        self.remarks = []
        self.outline = Outline(doubtful=self.keep)
        self.names = set(self.table.chains)
        self.all_named = True
        self.open_ended = self.missing is not None
        self.rules_began = False

    def declare(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``:CHAIN POLICY [PACKETS:BYTES]``: an old chain of that name loses its rules."""
        name, policy = values[0][1:].lstrip(), values[1]
        table = self.opened(number)
        if len(name) > LONGEST_CHAIN_NAME or name in VERDICTS or not name.isascii():
            self._check_name(name, number, 2)
        absent = None if self.ruleset.saved else NO_COUNTERS
        counters = values[2] if len(values) > 2 and values[2].startswith("[") else absent
        builtin = name in BUILTIN_CHAINS[table.name]
        if builtin and policy == "-":
            policy = "ACCEPT"
        elif builtin and policy not in _POLICIES:
            raise self.source.error_at(f"{policy} is no policy", number, policy, expected="ACCEPT or DROP")
        elif not builtin and policy != "-":
            raise self.source.error(
                f"{name} is not a builtin chain of {table.name}: it has no policy", number, expected="-"
            )
        self._chain_made()
        before = table.chains.get(name)
        line = before.line if before else number
        table.chains[name] = Chain(name, policy if builtin else None, counters, line=line)
        self.names.add(name)

    def declare_lines(self, book: Book, start: int, end: int, number: int) -> None:
        """Carry out lines ``:CHAIN - [PACKETS:BYTES]`` that name chains of one's own."""
        table, text = self.opened(number), self.source.text
        self._chain_made()
        if self.unseen and table.later is None and not self.rules_began:
            special = special_names_declared(text, start, end)
            if special.isdisjoint(BUILTIN_CHAINS[table.name]):
                self._folded(book).declare(start, end, number)
                self.names |= special
                self.all_named = False
                return
        if not self.all_named:
            self.names |= table.chains.keys()
            self.all_named = True
        found = names_declared(text, start, end)
        names = set(found)
        if len(names) == len(found) and names.isdisjoint({*self.names, *BUILTIN_CHAINS[table.name]}):
            self._folded(book).declare(start, end, number)
            self.names |= names
            return
        for line, (name, counter) in enumerate(declared(text, start, end), number):
            self.declare((f":{name}", "-", counter), line)

    @property
    def unseen(self) -> bool:
        """Whether rules are looked at only when somebody asks for them."""
        return self.ruleset.lazy or self.proved

    def append_lines(self, book: Book, start: int, end: int) -> int:
        """Append the rules of a run; return where one stands whose chain does not exist, or the end."""
        text = self.source.text
        if self.unseen:
            self._folded(book).append_unseen(start, end)
            return end
        names = chains_named(text, start, end)
        if not self.names.issuperset(names):
            end = place_of_chain(text, start, end, self.names)
            names = chains_named(text, start, end)
        if end > start:
            self.outline.add_lines(text, start, end)
            self._folded(book).append(start, end, names)
            self.rules_began = True
        return end

    def append_line(self, book: Book, start: int, end: int, shape: Shape, values: tuple[str, ...]) -> None:
        """Append the rule of a line whose chain exists."""
        self.outline.add_rule(values[shape.chain], shape, values)
        self._folded(book).append(start, end, values[shape.chain : shape.chain + 1])
        self.rules_began = True

    def append(self, rules: list[Rule], number: int) -> None:
        """Append rules that differ from the line they were written in."""
        self.usual = False
        self.rules_began = True
        for rule in rules:
            self.chain(rule.chain, number).rules.append(rule)

    def _folded(self, book: Book) -> Folded:
        """Return what is to be made of the open table later."""
        assert self.table is not None
        if not isinstance(self.table.later, Folded):
            self.table.later = Folded(self.source.text, book, self.together)
        return self.table.later

    def _chain_made(self) -> None:
        if self.rules_began:
            self.outline.doubtful = True

    def commit(self, number: int) -> Iterator[DumpError]:
        """Carry out COMMIT; yield what the kernel would refuse of the table."""
        table = self.opened(number)
        table.end = number
        self.table, names, self.names = None, self.names, set()
        self.taken |= names & OPAQUE_TARGETS
        if self.missing is not None:
            return
        if self.unseen:
            return
        if self.seen:
            self.seen.see(table.name, self.outline, names)
        sound = self.outline.is_sound(table.name, names)
        self.usual &= sound and (not isinstance(table.later, Folded) or table.later.together)
        if not sound:
            yield from self._faults(table)

    def _end_here(self, number: int) -> None:
        """Do what COMMIT does where none stands and none is needed."""
        if self.table is not None and self.open_ended:
            for fault in self.commit(number):
                raise fault

    def _complete(self) -> None:
        """Make the chains that are missing from the whole text, and check the tables with them."""
        if self.missing is None:
            return
        for table in self.ruleset.tables.values():
            self.missing += self._make_missing(table)
            for fault in self._faults(table):
                raise fault

    def _make_missing(self, table: Table) -> Iterator[str]:
        """Make and yield the chains that rules lead to and the text does not have: what they do is open."""
        named = {_leads_to(rule): rule for rule in _rules(table)}
        for name, rule in named.items():
            if name is not None and name not in table.chains and name not in VERDICTS:
                unknown = Rule(_UNREAD, (f"chain {name} is not in the text", name), rule.line)
                table.chains[name] = Chain(name, None, NO_COUNTERS, rules=[unknown])
                yield name

    def keep_unread(self, number: int) -> None:
        """Keep a line that could not be read: a rule in its chain, as an open question, else as a comment."""
        line = self.source.line(number)
        found = _APPENDED.match(line)
        chain = self.table.chains.get(found.group(1)) if self.table and found else None
        if chain is None:
            self.remarks.append(line)
        else:
            self.outline.doubtful = True
            chain.rules.append(Rule(_UNREAD, (line, chain.name), number))

    def faults_so_far(self) -> Iterator[DumpError]:
        """Yield what is wrong with the open table, for an error on the way: the first one counts."""
        if self.table is not None:
            yield from self._faults(self.table)

    def _faults(self, table: Table) -> Iterator[DumpError]:
        """Yield what is wrong with a table; where a saved rule stands, the kernel it comes from allowed."""

        def blame(message: str, rule: Rule, word: str) -> DumpError:
            return self.source.error_at(message, rule.line, word)

        from natc.text.checks import faults

        return faults(table, blame, placed=self.ruleset.saved)

    def note(self, number: int) -> None:
        """Keep the comment lines on the way with the line they stand before."""
        if self.table is not None and self.remarks:
            self.table.notes[number] = self.remarks
            self.remarks = []

    def close(self) -> None:
        """Check that the text ended where a text may end, and keep the last comment lines."""
        if self.table is not None:
            last = self.source.text.count("\n") + self.source.first
            self._end_here(last)
            if self.table is not None:
                raise self.source.error("the table is not closed", last, expected="COMMIT")
        self._complete()
        if not self.ruleset.tables:
            raise self.source.error(
                "there is no table in this text", self.source.first, expected="a line such as *filter"
            )
        self.ruleset.remarks = self.remarks

    # ---- places

    def opened(self, number: int) -> Table:
        """Return the table the lines stand in."""
        if self.table is None and self.unnamed and not self.ruleset.tables:
            self.open(f"*{self.unnamed}", number)
            self.open_ended = True
        if self.table is None:
            raise self.source.error(
                "this line stands in no table", number, expected="a line such as *filter before it"
            )
        return self.table

    def chain(self, name: str, number: int) -> Chain:
        """Return a chain of the open table to change it; builtin chains need no declaration."""
        table = self.opened(number)
        self.outline.doubtful = True
        if name not in table.chains and name in BUILTIN_CHAINS[table.name]:
            _add_builtin(table)
            self.names.update(table.chains)
        if name not in table.chains and self.missing is not None:
            table.chains[name] = Chain(name, None, NO_COUNTERS)
            self.names.add(name)
        if name not in table.chains:
            raise self.source.error_at(f"there is no chain {name!r} in table {table.name}", number, name)
        return table.chains[name]

    def _own_chain(self, name: str, number: int) -> Chain:
        chain = self.chain(name, number)
        if chain.policy:
            raise self.source.error_at(f"{name} is a builtin chain", number, name)
        return chain

    def _check_name(self, name: str, number: int, column: int) -> None:
        if len(name.encode("utf-8", "surrogateescape")) > LONGEST_CHAIN_NAME:
            raise self.source.error(
                f"chain name {name!r} is longer than {LONGEST_CHAIN_NAME} bytes", number, column, len(name)
            )
        if name in VERDICTS:
            raise self.source.error(f"{name} is a verdict, no name for a chain", number, column, len(name))

    def _free_name(self, name: str, number: int) -> str:
        table = self.opened(number)
        self._check_name(name, number, self.source.line(number).rfind(name) + 1)
        if name in table.chains or name in BUILTIN_CHAINS[table.name]:
            raise self.source.error_at(f"there is a chain {name!r} already", number, name)
        if target_class(name) is not None or name[:1] in "-!":
            raise self.source.error_at(f"{name!r} is no name for a chain", number, name)
        return name

    def place(self, rules: list[Rule], word: str, number: int, *, more: int = 0) -> int:
        """Return the index of the rule with the number ``word``; ``more`` counts places behind the last."""
        try:
            at = number_of(word)
        except ValueError:
            at = 0
        if not 1 <= at <= len(rules) + more:
            raise self.source.error(
                f"there is no rule {word}", number, 1, max(1, len(self.source.line(number)))
            )
        return at - 1

    # ---- rules

    def insert(self, rules: list[Rule], at: str | None, number: int) -> None:
        """Carry out ``-I CHAIN [NUMBER]``: of several rules from one line the last comes first."""
        for rule in rules:
            chain = self.chain(rule.chain, number)
            place = self.place(chain.rules, at or "1", number, more=1)
            chain.rules.insert(place, rule)

    def replace(self, rules: list[Rule], at: str | None, number: int) -> None:
        """Carry out ``-R CHAIN NUMBER``."""
        if len(rules) > 1:
            raise self.source.error("a replacement is one rule, not several addresses", number)
        chain = self.chain(rules[0].chain, number)
        chain.rules[self.place(chain.rules, at or "1", number)] = rules[0]

    def delete(self, rules: list[Rule], _at: str | None, number: int) -> None:
        """Carry out ``-D CHAIN RULE``: the first rule that says the same goes."""
        for rule in rules:
            self.check([rule], None, number)
            self.chain(rule.chain, number).rules.remove(rule)

    def check(self, rules: list[Rule], _at: str | None, number: int) -> None:
        """Carry out ``-C CHAIN RULE``: such a rule must be there."""
        for rule in rules:
            if rule not in self.chain(rule.chain, number).rules:
                width = max(1, len(self.source.line(number)))
                raise self.source.error(f"{rule.chain} has no such rule", number, 1, width)

    # ---- other orders

    def delete_number(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-D CHAIN NUMBER``."""
        *_, name, at = values
        rules = self.chain(name, number).rules
        del rules[self.place(rules, at, number)]

    def new_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-N CHAIN``."""
        if self.missing is not None:
            self._list_again(values[0], number)
            return
        name = self._free_name(values[0], number)
        self._chain_made()
        self.opened(number).chains[name] = Chain(name, None, NO_COUNTERS, line=number)
        self.names.add(name)

    def policy(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-P CHAIN POLICY``."""
        chain = self.chain(values[0], number)
        if not chain.policy:
            raise self.source.error_at(
                f"{chain.name} is no builtin chain: it has no policy", number, chain.name
            )
        if values[1] not in _POLICIES:
            raise self.source.error_at(
                f"{values[1]} is no policy", number, values[1], expected="ACCEPT or DROP"
            )
        chain.policy = values[1]
        if self.missing is not None:
            chain.rules.clear()

    def _list_again(self, name: str, number: int) -> None:
        """Begin the listing of a chain that may have been named or listed before: this one counts."""
        self._check_name(name, number, self.source.line(number).rfind(name) + 1)
        self.opened(number).chains[name] = Chain(name, None, NO_COUNTERS)
        self.names.add(name)

    def flush(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-F [CHAIN]``."""
        for chain in self._chains(values, number):
            chain.rules.clear()

    def zero(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-Z [CHAIN [NUMBER]]``."""
        rules: slice = slice(None)
        for chain in self._chains(values[:1], number):
            if len(values) > 1:
                at = self.place(chain.rules, values[1], number)
                rules = slice(at, at + 1)
            else:
                chain.counters = NO_COUNTERS
            chain.rules[rules] = [_without_counters(rule) for rule in chain.rules[rules]]

    def show(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-L`` and ``-S``, which change nothing."""
        self._chains(values[:1], number)

    def delete_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-X [CHAIN]``: the chain must be empty and nothing may lead to it."""
        table = self.opened(number)
        names = [self._own_chain(name, number).name for name in values] or [
            chain.name for chain in table.chains.values() if not chain.policy
        ]
        for name in names:
            if table.chains[name].rules:
                raise self.source.error_at(f"chain {name!r} is not empty", number, name)
            leading = next((rule for rule in _rules(table) if _leads_to(rule) == name), None)
            if leading is not None:
                raise self.source.error_at(f"line {leading.line} leads to chain {name!r}", number, name)
        for name in names:
            del table.chains[name]
            self.names.discard(name)

    def rename_chain(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``-E OLD NEW``: the jumps follow."""
        old, new = values
        table = self.opened(number)
        chain = self._own_chain(old, number)
        self._free_name(new, number)
        self.outline.doubtful = True
        chain.name = new
        for other in table.chains.values():
            other.rules[:] = [_renamed(rule, old, new) for rule in other.rules]
        renamed = {chain.name: chain for chain in table.chains.values()}
        table.chains.clear()
        table.chains.update(renamed)
        self.names = set(renamed)

    def _chains(self, names: tuple[str, ...], number: int) -> list[Chain]:
        table = self.opened(number)
        return [self.chain(name, number) for name in names] or [*table.chains.values()]


def _add_builtin(table: Table) -> None:
    """Add the builtin chains that were not declared, in front and in the order of a save."""
    declared = dict(table.chains)
    table.chains.clear()
    for name in BUILTIN_CHAINS[table.name]:
        table.chains[name] = declared.get(name) or Chain(name, "ACCEPT", NO_COUNTERS)
    table.chains.update(declared)


def _rules(table: Table) -> Iterator[Rule]:
    for chain in table.chains.values():
        yield from chain.rules


def _leads_to(rule: Rule) -> str | None:
    return None if rule.shape.jump is None else rule.values[rule.shape.jump]


def _renamed(rule: Rule, old: str, new: str) -> Rule:
    places = {rule.shape.chain, rule.shape.jump}
    values = tuple(new if i in places and word == old else word for i, word in enumerate(rule.values))
    return rule if values == rule.values else Rule(rule.shape, values, rule.line)


def _without_counters(rule: Rule) -> Rule:
    place = rule.shape.counters
    if place is None:
        return rule
    return Rule(rule.shape, (*rule.values[:place], NO_COUNTERS, *rule.values[place + 1 :]), rule.line)
