"""Which chains a comparison has to make rules of: those that are not, line by line, as they should be.

The texts of two nodes' chains are compared (:mod:`natc.analysis.written`). Where they differ, the service
ports concerned are looked up, with all that both sides have of them; what is left out is the same on both.
What the difference means is said by :mod:`natc.analysis.drift`, which sees only that part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from natc.analysis.drift import (
    CANARY,
    FIREWALL_CHAIN,
    FIXED_CHAINS,
    HOOKED,
    LOCALNET,
    by_destination,
)
from natc.analysis.service_chains import ENDPOINT, SHARED_CHAINS, kind_of, name_in
from natc.analysis.written import Chains, Expected, Kept, Shown
from natc.compile import ProxyConfig
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.values import define, field, frozen

_JUMP = re.compile(r" -j (\S+)\Z")
_COMMENT = re.compile(r' --comment (?:"([^"]*)"|(\S+))')
_OWN = re.compile(r"KUBE-(?:SVC|SVL|EXT|XLB|FW|SEP)-[A-Z2-7]{16}(?!\S)")
#: The rule that has to stand behind those of all services.
_LAST = " -j KUBE-NODEPORTS"
#: Where more than one chain in so many differs, all of both sides is compared.
_MOST = 4
#: Words are looked for one by one in a text; of more than so many an index is made.
_ONE_BY_ONE = 40

Tables = Mapping[str, Chains]


@frozen
class Differing:
    """What is not, line by line, as it should be."""

    own: frozenset[str]
    """Chains of single service ports."""
    services: frozenset[str]
    """Whose rules differ in the chains that all share; empty for nobody's."""
    elsewhere: bool
    """Whether anything else differs: a jump, a fixed rule, a table."""

    def __bool__(self) -> bool:
        return bool(self.own or self.services or self.elsewhere)


def differing(expected: Tables, found: Tables, config: ProxyConfig) -> Differing:
    """Compare what should be written with what is; whatever is spelled otherwise counts as different."""
    if any(table not in found for table in expected):
        return Differing(frozenset(), frozenset(), True)
    shared = {
        service
        for table, name in SHARED_CHAINS
        for service in _shared(expected.get(table, {}).get(name), found.get(table, {}).get(name))
    }
    alike = (
        all(_jumps_alike(expected, found, table, config) for table in expected)
        and all(_listed_alike(expected, found, table, name) for table, name in FIXED_CHAINS)
        and _localnet_alike(expected, found, config)
    )
    return Differing(_own(expected["nat"], found["nat"]), frozenset(shared), not alike)


def services_in(tables: Tables) -> set[str]:
    """Return the service ports that have rules in the chains that all share."""
    lines = (
        line for table, name in SHARED_CHAINS for line in tables.get(table, {}).get(name, "").splitlines()
    )
    return {name for line in lines if (name := _named(line))}


def kept(expected: Expected, found: Shown, apart: Differing) -> Kept | None:
    """Return what has to be compared as rules; None where that is nearly everything, or cannot be told."""
    one, other = expected.tables, found.tables
    if _MOST * len(apart.own) > len(one.get("nat", ())) or any(table not in other for table in one):
        return None
    if _commented(one["nat"]) != _commented(other["nat"]):
        return None  # a large cluster's rules, and one's that is not large: all of them differ
    sides = _Side(one), _Side(other)
    if any(_last_moved(*sides, place) for place in SHARED_CHAINS):
        return None
    near = _Near(sides)
    near.add(apart.own, apart.services | {""})
    return {
        table: {
            name: near.lines[table, name] if (table, name) in SHARED_CHAINS else None
            for name in {**one.get(table, {}), **other.get(table, {})}
            if not kind_of(name) or (table == "nat" and name in near.own)
        }
        for table in one
    }


# ---- comparing texts


def _jumps_alike(expected: Tables, found: Tables, table: str, config: ProxyConfig) -> bool:
    """Compare the jumps from builtin chains, and whether the canary is there."""
    hooked = HOOKED | ({FIREWALL_CHAIN[1]} if config.layout.localnet_rule else set())
    if CANARY in expected[table] and CANARY not in found[table]:
        return False
    return all(
        _jumps(expected[table].get(name, ""), hooked) == _jumps(found[table].get(name, ""), hooked)
        for name in BUILTIN_CHAINS[table]
    )


def _jumps(text: str, hooked: Iterable[str]) -> list[str]:
    found = ((line, _JUMP.search(line)) for line in text.splitlines())
    return sorted(line for line, jump in found if jump and (jump[1] in hooked or kind_of(jump[1])))


def _listed_alike(expected: Tables, found: Tables, table: str, name: str) -> bool:
    wanted = expected.get(table, {}).get(name)
    return wanted is None or found[table].get(name) == wanted


def _localnet_alike(expected: Tables, found: Tables, config: ProxyConfig) -> bool:
    if not config.layout.localnet_rule:
        return True
    table, name = FIREWALL_CHAIN
    one, other = (
        [line for line in side.get(table, {}).get(name, "").splitlines() if LOCALNET in line]
        for side in (expected, found)
    )
    return not one or one == other


def _own(expected: Chains, found: Chains) -> frozenset[str]:
    """Return the chains of single service ports that are not the same on both sides."""
    wanted = [name for name, text in expected.items() if found.get(name) != text and kind_of(name)]
    return frozenset([*wanted, *(name for name in found if name not in expected and kind_of(name))])


def _shared(wanted: str | None, there: str | None) -> set[str]:
    """Return whose rules differ in a chain that all share; the order of destinations is no difference."""
    if wanted is None or wanted == there:
        return set()
    a, b = wanted.splitlines(), [] if there is None else there.splitlines()
    counts = Counter(a)
    counts.subtract(b)
    odd = {line for line, count in counts.items() if count}
    ours, theirs = by_destination(a), by_destination(b)
    odd |= {line for place, lines in ours.items() if theirs.get(place) != lines for line in lines}
    last = [line for line in a if line.endswith(_LAST)]
    moved = {""} if there is None or (last and b[-len(last) :] != last) else set()
    return {_named(line) for line in odd} | moved


def _named(line: str) -> str:
    """Return the service port that a line's comment names, empty when it names none."""
    comment = _COMMENT.search(line)
    return name_in(comment[1] or comment[2] or "") if comment else ""


def _commented(chains: Chains) -> bool:
    """Tell whether the last rules of endpoints' chains have comments, or there are no endpoints."""
    texts = [(name, text) for name, text in chains.items() if text and name.startswith(ENDPOINT)]
    last = ((name, text[text.rfind("\n", 0, -1) + 1 :]) for name, text in texts)
    if any(" --comment " in line and kind_of(name) for name, line in last):
        return True
    return not any(kind_of(name) for name, _ in texts)


def _last_moved(expected: _Side, found: _Side, place: tuple[str, str]) -> bool:
    """Tell whether something stands behind nobody's rules, which are the last of a chain that all share."""
    table, name = place
    nobodys = sum(where == place for where, _ in expected.shared.get("", ()))
    there = found.tables.get(table, {}).get(name, "").splitlines()
    return nobodys > 0 and any(_named(line) for line in there[-nobodys:])


# ---- what belongs together


@define
class _Side:
    """One of the two nodes, and where names stand in its texts."""

    tables: Tables
    shared: dict[str, list[tuple[tuple[str, str], str]]] = field(init=False, factory=dict)
    """By service port its lines in the chains that all share, with table and chain."""
    _whole: str = field(init=False)
    _index: dict[str, list[str]] | None = None

    def __attrs_post_init__(self) -> None:
        for table, name in SHARED_CHAINS:
            for line in self.tables.get(table, {}).get(name, "").splitlines(keepends=True):
                self.shared.setdefault(_named(line), []).append(((table, name), line))
        self._whole = "".join(self.tables.get("nat", {}).values())

    def lines(self, words: Iterable[str]) -> Iterator[str]:
        """Yield the lines of nat in which any of some words stands."""
        for word in words:
            place = self._whole.find(word)
            while place >= 0:
                start, end = self._whole.rfind("\n", 0, place) + 1, self._whole.find("\n", place) + 1
                yield self._whole[start:end]
                place = self._whole.find(word, end)

    def leading_to(self, chains: set[str]) -> Iterator[str]:
        """Yield the lines in which chains of single service ports are named."""
        if len(chains) <= _ONE_BY_ONE and self._index is None:
            yield from self.lines(chains)
            return
        if self._index is None:
            self._index = {}
            for line in self._whole.splitlines(keepends=True):
                for name in dict.fromkeys(_OWN.findall(line)):
                    self._index.setdefault(name, []).append(line)
        for chain in chains:
            yield from self._index.get(chain, ())


@define
class _Near:
    """Chains and shared lines, grown until they hold all that either side has of some service ports."""

    sides: tuple[_Side, _Side]
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
            for place, line in [
                one for side in self.sides for name in names for one in side.shared.get(name, ())
            ]:
                self.lines[place].add(line)
                lines.append(line)
            chains = {chain for line in lines for chain in _OWN.findall(line)} - self.own
            names = {_named(line) for line in lines} - self.services - {""}
