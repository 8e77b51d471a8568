"""What the lines of a text do to the tables, as iptables-restore carries them out.

Facts: iptables-restore of iptables 1.8.9, asked line by line: ``*TABLE`` empties the table, a chain
line makes or empties a chain, the builtin chains are there without being declared, COMMIT must follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from natc.errors import DumpError
from natc.netfilter.hooks import BUILTIN_CHAINS, VERDICTS
from natc.netfilter.opaque import OPAQUE_TARGETS
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.ruleset import Book, Chain, Ruleset, Table
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
from natc.values import define, field

if TYPE_CHECKING:
    from natc.text.revised import Seen

#: Most bytes in the name of a chain (XT_EXTENSION_MAXNAMELEN less the final zero).
LONGEST_CHAIN_NAME = 28
NO_COUNTERS = "[0:0]"
POLICIES = ("ACCEPT", "DROP")


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
    parts: list[str] | None = None
    """With a list a table may be part of one (:meth:`is_part`); the chains another text makes go there."""
    numbered: bool = False
    """Whether a rule of the open table was given the number it is to have."""
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
        self.rules_began = self.numbered = False

    def declare(self, values: tuple[str, ...], number: int) -> None:
        """Carry out ``:CHAIN POLICY [PACKETS:BYTES]``: an old chain of that name loses its rules.

        Of the policy of a chain of one's own nf_tables' iptables-restore thinks nothing: it may be any word.
        """
        name, policy = values[0][1:].lstrip(), values[1]
        table = self.opened(number)
        if len(name) > LONGEST_CHAIN_NAME or name in VERDICTS or not name.isascii():
            self.check_name(name, number, 2)
        absent = None if self.ruleset.saved else NO_COUNTERS
        counters = values[2] if len(values) > 2 and values[2].startswith("[") else absent
        builtin = name in BUILTIN_CHAINS[table.name]
        if builtin and policy == "-":
            policy = "ACCEPT"
        elif builtin and policy not in POLICIES:
            raise self.source.error_at(f"{policy} is no policy", number, policy, expected="ACCEPT or DROP")
        self.chain_made()
        before = table.chains.get(name)
        line = before.line if before else number
        table.chains[name] = Chain(name, policy if builtin else None, counters, line=line)
        self.names.add(name)

    def declare_lines(self, book: Book, start: int, end: int, number: int) -> None:
        """Carry out lines ``:CHAIN - [PACKETS:BYTES]`` that name chains of one's own."""
        table, text = self.opened(number), self.source.text
        self.chain_made()
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

    def chain_made(self) -> None:
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
            self._add_undeclared(table)
            return
        if self.is_part(table):
            self._leave_open(table)
        if self.seen:
            self.seen.see(table.name, self.outline, names)
        sound = self.outline.is_sound(table.name, names)
        self.usual &= sound and (not isinstance(table.later, Folded) or table.later.together)
        if not sound:
            yield from self._faults(table)

    def _add_undeclared(self, table: Table) -> None:
        """Add the builtin chains to a table, rules of which name one that it does not declare."""
        missing = [name for name in BUILTIN_CHAINS[table.name] if name not in table.chains_made]
        later = table.later
        if self.ruleset.lazy and isinstance(later, Folded) and any(map(later.has_rules, missing)):
            table.later = None  # or its chains would be made
            _add_builtin(table)
            table.later = later

    def is_part(self, table: Table) -> bool:
        """Tell whether a text only adds to what a table holds, as for ``iptables-restore --noflush``.

        It names none of the builtin chains, as every save and every whole rules file does, but chains of its
        own (those of ufw) or rules at numbers (firewalld).
        """
        builtin = BUILTIN_CHAINS[table.name]
        if self.parts is None or any(
            table.chains_made[name].line for name in builtin if name in table.chains_made
        ):
            return False
        named = {chain.name for chain in table.chains.values() if chain.line}
        return named.isdisjoint(builtin) and (bool(named) or self.numbered)

    def _leave_open(self, table: Table) -> None:
        """Make the chains that rules lead to and another text makes."""
        from natc.text.unread import make_missing

        assert self.parts is not None
        made = [*make_missing(table)]
        table.elsewhere.update(made)
        self.parts += made
        self.usual &= not made

    def _end_here(self, number: int) -> None:
        """Do what COMMIT does where none stands and none is needed."""
        if self.table is not None and self.open_ended:
            for fault in self.commit(number):
                raise fault

    def _complete(self) -> None:
        """Make the chains that are missing from the whole text, and check the tables with them."""
        if self.missing is None:
            return
        from natc.text.unread import make_missing

        for table in self.ruleset.tables.values():
            self.missing += make_missing(table)
            for fault in self._faults(table):
                raise fault

    def keep_unread(self, number: int) -> None:
        """Keep a line that could not be read: a rule in its chain, as an open question, else as a comment."""
        from natc.text.unread import appends_to, unread_rule

        line = self.source.line(number)
        chain = self.table.chains.get(appends_to(line)) if self.table else None
        if chain is None:
            self.remarks.append(line)
        else:
            self.outline.doubtful = True
            chain.rules.append(unread_rule(line, chain.name, number))

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

    def remark(self, line: str, number: int) -> None:
        """Keep a comment line; an empty one only where the text is to come back as it stands.

        A rule marked for the other family (``-4``, ``-6``) comes here as an empty line: it is passed over.
        """
        if line.startswith("#"):
            self.remarks.append(line)
        elif line and not line.strip():
            raise self.source.error("a line of blanks is none iptables-restore takes", number, 1, len(line))
        elif not line and self.ruleset.saved:
            self.remarks.append(line)

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
        if name not in table.chains and self.is_part(table):
            from natc.text.unread import unread_chain

            assert self.parts is not None
            table.chains[name] = unread_chain(name, number)
            table.elsewhere.add(name)
            self.parts.append(name)
            self.names.add(name)
        if name not in table.chains:
            raise self._no_chain(table, name, number)
        return table.chains[name]

    def _no_chain(self, table: Table, name: str, number: int) -> DumpError:
        from natc.text.checks import nearest

        return self.source.error_at(
            f"there is no chain {name!r} in table {table.name}", number, name,
            expected=nearest(name, [*table.chains, *BUILTIN_CHAINS[table.name]]),
        )  # fmt: skip

    def check_name(self, name: str, number: int, column: int) -> None:
        if len(name.encode("utf-8", "surrogateescape")) > LONGEST_CHAIN_NAME:
            raise self.source.error(
                f"chain name {name!r} is longer than {LONGEST_CHAIN_NAME} bytes", number, column, len(name)
            )
        if name in VERDICTS:
            raise self.source.error(f"{name} is a verdict, no name for a chain", number, column, len(name))


def _add_builtin(table: Table) -> None:
    """Add the builtin chains that were not declared, in front and in the order of a save."""
    declared = dict(table.chains)
    table.chains.clear()
    for name in BUILTIN_CHAINS[table.name]:
        table.chains[name] = declared.get(name) or Chain(name, "ACCEPT", NO_COUNTERS)
    table.chains.update(declared)
