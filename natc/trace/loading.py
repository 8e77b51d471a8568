"""What the kernel refuses when a ruleset is loaded: loops, and targets in places they cannot work.

The reader has refused what iptables-restore itself cannot parse. Facts: mark_source_chains of
net/ipv4/netfilter/ip_tables.c; nft_chain_validate of net/netfilter/nf_tables_api.c; the tables and
hooks that each target's registration names.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen

from natc.errors import DumpError, Span
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.ruleset import Rule, Ruleset, Table


@frozen
class Place:
    """Where a target may stand; None for everywhere."""

    tables: frozenset[str] | None = None
    hooks: frozenset[str] | None = None


def _place(tables: str = "", hooks: str = "") -> Place:
    return Place(frozenset(tables.split()) or None, frozenset(hooks.split()) or None)


#: The targets that work only in some tables or at some hooks.
PLACES = {
    "DNAT": _place("nat", "PREROUTING OUTPUT"),
    "REDIRECT": _place("nat", "PREROUTING OUTPUT"),
    "SNAT": _place("nat", "POSTROUTING INPUT"),
    "MASQUERADE": _place("nat", "POSTROUTING"),
    "NETMAP": _place("nat", "PREROUTING OUTPUT POSTROUTING INPUT"),
    "REJECT": _place("filter", "INPUT FORWARD OUTPUT"),
    "CT": _place("raw"),
    "NOTRACK": _place("raw"),
    "TOS": _place("mangle"),
    "DSCP": _place("mangle"),
    "ECN": _place("mangle"),
    "TTL": _place("mangle"),
    "HL": _place("mangle"),
    "CHECKSUM": _place("mangle"),
    "TPROXY": _place("mangle", "PREROUTING"),
    "CLASSIFY": _place("", "INPUT FORWARD OUTPUT POSTROUTING"),
}


def check_loadable(ruleset: Ruleset) -> None:
    """Raise :class:`DumpError` for the first rule that the kernel would refuse."""
    for table in ruleset.tables.values():
        _Check(ruleset, table).run()


#: The matches that can be asked only at some hooks; raw and mangle are meant where a table is named.
MATCH_PLACES = {
    "owner": _place("", "OUTPUT POSTROUTING"),
    "mac": _place("", "PREROUTING INPUT FORWARD"),
    "rpfilter": _place("raw mangle", "PREROUTING"),
}


def in_load_order(ruleset: Ruleset, backend: str) -> Iterator[Rule]:
    """Yield the rules as the kernel is given them.

    The legacy tool sorts user chains by name behind the builtin ones; the other keeps the file's order.
    """
    for table in ruleset.tables.values():
        chains = list(table.chains.values())
        if backend == "legacy":
            chains.sort(key=lambda chain: (chain.policy is None, chain.name if chain.policy is None else ""))
        for chain in chains:
            yield from chain.rules


@define
class _Check:
    """Walks the chains of one table from each hook."""

    ruleset: Ruleset
    table: Table
    hooks: dict[str, set[str]] = field(factory=dict)
    """For each chain, the hooks it has been reached from."""

    def run(self) -> None:
        for hook in BUILTIN_CHAINS[self.table.name]:
            if hook in self.table.chains:
                self._visit(hook, hook)
        for name, chain in self.table.chains.items():
            for rule in chain.rules:
                self._check(rule, self.hooks.get(name, set()))
        self._refuse_loops()

    def _visit(self, chain: str, hook: str) -> None:
        """Note every chain that is reached from a hook."""
        waiting = [chain]
        while waiting:
            name = waiting.pop()
            reached = self.hooks.setdefault(name, set())
            if hook not in reached:
                reached.add(hook)
                waiting += [called for _, called in self._calls(name)]

    def _calls(self, name: str) -> Iterator[tuple[Rule, str]]:
        for rule in self.table.chains[name].rules:
            if rule.shape.jump is not None:
                called = rule.values[rule.shape.jump]
                if called in self.table.chains:
                    yield rule, called

    def _check(self, rule: Rule, reached: set[str]) -> None:
        shape = rule.shape
        for part in shape.matches:
            self._check_place(rule, part.kind.name, MATCH_PLACES.get(part.kind.name), reached)
        if shape.jump is not None:
            word = rule.values[shape.jump]
            if word == "DROP" and self.table.name == "nat" and word not in self.table.chains:
                raise self._error(rule, "the nat table is not for filtering: DROP is refused there")
            return
        if shape.target is not None:
            self._check_place(rule, shape.target.kind.name, PLACES.get(shape.target.kind.name), reached)

    def _check_place(self, rule: Rule, name: str, place: Place | None, reached: set[str]) -> None:
        if place is None:
            return
        if place.tables is not None and self.table.name not in place.tables:
            raise self._error(rule, f"{name} works only in table {' or '.join(sorted(place.tables))}")
        if place.hooks is not None and not reached <= place.hooks:
            wrong = ", ".join(sorted(reached - place.hooks))
            raise self._error(rule, f"{name} does not work at {wrong}, from where this chain is reached")

    def _refuse_loops(self) -> None:
        done: set[str] = set()
        for start in self.table.chains:
            self._refuse_loop(start, done)

    def _refuse_loop(self, start: str, done: set[str]) -> None:
        """Search in depth, without recursion; a call back into the chains above is a loop."""
        above = [start]
        stack = [self._calls(start)] if start not in done else []
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                done.add(above.pop())
                continue
            rule, called = step
            if called in above:
                raise self._error(rule, f"chain {called} leads back to itself")
            if called not in done:
                above.append(called)
                stack.append(self._calls(called))

    def _error(self, rule: Rule, message: str) -> DumpError:
        return DumpError(message, Span(self.ruleset.file, rule.line, 1, rule.text, len(rule.text)))
