"""Which destinations the rules behind PREROUTING tell apart.

A rule asks for addresses and ports between constants; packets that lie between the same constants go the
same way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from natc.analysis.chains.sheets import Folder, Sheets
from natc.analysis.service_chains import jump_of
from natc.netfilter.condition import All, Condition, In, Not, Some
from natc.netfilter.intervals import Intervals
from natc.values import define, field


@define
class Classes:
    """The classes of a ruleset's destinations."""

    folder: Folder
    _addresses: list[int] = field(init=False)
    """The destinations at which a class begins, in order."""
    _ports: list[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._addresses = sorted(set(self._constants("dst")))
        self._ports = sorted(set(self._constants("dport")))

    def of(self, address: object, port: object) -> tuple[int | None, int | None]:
        """Return the classes of a packet's destination and port, None for one that is open."""
        return (
            bisect_right(self._addresses, address) if isinstance(address, int) else None,
            bisect_right(self._ports, port) if isinstance(port, int) else None,
        )

    def _constants(self, name: str) -> Iterator[int]:
        for table in self.folder.ruleset.tables:
            sheets = self.folder.table(table)
            assert sheets is not None
            for chain in _behind(sheets) if table == "nat" else sheets.names:
                for rule in sheets.rules(chain):
                    yield from _bounds(rule.condition, name)


def _behind(nat: Sheets) -> set[str]:
    """Return the chains of nat that are reached behind PREROUTING."""
    found, waiting = set[str](), ["POSTROUTING", "INPUT"]
    while waiting:
        name = waiting.pop()
        if name in nat.names and name not in found:
            found.add(name)
            waiting += [jump_of(rule) for rule in nat.rules(name)]
    return found


def _bounds(condition: Condition, name: str) -> Iterator[int]:
    """Yield where a condition begins or ceases to hold for values of a field."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from _bounds(part, name)
    elif isinstance(condition, Not):
        yield from _bounds(condition.body, name)
    elif isinstance(condition, In) and condition.field == name and isinstance(condition.values, Intervals):
        for low, high in condition.values:
            yield from (low, high)
