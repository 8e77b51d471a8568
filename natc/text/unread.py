"""Rules and chains of which only a name or a line is known: what they do is an open question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from natc.netfilter.header import Header
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.opaque import UnreadMatch, UnreadTarget
from natc.netfilter.rule import Part, Rule, Shape, UseForm
from natc.netfilter.ruleset import Chain, Table
from natc.text.source import APPENDING
from natc.text.tables import NO_COUNTERS

_APPENDED = re.compile(rf"{APPENDING}[ \t]+(\S+)")
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


def appends_to(line: str) -> str:
    """Return the name of the chain that a line appends to, empty if it is no such line."""
    found = _APPENDED.match(line)
    return found.group(1) if found else ""


def unread_rule(line: str, chain: str, number: int) -> Rule:
    """Return what is kept of a rule that could not be read."""
    return Rule(_UNREAD, (line, chain), number)


def unread_chain(name: str, number: int) -> Chain:
    """Return a chain of which only the name is known, from line ``number``."""
    unknown = unread_rule(f"chain {name} is not in the text", name, number)
    return Chain(name, None, NO_COUNTERS, rules=[unknown])


def make_missing(table: Table) -> Iterator[str]:
    """Make and yield the chains that rules lead to and the text does not have."""
    named = {rule.jump: rule for rule in rules_of(table)}
    for name, rule in named.items():
        if name is not None and name not in table.chains and name not in VERDICTS:
            table.chains[name] = unread_chain(name, rule.line)
            yield name


def rules_of(table: Table) -> Iterator[Rule]:
    """Yield the rules of all chains of a table."""
    for chain in table.chains.values():
        yield from chain.rules
