"""The lines of a chain that are one rule each for one destination address, while they stand in a text.

Of the 10,000 lines of a large KUBE-SERVICES a question asks for one address. A search through them takes
0.3 ms, CPU, putting all of them into a dictionary 12; that is done once several addresses were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from natc.trace.chain.index import DOTTED, Address, single_address
from natc.values import define, field

#: So many addresses are searched for one by one.
_SEARCHES = 8
_HOSTS = {4: rf"({DOTTED})/32", 6: r"([0-9a-fA-F:.]+)/128"}


@define(eq=False)
class LinesByAddress:
    """Lines between two places of a text, by their numbers from 0."""

    text: str
    start: int
    end: int
    family: int
    _asked: dict[Address, list[int]] = field(factory=dict)
    """The lines of addresses that were asked for, or of all."""
    _all: bool = False
    _others: list[int] = field(factory=list)
    """The lines without an address, once all lines were looked at."""

    def numbers(self, address: Address) -> list[int]:
        """Return the lines that begin as a save begins a rule for this address and no other."""
        if address not in self._asked and not self._all:
            if self.family == 6 or len(self._asked) >= _SEARCHES:
                self._sort()
            else:
                self._asked[address] = list(self._search(str(address)))
        return self._asked.get(address, [])

    def names(self, addresses: frozenset[Address]) -> bool:
        """Tell whether one of some addresses has a line."""
        self._sort()
        return not addresses.isdisjoint(self._asked)

    def others(self) -> Iterator[int]:
        """Yield the lines that are no such rule for any address."""
        if self.family == 6:  # where what looks like an address may be none
            self._sort()
            yield from self._others
            return
        if not _line(self.family).match(self.text, self.start, self.end):
            yield 0
        number, place = 0, self.start
        commas = self.text.find(",", self.start, self.end) >= 0
        for found in _other(self.family, commas).finditer(self.text, self.start, self.end):
            if found.end() < self.end:
                number += self.text.count("\n", place, found.end())
                place = found.end()
                yield number

    def _search(self, address: str) -> Iterator[int]:
        words, at = f" -d {address}/32 ", self.start
        while (at := self.text.find(words, at, self.end)) >= 0:
            line = max(self.start, self.text.rfind("\n", self.start, at) + 1)
            found = _line(self.family).match(self.text, line, self.end)
            if found and found.start(1) == at + len(" -d "):
                yield self.text.count("\n", self.start, line)
            at += 1

    def _sort(self) -> None:
        """Note the lines of all addresses, and the others."""
        if self._all:
            return
        self._asked, self._all = {}, True
        for number, written in enumerate(_any_line(self.family).findall(self.text, self.start, self.end)):
            address = single_address(written, self.family) if written else None
            if address is None:
                self._others.append(number)
            else:
                self._asked.setdefault(address, []).append(number)


def _rule(family: int) -> str:
    return rf"(?:\[\d+:\d+\] )?-A \S+ -d {_HOSTS[family]} "


#: A list of addresses would be several rules.
_NO_LIST = r"[^,\n]*\n"


@lru_cache(maxsize=2)
def _line(family: int) -> re.Pattern[str]:
    return re.compile(_rule(family) + _NO_LIST)


@lru_cache(maxsize=2)
def _any_line(family: int) -> re.Pattern[str]:
    return re.compile(rf"(?:{_rule(family)}{_NO_LIST}|.*\n)")


@lru_cache(maxsize=4)
def _other(family: int, commas: bool) -> re.Pattern[str]:
    """Match what stands before another line. Of 10,000 lines CPU: 2 ms, where there are commas 9."""
    return re.compile(rf"\n(?!{_rule(family)}{_NO_LIST if commas else ''})")
