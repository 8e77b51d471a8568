"""What can be wrong with a whole table although each of its lines is good: checked at COMMIT.

Facts: a jump leads to a chain that exists by then and is not builtin; from the builtin chains no way
may lead back to a chain it came through (mark_source_chains in net/ipv4/netfilter/ip_tables.c,
nft_chain_validate in net/netfilter/nf_tables_api.c); an extension names the tables and hooks it may be
used in, also in the chains that lead there (:mod:`natc.text.places`). What only one of the backends
refuses is refused when that backend is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from sys import maxsize

from natc.errors import DumpError, Span
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Chain, Ruleset, Table
from natc.text.grammar import extensions
from natc.text.places import ANYWHERE, HOOKS, Places, checked, interface_faults, names_in
from natc.values import define, evolve, field

Jumps = dict[str, dict[str, Rule]]
#: Makes the error about a word in a rule.
Blame = Callable[[str, Rule, str], DumpError]
#: How many jumps are followed the quick way.
_DEPTH = 6
#: Most chains one behind another that nf_tables takes (NFT_JUMP_STACK_SIZE).
_DEEPEST = 16


def check_loadable(ruleset: Ruleset, backend: str) -> None:
    """Raise :class:`~natc.errors.DumpError` for the first rule that the kernel would refuse.

    The reader has refused what iptables-restore itself cannot parse.
    """

    def blame(message: str, rule: Rule, word: str) -> DumpError:
        text = rule.text
        column = f"{text} ".rfind(f" {word} ") + 2
        place = (column, len(word)) if column > 1 else (1, len(text))
        return DumpError(message, Span(ruleset.file, rule.line, place[0], text, place[1]))

    for table in ruleset.tables.values():
        for fault in faults(table, blame, backend):
            raise fault


def faults(
    table: Table, blame: Blame, backend: str | None = None, *, placed: bool = False
) -> Iterator[DumpError]:
    """Yield what the kernel of a backend would refuse of a table; with None, what both would refuse.

    ``placed`` says that a kernel took the table already: vendors' kernels let extensions in elsewhere too
    (Android's ``owner`` in INPUT).
    """
    return _Check(table, blame, Places(table.name, backend, placed)).faults()


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the names that somebody who wrote ``name`` may have meant, as a phrase."""
    from difflib import get_close_matches

    by_capitals = {each.upper(): each for each in names}
    close = get_close_matches(name.upper(), by_capitals, 3, 0.75)
    return " or ".join(by_capitals[each] for each in close) or None


@define
class _Check:
    table: Table
    blame: Blame
    places: Places
    jumps: Jumps = field(factory=dict)
    """Where the rules of a chain lead, each with the first rule that leads there."""
    hooks: dict[str, int] = field(factory=dict)
    """From which builtin chains the rules of a chain may be reached; all that are not here from any."""
    first_rule: int = maxsize
    """The line of the table's first rule."""
    settled: dict[str, int] = field(init=False)
    """The chains from which every way ends well after a few jumps, with the ``hooks`` of all on the way."""

    def __attrs_post_init__(self) -> None:
        good = VERDICTS - {"DROP"} if self.table.name == "nat" else VERDICTS
        self.settled = dict.fromkeys(good, ANYWHERE)

    def faults(self) -> Iterator[DumpError]:
        for leads in self._walks():
            yield from self._bad_jumps(leads)
        yield from self._own_faults()
        self._settle()
        unsettled = {name: leads for name, leads in self.jumps.items() if name not in self.settled}
        for leads in unsettled.values():
            yield from self._bad_jumps(leads)
        yield from self._circles(unsettled)
        yield from self._misplaced(unsettled)
        if self.places.backend == "nft":
            yield from self._too_deep()

    # ---- one chain

    def _walks(self) -> list[dict[str, Rule]]:
        """Note where each chain leads and from where its rules may be reached, in one walk from its end.

        Returns what stands behind a rule that ends its chain for every packet: jumps that no packet takes.
        """
        masks, ending, ends = self.places.masks, self.places.ending, self.places.ends
        dead, first = [], self.first_rule
        for name, chain in self.table.chains.items():
            leads: dict[str, Rule] = {}
            hooks = ANYWHERE
            for rule in reversed(chain.rules):
                if rule.line < first:  # noqa: PLR1730 - min() would be a call for every rule
                    first = rule.line
                shape = rule.shape
                hooks &= masks[shape]
                if shape.jump is not None:
                    if shape in ending and leads and ends(rule):
                        dead.append(leads)
                        leads, hooks = {}, ANYWHERE
                    leads[rule.values[shape.jump]] = rule
            self.jumps[name] = leads
            if hooks != ANYWHERE:
                self.hooks[name] = hooks
        self.first_rule = first
        return dead

    def _own_faults(self) -> Iterator[DumpError]:
        """Yield what is wrong with rules for where they stand, whatever leads there."""
        misplaced, asking = self.places.misplaced, self.places.asking
        for chain in self.table.chains.values():
            if chain.policy:
                yield from self._where_it_stands(chain)
            if misplaced:
                yield from (self._wrong_table(rule) for rule in chain.rules if rule.shape in misplaced)
            if asking and self.places.backend == "legacy":
                for rule in chain.rules:
                    if rule.shape in asking:
                        self.hooks[chain.name] = self.hooks.get(chain.name, ANYWHERE) & checked(rule)

    def _where_it_stands(self, chain: Chain) -> Iterator[DumpError]:
        for rule, option in interface_faults(chain.name, chain.rules):
            yield self.blame(f"{option} cannot be asked in {chain.name}", rule, option)
        if self.places.asking and self.places.backend != "legacy":
            hook = 1 << HOOKS.index(chain.name)
            for rule in chain.rules:
                if rule.shape in self.places.asking and not checked(rule) & hook:
                    yield self._wrong_hook(rule, hook)

    def _wrong_table(self, rule: Rule) -> DumpError:
        name = self.places.misplaced[rule.shape]
        return self.blame(f"{name} does not work in table {self.table.name}", rule, name)

    def _wrong_hook(self, rule: Rule, hooks: int) -> DumpError:
        name = self.places.culprit(rule, hooks)
        return self.blame(f"{name} does not work here: this is reached from {names_in(hooks)}", rule, name)

    # ---- from chain to chain

    def _settle(self) -> None:
        """Settle the chains that need no further look: nearly all of them."""
        settled, hooks = self.settled, self.hooks
        left = [
            name
            for name, chain in self.table.chains.items()
            if chain.line < self.first_rule and not chain.policy
        ]
        for _ in range(_DEPTH):
            later = []
            for name in left:
                mask = hooks.get(name, ANYWHERE)
                for to in self.jumps[name]:
                    behind = settled.get(to)
                    if behind is None:
                        later.append(name)
                        break
                    mask &= behind
                else:
                    settled[name] = mask
            left = later

    def _bad_jumps(self, leads: dict[str, Rule]) -> Iterator[DumpError]:
        for name, rule in leads.items():
            message = self._bad_jump(name, rule)
            if message:
                yield evolve(self.blame(message, rule, name), expected=self._meant(name))

    def _meant(self, name: str) -> str | None:
        """Return what a jump that leads nowhere may have been meant to lead to."""
        chains = self.table.chains
        if name in chains or name in VERDICTS:
            return None
        return nearest(name, [*chains, *VERDICTS, *extensions("targets")])

    def _bad_jump(self, name: str, rule: Rule) -> str | None:
        chain = self.table.chains.get(name)
        if name == "DROP" and self.table.name == "nat":
            return "the nat table is not for filtering: it takes no DROP"
        if chain is None:
            what = "chain" if rule.shape.goto else "chain, verdict or target"
            return None if name in VERDICTS else f"there is no {what} {name!r} in this table"
        if chain.policy:
            return f"{name} is a builtin chain: nothing can lead to it"
        return f"chain {name!r} is made only in line {chain.line}" if chain.line > rule.line else None

    def _circles(self, jumps: Jumps) -> Iterator[DumpError]:
        """Yield an error for every jump that closes a circle on a way from a builtin chain."""
        done: set[str] = set()
        for start in [name for name in jumps if self.table.chains[name].policy]:
            way = {start: iter(jumps[start])}
            while way:
                here, leads = next(reversed(way.items()))
                for name in leads:
                    if name in way:
                        yield self._circle([*way], name, jumps[here][name])
                    elif name in jumps and name not in done:
                        way[name] = iter(jumps[name])
                        break
                else:
                    del way[here]
                    done.add(here)

    def _circle(self, way: list[str], name: str, rule: Rule) -> DumpError:
        shown = " -> ".join([*way[way.index(name) :], name])
        return self.blame(f"the chains go round in a circle: {shown}", rule, name)

    def _misplaced(self, unsettled: Jumps) -> Iterator[DumpError]:
        """Yield an error for every rule that is reached from where it does not work."""
        blamed: dict[int, tuple[Rule, int]] = {}
        for name in [name for name in unsettled if self.table.chains[name].policy]:
            hook = 1 << HOOKS.index(name)
            near = self._reached(name, unsettled)
            ways = [self.settled.get(to, ANYWHERE) for chain in near for to in unsettled[chain]]
            if all(mask & hook for mask in [*ways, *(self.hooks.get(chain, ANYWHERE) for chain in near)]):
                continue
            for chain in self._reached(name, self.jumps):
                for rule in self._visited(chain):
                    if not self.places.mask(rule) & hook:
                        blamed[id(rule)] = rule, blamed.get(id(rule), (rule, 0))[1] | hook
        yield from (self._wrong_hook(rule, hooks) for rule, hooks in blamed.values())

    def _too_deep(self) -> Iterator[DumpError]:
        """Yield an error for a way that is longer than nf_tables' stack of chains."""
        for start in [name for name, chain in self.table.chains.items() if chain.policy]:
            last = [start]
            for _ in range(_DEEPEST - 1):
                last = [*{to for name in last for to in self.jumps[name] if to in self.jumps}]
            for name in last:
                for to, rule in self.jumps[name].items():
                    if to in self.jumps:
                        yield self.blame(f"more than {_DEEPEST} chains lead from {start} to here", rule, to)

    def _visited(self, chain: str) -> Iterator[Rule]:
        for rule in self.table.chains[chain].rules:
            yield rule
            if self.places.ends(rule):
                return

    def _reached(self, start: str, jumps: Jumps) -> set[str]:
        """Return the chains among ``jumps`` that can be reached from one, itself among them."""
        found, waiting = {start}, [start]
        while waiting:
            for name in jumps[waiting.pop()]:
                if name in jumps and name not in found:
                    found.add(name)
                    waiting.append(name)
        return found
