"""The quick look at a node: whether its dump is, line by line, what kube-proxy should have written.

Most nodes are as they should be, and telling so needs no rule to be made: the text that kube-proxy gives
to iptables-restore is put into save form wording by wording (:mod:`natc.text.respell`) and compared with
the text of the dump, chain by chain. Whatever is not exactly alike is left to :mod:`natc.analysis.drift`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from natc.analysis.drift import (
    CANARY,
    FIREWALL_CHAIN,
    FIXED_CHAINS,
    HOOKED,
    LOCALNET,
    by_destination,
)
from natc.analysis.service_chains import SHARED_CHAINS, kind_of, name_in
from natc.compile import ProxyConfig
from natc.compile.compiler import node_tables
from natc.kube.model import Cluster
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.text.respell import Respeller

#: The lines of each chain, by table.
Lines = Mapping[str, Mapping[str, list[str]]]

_COUNTERS = re.compile(r"^\[\d+:\d+\] (?=-A )", re.MULTILINE)
_JUMP = re.compile(r" -j (\S+)\Z")
_COMMENT = re.compile(r' --comment "([^"]*)"')
#: The rule that has to stand behind those of all services.
_LAST = " -j KUBE-NODEPORTS"


def unchanged(text: str, cluster: Cluster, config: ProxyConfig) -> int | None:
    """Return how many service ports a node has rules for if there is provably no drift, else None.

    ``text`` is the node's dump. Raises NatcError where that kube-proxy would crash on the cluster.
    """
    if config.is_ipv6:
        return None  # addresses may be spelled in many ways
    expected = _expected(cluster, config)
    found = _found(text)
    if any(table not in found for table in expected):
        return None
    alike = (
        all(_jumps_alike(expected, found, table, config) for table in expected)
        and all(_listed_alike(expected, found, table, name) for table, name in FIXED_CHAINS)
        and all(_shared_alike(expected, found, table, name) for table, name in SHARED_CHAINS)
        and _localnet_alike(expected, found, config)
        and _own_alike(expected["nat"], found["nat"])
    )
    return len(_services(expected)) if alike else None


def _expected(cluster: Cluster, config: ProxyConfig) -> Lines:
    """Return what kube-proxy should have written, in save form."""
    out: dict[str, dict[str, list[str]]] = {}
    for table, chains in node_tables(cluster, config).tables.items():
        shown = iter(Respeller(table).lines(line for lines in chains.values() for line in lines))
        out[table] = {name: [next(shown) for _ in lines] for name, lines in chains.items()}
    return out


def _found(text: str) -> Lines:
    """Return the chains of a dump with their lines as written, counters aside."""
    out: dict[str, dict[str, list[str]]] = {}
    chains: dict[str, list[str]] = {}
    for line in _COUNTERS.sub("", text).split("\n"):
        if line.startswith("-A "):
            chains.setdefault(line[3 : line.find(" ", 3)], []).append(line)
        elif line.startswith(":"):
            chains.setdefault(line[1 : line.find(" ")], [])
        elif line.startswith("*"):
            chains = out[line[1:].strip()] = {}
    return out


def _jumps_alike(expected: Lines, found: Lines, table: str, config: ProxyConfig) -> bool:
    """Compare the jumps from builtin chains, and whether the canary is there."""
    hooked = HOOKED | ({FIREWALL_CHAIN[1]} if config.layout.localnet_rule else set())
    if CANARY in expected[table] and CANARY not in found[table]:
        return False
    return all(
        _jumps(expected[table].get(name, ()), hooked) == _jumps(found[table].get(name, ()), hooked)
        for name in BUILTIN_CHAINS[table]
    )


def _jumps(lines: Iterable[str], hooked: Iterable[str]) -> list[str]:
    found = ((line, _JUMP.search(line)) for line in lines)
    return sorted(line for line, jump in found if jump and (jump[1] in hooked or kind_of(jump[1])))


def _listed_alike(expected: Lines, found: Lines, table: str, name: str) -> bool:
    wanted = expected.get(table, {}).get(name)
    return wanted is None or found[table].get(name) == wanted


def _shared_alike(expected: Lines, found: Lines, table: str, name: str) -> bool:
    wanted = expected.get(table, {}).get(name)
    there = found.get(table, {}).get(name)
    if wanted is None or wanted == there:
        return True
    if there is None or sorted(wanted) != sorted(there) or by_destination(wanted) != by_destination(there):
        return False
    last = [line for line in wanted if line.endswith(_LAST)]
    return not last or there[-len(last) :] == last


def _localnet_alike(expected: Lines, found: Lines, config: ProxyConfig) -> bool:
    if not config.layout.localnet_rule:
        return True
    table, name = FIREWALL_CHAIN
    one, other = (
        [line for line in side.get(table, {}).get(name, ()) if LOCALNET in line] for side in (expected, found)
    )
    return not one or one == other


def _own_alike(expected: Mapping[str, list[str]], found: Mapping[str, list[str]]) -> bool:
    """Compare the chains that each belong to one service port."""
    wanted = [name for name in expected if kind_of(name)]
    if any(expected[name] != found.get(name) for name in wanted):
        return False
    return len(wanted) == sum(1 for name in found if kind_of(name))


def _services(expected: Lines) -> set[str]:
    names = set()
    for table, name in SHARED_CHAINS:
        for line in expected.get(table, {}).get(name, ()):
            comment = _COMMENT.search(line)
            if comment:
                names.add(name_in(comment[1]))
    return names - {""}
