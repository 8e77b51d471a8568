"""A node's rules as text, chain by chain: what a dump shows, and what kube-proxy should have written.

Most chains of most nodes are as they should be, and to tell so no rule has to be made: of a dump of
175,000 rules comparing texts takes 0.1 s of CPU, comparing rules four.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from attrs import field, frozen

from natc.analysis.service_chains import SHARED_CHAINS
from natc.compile import ProxyConfig
from natc.compile.compiler import node_tables
from natc.kube.model import Cluster
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.ruleset import Chain, Passage, Ruleset, Table
from natc.text.delivered import known_shapes
from natc.text.reader import read
from natc.text.respell import Respeller

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
        tables = node_tables(cluster, config).tables
        family = 6 if config.is_ipv6 else 4
        return cls(
            family, {table: Respeller(table, family).chains(chains) for table, chains in tables.items()}
        )

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
    passages: Mapping[tuple[str, str], Passage] = field(repr=False)
    """Where the rules of the chains that all share stand, noted before anybody asks for them."""

    @classmethod
    def of(cls, ruleset: Ruleset) -> Shown:
        """Take down a dump; for most chains that is what stands in its text."""
        tables: dict[str, dict[str, str]] = {}
        passages: dict[tuple[str, str], Passage] = {}
        counted: dict[int, bool] = {}  # by a book's identity: whether counters stand before its rules
        for name, table in ruleset.tables.items():
            texts = tables[name] = {}
            for chain in table.chains.values():
                passage = chain.passage
                if passage is None:
                    texts[chain.name] = "".join([f"{rule.save()}\n" for rule in chain.rules])
                    continue
                book, start, end = passage
                if (name, chain.name) in SHARED_CHAINS:
                    passages[name, chain.name] = passage
                if id(book) not in counted:
                    counted[id(book)] = "\n[" in book.text or book.text.startswith("[")
                text = book.text[start:end]
                texts[chain.name] = _COUNTERS.sub("", text) if counted[id(book)] else text
        return cls(ruleset, tables, passages)

    def part(self, kept: Kept) -> Ruleset:
        """Return a ruleset of some of the chains; their rules are those of the dump, lines and all."""
        out = Ruleset(family=self.ruleset.family, file=self.ruleset.file)
        for name, chains in kept.items():
            if name in self.ruleset.tables:
                whole = self.ruleset.tables[name]
                own = {
                    chain.name: chain
                    if chains[chain.name] is None
                    else self._some(name, chain, chains[chain.name])
                    for chain in whole.chains.values()
                    if chain.name in chains
                }
                out.tables[name] = Table(name, own, whole.line)
        return out

    def _some(self, table: str, chain: Chain, lines: Collection[str] | None) -> Chain:
        assert lines is not None
        out = Chain(chain.name, chain.policy, chain.counters, chain.line)
        passage = self.passages.get((table, chain.name))
        if passage is None:
            out.rules.extend(rule for rule in chain.rules if f"{rule.save()}\n" in lines)
            return out
        book, place, end = passage
        for line in book.text[place:end].splitlines(True):
            if _COUNTERS.sub("", line) in lines:
                out.append_later((book, place, place + len(line)))
            place += len(line)
        return out
