"""The tables of a node as iptables commands and restores leave them, before anything prints them.

Rules stay in the words they were given in; :mod:`natc.text` turns them into the words iptables-save
uses.
"""

from __future__ import annotations

from collections.abc import Iterable

from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.values import define, field


@define
class NodeTables:
    """A node's tables, in the order in which they were first touched."""

    tables: dict[str, dict[str, list[str]]] = field(factory=dict)
    """Table -> chain -> whole ``-A`` lines."""

    def make_chain(self, table: str, chain: str) -> list[str]:
        """Return the chain's rules; make table and chain if missing."""
        chains = self.tables.get(table)
        if chains is None:
            chains = self.tables[table] = {name: [] for name in BUILTIN_CHAINS[table]}
        return chains.setdefault(chain, [])

    def prepend(self, table: str, chain: str, rule: str) -> None:
        """Put a rule first in a chain, unless the chain already has it."""
        rules = self.make_chain(table, chain)
        line = f"-A {chain} {rule}"
        if line not in rules:
            rules.insert(0, line)

    def append(self, table: str, chain: str, rule: str) -> None:
        """Put a rule last in a chain, unless the chain already has it."""
        rules = self.make_chain(table, chain)
        line = f"-A {chain} {rule}"
        if line not in rules:
            rules.append(line)

    def restore(self, table: str, chain_lines: Iterable[str], rules: Iterable[str]) -> None:
        """Do what ``iptables-restore --noflush`` does with one table: each chain line empties its chain."""
        for line in chain_lines:
            self.make_chain(table, line[1 : line.index(" ")]).clear()
        chains = self.tables[table]
        for rule in rules:
            chains[rule[3 : rule.index(" ", 3)]].append(rule)

    def text(self, remark: str) -> str:
        """Return the tables in restore syntax, ``remark`` before each.

        The newest table stands first, as the kernel lists them and legacy iptables-save prints them
        (end of history F).
        """
        lines: list[str] = []
        for table, chains in reversed(self.tables.items()):
            lines += (remark, f"*{table}")
            builtin = BUILTIN_CHAINS[table]
            lines += [f":{name} {'ACCEPT' if name in builtin else '-'} [0:0]" for name in chains]
            for rules in chains.values():
                lines += rules
            lines.append("COMMIT")
        return "\n".join(lines) + "\n"
