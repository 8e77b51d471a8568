"""What every check works on: a dump with what several checks want to know of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from natc.analysis.audit import Service, audit
from natc.analysis.chains.graph import ChainGraph
from natc.analysis.chains.sheets import Folder
from natc.analysis.findings import Finding
from natc.errors import DumpError
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain, Ruleset
from natc.values import define, field, frozen

#: Lets loopback addresses in by every interface; and the same of single ones.
EVERY_LOCALNET = "net.ipv4.conf.all.route_localnet"
_LOCALNET = re.compile(r"net\.ipv4\.conf\.(?!(?:lo|default)\.).+\.route_localnet")


@define
class Dump:
    """One dump of a node."""

    ruleset: Ruleset
    problems: Sequence[DumpError] = ()
    """What was wrong with the lines that could not be read."""
    others: Sequence[Ruleset] = ()
    """Other dumps of the same node that were given before it."""
    sysctls: Mapping[str, int] = field(factory=dict)
    """What the node showed of its sysctls, by their dotted names."""
    folder: Folder = field(init=False)
    """The chains as they are written."""
    _graphs: dict[str, ChainGraph] = field(factory=dict)
    _services: tuple[Service, ...] | None = None

    def __attrs_post_init__(self) -> None:
        self.folder = Folder(self.ruleset)

    @property
    def services(self) -> tuple[Service, ...]:
        """Every service destination, as ``natc audit`` sees it."""
        if self._services is None:
            self._services = audit(self.ruleset, self.folder)
        return self._services

    def graph(self, table: str) -> ChainGraph | None:
        """Return the graph of a table's chains, None where there is no such table."""
        sheets = self.folder.table(table)
        if sheets is None:
            return None
        if table not in self._graphs:
            self._graphs[table] = ChainGraph.of(sheets)
        return self._graphs[table]

    def graphs(self) -> Iterator[ChainGraph]:
        """Yield the graphs of all tables."""
        for name in self.ruleset.tables:
            graph = self.graph(name)
            assert graph is not None
            yield graph

    def chain(self, table: str, name: str) -> Chain | None:
        """Return a chain, None where there is none."""
        sheets = self.folder.table(table)
        return sheets.table.chain(name) if sheets else None

    def rules(self, table: str, name: str) -> list[Rule]:
        """Return a chain's rules, none where there is no such chain."""
        sheets = self.folder.table(table)
        return sheets.numbered(name) if sheets else []

    @property
    def localnet(self) -> str | None:
        """A sysctl that lets loopback addresses in from elsewhere, empty if none does; None if not shown.

        First that of all interfaces, which counts whatever an interface's own is (IN_DEV_ORCONF of
        inetdevice.h). What interfaces that come later begin with, ``default``, says nothing of any.
        """
        shown = {name: value for name, value in self.sysctls.items() if _LOCALNET.fullmatch(name)}
        letting = (name for name in (EVERY_LOCALNET, *sorted(shown)) if shown.get(name))
        return next(letting, "") if shown else None

    def hooks(self, table: str, chain: str) -> frozenset[str]:
        """Return the builtin chains from which a chain is reached."""
        graph = self.graph(table)
        return graph.hooks(chain) if graph else frozenset()


@frozen
class Check:
    """One thing that can be wrong with a node."""

    code: str
    title: str
    """What it finds, in a few words."""
    why: str
    """Why it matters, in a sentence."""
    thread: str
    """A thread of somebody whom it hit: OWNER/REPOSITORY#NUMBER; empty where none is known."""
    find: Callable[[Dump], Iterator[tuple[int, str, str]]] = field(repr=False)
    """Yields line, service and message of each finding."""

    def findings(self, dump: Dump) -> Iterator[Finding]:
        """Yield what the check finds in a dump."""
        for line, service, message in self.find(dump):
            details = {"file": dump.ruleset.file, "why": self.why, "thread": self.thread or None}
            yield Finding(self.code, message, service, line, details)
