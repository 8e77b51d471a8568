"""What belongs together in the texts of two nodes: service ports, with all that either side has of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from natc.analysis.drift.written import Chains
from natc.analysis.service_chains import OWN_NAME, SHARED_CHAINS, name_in
from natc.kube.proxy_names import SERVICE_PORT
from natc.values import define, field

Tables = Mapping[str, Chains]
Place = tuple[str, str]
"""A table and one of its chains."""
Shared = dict[str, list[tuple[Place, str]]]
"""Lines with the place of each, by service port."""

OWN = re.compile(rf"{OWN_NAME}(?!\S)")
_COMMENT = re.compile(r' --comment (?:"([^"]*)"|(\S+))')
#: A line whose comment begins with a name, as nearly all do, or any other.
_LINE = re.compile(
    rf"^(?:(-A \S+ (?:-d \S+ )?(?:-p \w+ )?-m comment --comment "
    rf"(?:\"({SERVICE_PORT}) [^\"\n]*\"|({SERVICE_PORT})) .*\n)|(.*\n))",
    re.MULTILINE,
)
#: Words are looked for one by one in a text; of more than so many an index is made.
_ONE_BY_ONE = 40


def named(line: str) -> str:
    """Return the service port that a line's comment names, empty when it names none."""
    comment = _COMMENT.search(line)
    return name_in(comment[1] or comment[2] or "") if comment else ""


def by_service(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a chain, each with the service port that it names.

    Measured on 11,000 lines, CPU: 10 ms, one by one 25.
    """
    for line, quoted, bare, other in _LINE.findall(text):
        yield quoted or bare or named(other), line or other


def shared_lines(tables: Tables) -> Shared:
    """Return the lines of the chains that all share by the service port that they name, empty for none."""
    found: Shared = {}
    for table, name in SHARED_CHAINS:
        for service, line in by_service(tables.get(table, {}).get(name, "")):
            found.setdefault(service, []).append(((table, name), line))
    return found


@define
class Side:
    """One of two nodes, and where names stand in its texts."""

    nat: Chains
    shared: Shared
    """Its lines in the chains that all share."""
    _whole: str = field(init=False)
    _index: dict[str, list[str]] | None = None

    def __attrs_post_init__(self) -> None:
        self._whole = "".join(self.nat.values())

    def leading_to(self, chains: set[str]) -> Iterator[str]:
        """Yield the lines in which chains of single service ports are named."""
        if len(chains) <= _ONE_BY_ONE and self._index is None:
            yield from self._lines(chains)
            return
        if self._index is None:
            self._index = {}
            for line in self._whole.splitlines(keepends=True):
                for name in dict.fromkeys(OWN.findall(line)):
                    self._index.setdefault(name, []).append(line)
        for chain in chains:
            yield from self._index.get(chain, ())

    def _lines(self, words: Iterable[str]) -> Iterator[str]:
        """Yield the lines of nat in which any of some words stands."""
        for word in words:
            place = self._whole.find(word)
            while place >= 0:
                start, end = self._whole.rfind("\n", 0, place) + 1, self._whole.index("\n", place) + 1
                yield self._whole[start:end]
                place = self._whole.find(word, end)


@define
class Near:
    """Chains and shared lines, grown until they hold all that either side has of some service ports."""

    sides: tuple[Side, Side]
    own: set[str] = field(factory=set)
    services: set[str] = field(factory=set)
    lines: dict[tuple[str, str], set[str]] = field(init=False)
    """Of each chain that all share the lines that are kept."""

    def __attrs_post_init__(self) -> None:
        self.lines = {place: set() for place in SHARED_CHAINS}

    def add(self, own: Iterable[str], services: Iterable[str]) -> None:
        """Add chains and service ports, and what belongs to them."""
        chains, names = set(own) - self.own, set(services) - self.services
        while chains or names:
            self.own |= chains
            self.services |= names
            lines = [line for side in self.sides for line in side.leading_to(chains)]
            shared = (one for side in self.sides for name in names for one in side.shared.get(name, ()))
            for place, line in shared:
                self.lines[place].add(line)
                lines.append(line)
            chains = {chain for line in lines for chain in OWN.findall(line)} - self.own
            names = {named(line) for line in lines} - self.services - {""}
