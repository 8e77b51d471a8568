"""The chains and jumps kube-proxy makes one by one before its first restore (layout 4, history C)."""

from __future__ import annotations

from natc.compile.layouts import Jump, Layout
from natc.compile.names import MARK_DROP, PROXY_CANARY
from natc.compile.node import NodeTables

#: The tables in which a canary chain shows whether something flushed them, in order.
CANARY_TABLES = ("mangle", "nat", "filter")


def prepare(tables: NodeTables, layout: Layout) -> None:
    """Make canaries, chains and jumps as kube-proxy does at its start."""
    if layout.canary:
        for table in CANARY_TABLES:
            tables.make_chain(table, PROXY_CANARY)
    for jump in layout.jumps:
        prepend_jump(tables, jump)
    if layout.makes_mark_drop:
        tables.make_chain("nat", MARK_DROP)


def prepend_jump(tables: NodeTables, jump: Jump) -> None:
    """Make the chain a jump leads to, and put the jump first where it is missing."""
    tables.make_chain(jump.table, jump.to)
    tables.prepend(jump.table, jump.chain, f"{jump.match} -j {jump.to}".lstrip())
