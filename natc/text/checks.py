"""What can be wrong with a whole table although each of its lines is good: checked at COMMIT.

Facts: a jump leads to a chain that exists by then and is not builtin; from the builtin chains no way
may lead back to a chain it came through (mark_source_chains in net/ipv4/netfilter/ip_tables.c); a
target extension names the tables and hooks it may be used in, also in the chains that lead there
(xt_check_target in net/netfilter/x_tables.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.errors import DumpError
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.ruleset import Chain, Rule, Table
from natc.text.source import Source

Jumps = dict[str, dict[str, Rule]]
#: How many jumps are followed the quick way.
_DEPTH = 6


def faults(table: Table, source: Source) -> Iterator[DumpError]:
    """Yield what the kernel would refuse of a table."""
    chains = table.chains
    jumps = _unsettled(chains, {name: _jumps(chain) for name, chain in chains.items()})
    for leads in jumps.values():
        for name, rule in leads.items():
            yield from _bad_jump(chains.get(name), name, rule, source)
    yield from _circles(chains, jumps, source)


def _unsettled(chains: dict[str, Chain], jumps: Jumps) -> Jumps:
    """Leave out the chains that need no look: every way from them ends well after a few jumps."""
    first = min([rule.line for chain in chains.values() for rule in chain.rules], default=0)
    early = {chain.name for chain in chains.values() if chain.line < first and not chain.policy}
    settled = set(VERDICTS)
    for _ in range(_DEPTH):
        left = {}
        for name, leads in jumps.items():
            if name in early and leads.keys() <= settled:
                settled.add(name)
            else:
                left[name] = leads
        jumps = left
    return jumps


def _jumps(chain: Chain) -> dict[str, Rule]:
    """Return where the rules of a chain lead, each with the first rule that leads there."""
    return {
        rule.values[place]: rule for rule in reversed(chain.rules) if (place := rule.shape.jump) is not None
    }


def _bad_jump(chain: Chain | None, name: str, rule: Rule, source: Source) -> Iterator[DumpError]:
    if chain is None:
        if name in VERDICTS:
            return
        what = "chain" if rule.shape.goto else "chain, verdict or target"
        message = f"there is no {what} {name!r} in this table"
    elif chain.policy:
        message = f"{name} is a builtin chain: nothing can lead to it"
    elif chain.line > rule.line:
        message = f"chain {name!r} is made only in line {chain.line}"
    else:
        return
    yield source.error_at(message, rule.line, name)


def _circles(chains: dict[str, Chain], jumps: Jumps, source: Source) -> Iterator[DumpError]:
    """Yield an error for every jump that closes a circle on a way from a builtin chain."""
    done: set[str] = set()
    for start in [name for name in jumps if chains[name].policy]:
        way = {start: iter(jumps[start])}
        while way:
            here, leads = next(reversed(way.items()))
            for name in leads:
                if name in way:
                    yield _circle([*way], name, jumps[here][name], source)
                elif name in jumps and name not in done:
                    way[name] = iter(jumps[name])
                    break
            else:
                del way[here]
                done.add(here)


def _circle(way: list[str], name: str, rule: Rule, source: Source) -> DumpError:
    shown = " -> ".join([*way[way.index(name) :], name])
    return source.error_at(f"the chains go round in a circle: {shown}", rule.line, name)
