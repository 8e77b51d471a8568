"""A node's rules as text, chain by chain: what a dump shows, and what kube-proxy should have written.

Most chains of most nodes are as they should be, and to tell so no rule has to be made: of a dump of
175,000 rules comparing texts takes 0.1 s of CPU, comparing rules four.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from natc.compile import ProxyConfig
from natc.compile.saved import saved_tables
from natc.kube.model import Cluster
from natc.netfilter.blocks import Blocks
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain, Ruleset, Table
from natc.text.delivered import known_shapes
from natc.text.reader import read
from natc.values import field, frozen

Chains = Mapping[str, str]
"""By name the lines of a chain's rules in save form without counters, each ended by a newline."""
Kept = Mapping[str, Mapping[str, Collection[str] | None]]
"""By table and chain the lines that are kept of it, None for all."""

_COUNTERS = re.compile(r"^\[\d+:\d+\] (?=-A )", re.MULTILINE)


@frozen(eq=False)
class Expected:
    """What kube-proxy should have written."""

    family: int
    tables: Mapping[str, Chains]

    @classmethod
    def of(cls, cluster: Cluster, config: ProxyConfig) -> Expected:
        """Compile a cluster. Raises NatcError where that kube-proxy would crash on it."""
        return cls(6 if config.is_ipv6 else 4, saved_tables(cluster, config))

    def part(self, kept: Kept) -> Ruleset:
        """Return a ruleset of some of the chains."""
        return read("".join(self._lines(kept)), file="<compiled>", family=self.family, cache=known_shapes())

    def _lines(self, kept: Kept) -> Iterator[str]:
        for table, chains in self.tables.items():
            names = [name for name in chains if name in kept[table]]
            yield f"*{table}\n"
            for name in names:
                yield f":{name} {'ACCEPT' if name in BUILTIN_CHAINS[table] else '-'} [0:0]\n"
            for name in names:
                lines = kept[table][name]
                whole = chains[name]
                yield whole if lines is None else "".join(filter(lines.__contains__, whole.splitlines(True)))
            yield "COMMIT\n"


@frozen(eq=False)
class Shown:
    """What a dump shows."""

    ruleset: Ruleset
    tables: Mapping[str, Chains]
    blocks: Mapping[str, Blocks] = field(repr=False)
    """Of each table where its rules stand, of those whose chains did not have to be made."""

    @classmethod
    def of(cls, ruleset: Ruleset) -> Shown:
        """Take down a dump; for most chains that is what stands in its text."""
        found = {name: table.blocks() for name, table in ruleset.tables.items()}
        blocks = {name: each for name, each in found.items() if each is not None}
        tables = {
            name: _plain(blocks[name]) if name in blocks else _made(table)
            for name, table in ruleset.tables.items()
        }
        return cls(ruleset, tables, blocks)

    def rules(self, table: str, chain: str, most: int | None = None) -> list[Rule]:
        """Return the first rules of a chain or all, none where there is no such chain."""
        if table in self.blocks:
            return self.blocks[table].rules(chain, most)
        return self._chain_rules(table, chain)[:most]

    def rules_with(self, table: str, chain: str, word: str) -> list[Rule]:
        """Return the rules of a chain in whose text a word stands."""
        if table in self.blocks:
            return self.blocks[table].rules_with(chain, word)
        return [rule for rule in self._chain_rules(table, chain) if word in rule.text]

    def _chain_rules(self, table: str, chain: str) -> list[Rule]:
        found = self.ruleset.tables.get(table)
        return found.chains[chain].rules if found and chain in found.chains else []

    def part(self, kept: Kept) -> Ruleset:
        """Return a ruleset of some of the chains; their rules are those of the dump, lines and all."""
        out = Ruleset(family=self.ruleset.family, file=self.ruleset.file)
        for name, chains in kept.items():
            if name in self.ruleset.tables:
                whole = self.ruleset.tables[name]
                found = {chain: whole.chain(chain) for chain in self.tables[name] if chain in chains}
                own = {
                    chain: made if chains[chain] is None else self._some(name, made, chains[chain])
                    for chain, made in found.items()
                    if made is not None
                }
                out.tables[name] = Table(name, own, whole.line)
        return out

    def _some(self, table: str, chain: Chain, lines: Collection[str] | None) -> Chain:
        assert lines is not None
        out = Chain(chain.name, chain.policy, chain.counters, chain.line)
        if table not in self.blocks:
            out.rules.extend(rule for rule in chain.rules if f"{rule.save()}\n" in lines)
        elif self.blocks[table].texts[chain.name]:
            book, place, end = self.blocks[table].passage(chain.name)
            for line in book.text[place:end].splitlines(keepends=True):
                if _COUNTERS.sub("", line) in lines:
                    out.append_later((book, place, place + len(line)))
                place += len(line)
        return out


def _plain(blocks: Blocks) -> Chains:
    """Return the texts of chains without counters."""
    if not blocks.counted:
        return blocks.texts
    return {chain: _COUNTERS.sub("", lines) for chain, lines in blocks.texts.items()}


def _made(table: Table) -> Chains:
    """Return the texts of a table's chains: what stands in its text, or how a save shows the rules."""
    return {chain.name: _text_of(chain) for chain in table.chains.values()}


def _text_of(chain: Chain) -> str:
    if chain.passage is None:
        return "".join([f"{rule.save()}\n" for rule in chain.rules])
    book, start, end = chain.passage
    return _COUNTERS.sub("", book.text[start:end])
