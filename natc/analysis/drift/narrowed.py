"""Which chains a comparison has to make rules of: those that are not, line by line, as they should be.

The texts of two nodes' chains are compared (:mod:`natc.analysis.drift.written`). Where they differ, the
service ports concerned are looked up, with all that both sides have of them; what is left out is the same on
both. What the difference means is said by :mod:`natc.analysis.drift.differences`, which sees only that part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import pairwise

from natc.analysis.drift.differences import (
    CANARY,
    FIREWALL_CHAIN,
    FIXED_CHAINS,
    HOOKED,
    LOCALNET,
    by_destination,
)
from natc.analysis.drift.nearby import Near, Shared, Side, Tables, named, shared_lines
from natc.analysis.drift.written import Chains, Expected, Kept, Shown
from natc.analysis.service_chains import SHARED_CHAINS, kind_of, looking_other
from natc.compile import ProxyConfig
from natc.kube.proxy_names import ENDPOINT_PREFIX
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.values import frozen

_JUMP = re.compile(r" -j (\S+)\Z")
#: The rule that has to stand behind those of all services.
_LAST = " -j KUBE-NODEPORTS"
#: Where more than one chain in so many differs, all of both sides is compared.
_MOST = 4


@frozen
class Differing:
    """What is not, line by line, as it should be."""

    unlike: frozenset[str]
    """Chains whose names look like those of single service ports."""
    services: frozenset[str]
    """Whose rules differ in the chains that all share; empty for nobody's."""
    elsewhere: bool
    """Whether anything else differs: a jump, a fixed rule, a table."""

    @property
    def own(self) -> frozenset[str]:
        """Chains of single service ports."""
        return frozenset(filter(kind_of, self.unlike))

    def __bool__(self) -> bool:
        return bool(self.own or self.services or self.elsewhere)


def differing(written: Expected, found: Tables, config: ProxyConfig) -> Differing:
    """Compare what should be written with what is; whatever is spelled otherwise counts as different."""
    expected = written.common
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
    return Differing(written.own_apart(found["nat"]), frozenset(shared), not alike)


def kept(expected: Expected, shared: Shared, found: Shown, apart: Differing) -> Kept | None:
    """Return what has to be compared as rules; None where that is nearly everything, or cannot be told."""
    other = found.tables
    if _MOST * len(apart.own) > expected.chains() or any(table not in other for table in expected.common):
        return None
    if not _commented_alike(expected, other["nat"], apart.own):
        return None  # a large cluster's rules, and one's that is not large: all of them differ
    near = _near(expected, shared, other, apart)
    if any(_last_moved(shared, other, place) for place in SHARED_CHAINS):
        return None
    sides = expected.common, {**other, "nat": near.sides[1].nat}
    return {
        table: {
            name: near.lines[table, name] if (table, name) in SHARED_CHAINS else None
            for name in {
                *(near.own if table == "nat" else ()),
                *(name for side in sides for name in side[table]),
            }
            if not kind_of(name) or (table == "nat" and name in near.own)
        }
        for table in expected.common
    }


def _near(expected: Expected, shared: Shared, found: Tables, apart: Differing) -> Near:
    """Return all that belongs to the service ports concerned, as text.

    The chains of all others are on both sides, and only their own lines lead to them.
    """
    theirs = found["nat"]
    there = shared if _share_alike(expected.common, found) else shared_lines(found)
    others = {name: theirs[name] for name in (*looking_other(theirs), *apart.unlike) if name in theirs}
    ports = expected.ports_of({*apart.own, *apart.services})
    while True:
        nat = expected.with_ports(ports)["nat"]
        same = {name: theirs[name] for name in nat if name in theirs}
        near = Near((Side(nat, shared), Side({**others, **same}, there)))
        near.add(apart.own, apart.services | {""})
        more = expected.ports_of({*near.own, *near.services}) - ports
        if not more:
            return near
        ports |= more


def _share_alike(one: Tables, other: Tables) -> bool:
    """Tell whether the chains that all share are, line by line, the same."""
    return all(
        one.get(table, {}).get(name, "") == other.get(table, {}).get(name, "")
        for table, name in SHARED_CHAINS
    )


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


def _shared(wanted: str | None, there: str | None) -> set[str]:
    """Return whose rules differ in a chain that all share; the order of destinations is no difference."""
    if wanted is None or wanted == there:
        return set()
    a, b = wanted.splitlines(), [] if there is None else there.splitlines()
    last = [line for line in a if line.endswith(_LAST)]
    moved = {""} if there is None or (last and b[-len(last) :] != last) else set()
    if _in_order_of_destinations(a, b):
        return moved
    counts = Counter(a)
    counts.subtract(b)
    odd = {line for line, count in counts.items() if count}
    ours, theirs = by_destination(a), by_destination(b)
    odd |= {line for place, lines in ours.items() if theirs.get(place) != lines for line in lines}
    return {named(line) for line in odd} | moved


def _in_order_of_destinations(a: list[str], b: list[str]) -> bool:
    """Tell whether lines are the same, none twice, those of a destination in the same order: no is not sure.

    Measured on 10,000 lines in another order, CPU: 14 ms, counting and grouping both 40.
    """
    places = {line: place for place, line in enumerate(b)}
    if not len(places) == len(b) == len(a) == len(set(a)) or not all(line in places for line in a):
        return False
    return all(
        places[line] < places[after]
        for lines in by_destination(a).values()
        for line, after in pairwise(lines)
    )


def _commented_alike(expected: Expected, found: Chains, apart: Collection[str]) -> bool:
    """Tell whether endpoints' chains have comments on both sides or on none."""
    same, wanted = expected.alike(apart), expected.with_ports(expected.ports_of(apart))["nat"]
    one, other = ({**same, **{n: side[n] for n in apart if n in side}} for side in (wanted, found))
    return _commented(one) == _commented(other)


def _commented(chains: Chains) -> bool:
    """Tell whether the last rules of endpoints' chains have comments, or there are no endpoints."""
    texts = [(name, text) for name, text in chains.items() if text and name.startswith(ENDPOINT_PREFIX)]
    last = ((name, text[text.rfind("\n", 0, -1) + 1 :]) for name, text in texts)
    if any(" --comment " in line and kind_of(name) for name, line in last):
        return True
    return not any(kind_of(name) for name, _ in texts)


def _last_moved(expected: Shared, found: Tables, place: tuple[str, str]) -> bool:
    """Tell whether something stands behind nobody's rules, which are the last of a chain that all share."""
    table, name = place
    nobodys = sum(where == place for where, _ in expected.get("", ()))
    there = found.get(table, {}).get(name, "").splitlines()
    return nobodys > 0 and any(named(line) for line in there[-nobodys:])
