"""A ruleset made ready to be walked: each rule's condition and action, worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from natc.netfilter.condition import ALWAYS, All, Chance, Condition, Not, Remembered, Unknown, conjuncts
from natc.netfilter.effect import Effect
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.rule import Jump, Rule
from natc.netfilter.ruleset import Chain, Ruleset
from natc.trace.chain.lists import FirstList, Runs, list_asked
from natc.values import define, field, frozen

if TYPE_CHECKING:
    from natc.trace.chain.endpoint_chains import EndpointChains
    from natc.trace.chain.endpoints import Row
    from natc.trace.chain.index import ChainIndex

#: Chains of fewer lines are scanned.
_WORTH_IT = 16
#: A chain or verdict to go to, what the target does, or None for a rule that only counts.
Action = Jump | Effect | None


@frozen(eq=False)
class ReadyRule:
    """A rule with its typed parts."""

    number: int
    rule: Rule
    condition: Condition
    action: Action


@define(eq=False)
class ReadyChain:
    """A chain whose rules are made ready when they are first looked at."""

    name: str
    policy: str | None
    rules: Sequence[Rule]
    index: ChainIndex | None
    lists: Runs | None = None
    """The lists that are asked together; None where what nobody can decide is asked once a rule."""
    _ready: dict[int, ReadyRule] = field(factory=dict)
    _in_a_row: dict[int, tuple[FirstList, int] | None] = field(factory=dict)
    """The lists that rules ask in a row, by the rule's place."""

    def rule(self, place: int) -> ReadyRule:
        """Return the rule at ``place``, counted from 0."""
        found = self._ready.get(place)
        if found is None:
            condition = self.rules[place].condition
            if self.lists is None:
                found = self._made(place, _asked_at_once(condition))
            else:
                own = self._among_lists(place, self.lists) if list_asked(condition) else None
                found = self._made(place, self.lists.asking(condition, own))
            self._ready[place] = found
        return found

    def _among_lists(self, place: int, lists: Runs) -> tuple[FirstList, int] | None:
        """Return which of the lists that rules ask in a row a rule asks."""
        if place not in self._in_a_row:
            self._in_a_row |= lists.around(self.name, self.rules, place)
        return self._in_a_row[place]

    def _made(self, place: int, condition: Condition) -> ReadyRule:
        rule = self.rules[place]
        target = rule.target
        action = target if target is None or isinstance(target, Jump) else target.effect()
        return ReadyRule(place + 1, rule, _coins_last(condition), action)


def _asked_at_once(condition: Condition) -> Condition:
    """Make one question of all that a rule asks and nobody can decide without the node's memory."""
    parts = list(conjuncts(condition))
    questions = [text for part in parts if (text := _question(part))]
    if len(questions) < 2:
        return condition
    rest = [part for part in parts if not _question(part)]
    return All((*rest, Unknown(f"all of: {'; '.join(questions)}", "rule", same_everywhere=True)))


def _question(part: Condition) -> str:
    """Return a part that is the same for every packet alike and cannot be decided, in words; else nothing."""
    asked = part.body if isinstance(part, Not) else part
    if isinstance(asked, Remembered):
        asked = asked.unknown if not asked.changes else ALWAYS
    if not isinstance(asked, Unknown) or not asked.same_everywhere:
        return ""
    return f"not: {asked.question}" if isinstance(part, Not) else asked.question


def _coins_last(condition: Condition) -> Condition:
    """Draw random numbers only where the rest of the rule holds.

    The odds are the same, and no branch splits over a rule that cannot match anyway. What changes
    the kernel's memory keeps its place: it happens only when the coin before it fell well.
    """
    if not isinstance(condition, All) or any(_remembers(part) for part in condition.parts):
        return condition
    return All(tuple(sorted(condition.parts, key=_draws)))


def _remembers(part: Condition) -> bool:
    asked = part.body if isinstance(part, Not) else part
    return isinstance(asked, Remembered) and asked.changes


def _draws(part: Condition) -> bool:
    return isinstance(part.body if isinstance(part, Not) else part, Chance)


@define(eq=False)
class Program:
    """The chains of a ruleset, by table and name, made ready as far as they are reached."""

    ruleset: Ruleset
    use_index: bool = True
    backend: str = "legacy"
    at_once: bool = False
    """Whether what nobody can decide is asked once a rule, instead of match by match."""
    lists: Runs = field(factory=Runs)
    """The lists that rules ask in a row, as far as they are reached."""
    rows: dict[tuple[str, str], dict[int, Row | None]] = field(factory=dict)
    """The rows of rules that lead to endpoints, by table and chain and where they were looked for."""
    endpoint_chains: dict[str, list[EndpointChains]] = field(factory=dict)
    """How chains of endpoints that rows lead to are written, by table."""
    _chains: dict[tuple[str, str], ReadyChain | None] = field(factory=dict)

    def chain(self, table: str, name: str) -> ReadyChain | None:
        """Return a chain, or None when the node has no such table or chain."""
        key = (table, name)
        if key not in self._chains:
            self._chains[key] = self._make(table, name)
        return self._chains[key]

    def keep(self, earlier: Program, tables: Iterable[str]) -> None:
        """Take over chains of an earlier program's tables: their rules count on from where they were."""
        self._chains |= {key: chain for key, chain in earlier._chains.items() if key[0] in tables}

    def _make(self, table: str, name: str) -> ReadyChain | None:
        found = self.ruleset.tables.get(table)
        chain = found.chain(name) if found else None
        if found and (chain is None or not chain.line):
            chain = _undeclared(name, table, chain, self.backend)
        if chain is None:
            return None
        lists = None if self.at_once else self.lists
        if not self.use_index:
            return ReadyChain(name, chain.policy, chain.rules, None, lists)
        return ReadyChain(name, chain.policy, *_indexed(chain, self.ruleset.family), lists)


def _undeclared(name: str, table: str, chain: Chain | None, backend: str) -> Chain | None:
    """Return what stands for a chain that its table does not declare.

    A legacy table has all its builtin chains once it is loaded; iptables-nft makes those that are declared or
    have a rule.
    """
    if name not in BUILTIN_CHAINS[table]:
        return chain
    if backend == "legacy":
        return chain or Chain(name, "ACCEPT")
    return chain if chain and (chain.rules or chain.policy != "ACCEPT") else None


def _indexed(chain: Chain, family: int) -> tuple[Sequence[Rule], ChainIndex | None]:
    """Return the rules of a chain, and the index of a long one; of a small dump no chain is."""
    passage = chain.passage
    length = passage[0].text.count("\n", *passage[1:]) if passage else len(chain.rules)
    if length < _WORTH_IT:
        return chain.rules, None
    from natc.trace.chain.index import indexed

    return indexed(chain, family)
