"""Rules that nearly matched: what a person looks for when a packet did not go where it should.

A near miss is a rule about the packet's destination that all words but one let the packet reach and
match. The word may be the rule's own (``-p udp`` for a packet of tcp) or that of a rule on the way to
its chain (``--dst-type LOCAL`` before the NodePorts). Nothing here knows who wrote the rules: the
destination's address and port say which rules are about it, their targets what they would have done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from natc.netfilter.condition import ALWAYS
from natc.netfilter.hooks import BUILTIN_CHAINS
from natc.netfilter.packet import OUTGOING
from natc.netfilter.rule import Jump, Rule
from natc.netfilter.ruleset import Table
from natc.trace.answer.about import About
from natc.trace.answer.asked import Asked, asked_by, possessed
from natc.trace.answer.outcome import LOST, Distribution, Outcome
from natc.trace.chain.evaluate import Asker
from natc.trace.chain.program import ReadyRule
from natc.trace.machine import Machine
from natc.trace.state import Binding, State
from natc.values import changed, define, field, frozen

#: What a person would have wished for, by whether the packet was lost on its way.
_WISHES = {True: frozenset({"ACCEPT", "DNAT", "REDIRECT"}), False: frozenset({"DNAT", "REDIRECT", "REJECT"})}
#: The fields that a word can ask about, the most telling first; the destination's address comes last.
_TELLING = ("type", "proto", "dport", "src", "in_interface", "out_interface", "ctstate", "mark", "sport")
_STRANGER = len(_TELLING) + 1
#: More rules than this that only ask for another address tell nothing: the port is a common one.
_MOST_STRANGERS = 3


@frozen
class NearMiss:
    """A rule that one word kept from deciding over the packet."""

    rule: Rule
    failed: str
    """The words that did not hold: the rule's own, or those of a rule on the way to it."""
    have: str
    """What the packet has instead."""
    at: Rule
    """The rule whose words they are."""
    rank: int = field(default=0, eq=False, repr=False)


def near_misses(machine: Machine, answer: Distribution) -> tuple[NearMiss, ...]:
    """Return the near misses of a packet that goes nowhere a person would have wished, best first.

    There are none when some case of the answer translates the packet and lets it through: what
    keeps it from there in other cases are then their conditions, and the answer says them.
    """
    if answer.arrives_translated:
        return ()
    outcomes = [outcome for case in answer.cases for _, outcome in case.outcomes]
    ends = {(outcome.verdict, outcome.drop_at): outcome for outcome in outcomes}
    early: _Early = {}
    found = [miss for outcome in ends.values() for miss in _Search(machine, answer, outcome, early).run()]
    strangers = sum(miss.rank == _STRANGER for miss in found)
    told: dict[tuple[str, str, str], NearMiss] = {}
    for miss in sorted(found, key=lambda miss: (miss.rank, miss.rule.line)):
        if miss.rank < _STRANGER or strangers <= _MOST_STRANGERS:
            told.setdefault((miss.failed, miss.have, _deed(miss.rule)), miss)
    return tuple(told.values())


def _deed(rule: Rule) -> str:
    return str(rule.target)


def _is_early(table: str, hook: str) -> bool:
    """Tell whether packets have the destination they were sent to."""
    return hook == "PREROUTING" or (hook == "OUTPUT" and table not in ("filter", "security"))


@frozen
class _Obstacle:
    """What keeps the packet from a rule, or the rule from matching."""

    words: str
    have: str
    at: Rule | None = None
    """The rule whose words they are; None for the rule itself that is looked at."""
    rank: int = 0


@frozen
class _Way:
    """A way to a rule: what stands in it, and whether all else is sure to hold."""

    obstacles: tuple[_Obstacle, ...] = ()
    sure: bool = True

    def then(self, other: _Way) -> _Way:
        return _Way(self.obstacles + other.obstacles, self.sure and other.sure)

    @property
    def length(self) -> int:
        return len(self.obstacles)


#: What of a rule does not hold, by table, hook and the rule's identity; the rule is kept with it.
_Early = dict[tuple[str, str, int], tuple[Rule, _Way]]


@define
class _Search:
    """Looks for the near misses of one way that the packet went."""

    machine: Machine
    answer: Distribution
    outcome: Outcome
    early: _Early
    """What of rules does not hold before a translation, by table, hook and rule: that is so for all ends.

    An address that no service has ends in two ways on an open node: of 10,000 rules that took a third.
    """
    about: About = field(init=False)
    hooks: frozenset[tuple[str, str]] = field(init=False)
    """The tables that the packet passed, each with the hook."""
    met: frozenset[int] = field(init=False)
    """The lines of the rules on its way."""
    _callers: dict[str, dict[str, list[Rule]]] = field(factory=dict)
    _ways: dict[tuple[str, str, str], _Way | None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.about = About.of(self.answer.packet)
        steps = self.outcome.path
        builtin = (step for step in steps if step.chain in BUILTIN_CHAINS.get(step.table, ()))
        self.hooks = frozenset((step.table, step.chain) for step in builtin) | self._left_out()
        self.met = frozenset(step.rule.line for step in steps if step.rule is not None)

    def _left_out(self) -> frozenset[tuple[str, str]]:
        """Where nat would have been asked, had the packet been the first of its connection."""
        if self.answer.packet.ctstate in (None, "NEW") and self.outcome.connection is None:
            return frozenset()
        return frozenset({("nat", "OUTPUT" if self.answer.origin == "local" else "PREROUTING")})

    def run(self) -> Iterator[NearMiss]:
        wishes = _WISHES[self.outcome.verdict in LOST]
        for name, table in self.machine.program.ruleset.tables.items():
            for rule in self._candidates(table):
                if rule.line not in self.met and self.about.deeds(table, rule) & wishes:
                    yield from self._missed(name, rule)

    def _candidates(self, table: Table) -> Iterator[Rule]:
        """Rules that name the destination, and those of the chains that such a rule led to."""
        inside: set[str] = set()
        for step in self.outcome.path:
            if step.rule is None or step.table != table.name or not isinstance(step.rule.target, Jump):
                continue
            if step.chain in inside or self.about.named_by(step.rule):
                inside.add(step.rule.target.chain)
        for chain in table.chains.values():
            yield from chain.rules if chain.name in inside else self.about.naming(chain.rules)

    def _missed(self, table: str, rule: Rule) -> Iterator[NearMiss]:
        best: _Way | None = None
        hooks = [hook for hook in BUILTIN_CHAINS[table] if (table, hook) in self.hooks]
        for hook in hooks:
            way = self._to_chain(table, hook, rule.chain, ())
            if way is None:
                continue
            way = way.then(self._of_rule(table, hook, rule))
            if way.sure and not way.length:
                way = self._preempted(table, hook)
            if best is None or way.length < best.length:
                best = way
        if best is None and hooks:
            best = self._nowhere(table, rule, hooks)
        if best is not None and best.length == 1:
            (one,) = best.obstacles
            yield NearMiss(rule, one.words, one.have, one.at or rule, one.rank)

    # ---- what stands in the way

    def _to_chain(self, table: str, hook: str, chain: str, below: tuple[str, ...]) -> _Way | None:
        """Return the way to a chain on which least stands; None when nothing leads there."""
        if chain == hook:
            return self._at_hook(table)
        key = table, hook, chain
        if key not in self._ways and chain not in below:
            ways = [
                way.then(self._of_rule(table, hook, caller))
                for caller in self._calling(table, chain)
                if (way := self._to_chain(table, hook, caller.chain, (*below, chain))) is not None
            ]
            self._ways[key] = min(ways, key=lambda way: way.length, default=None)
        return self._ways.get(key)

    def _at_hook(self, table: str) -> _Way:
        state = self.answer.packet.ctstate
        first = "nat is asked only about the first packet of a connection (NEW)"
        if table == "nat" and self.outcome.connection is not None:
            have = f"the first packet of its connection was not translated; {first}"
        elif table == "nat" and state not in (None, "NEW"):
            have = f"the connection is {state}; {first}"
        else:
            return _Way()
        return _Way((_Obstacle("the nat table", have),))

    def _calling(self, table: str, chain: str) -> list[Rule]:
        """Return the rules that jump to a chain."""
        if table not in self._callers:
            callers: dict[str, list[Rule]] = defaultdict(list)
            for one in self.machine.program.ruleset.tables[table].chains.values():
                for rule in one.rules:
                    jump = rule.shape.jump
                    if jump is not None:
                        callers[rule.values[jump]].append(rule)
            self._callers[table] = callers
        return self._callers[table].get(chain, [])

    def _of_rule(self, table: str, hook: str, rule: Rule) -> _Way:
        """Return what of a rule does not hold. What is open or left to chance may hold."""
        if not _is_early(table, hook):
            return self._asked(table, hook, rule)
        key = table, hook, id(rule)
        if key not in self.early:
            self.early[key] = rule, self._asked(table, hook, rule)
        return self.early[key][1]

    def _asked(self, table: str, hook: str, rule: Rule) -> _Way:
        state = self._state(table, hook)
        asker = Asker(self.machine.node, ReadyRule(0, rule, ALWAYS, None))
        obstacles, sure = [], True
        for asked in asked_by(rule):
            answer = asker.ask(asked.condition, state)
            sure = sure and isinstance(answer, bool)
            if answer is False:
                have = possessed(asked, state.packet)
                obstacles.append(_Obstacle(asked.words, have, rule, _rank(asked)))
        return _Way(tuple(obstacles), sure)

    def _state(self, table: str, hook: str) -> State:
        """Return the packet as that table saw it: translated or not yet."""
        packet, final = self.answer.packet, self.outcome.final
        if not _is_early(table, hook) and final is not None:
            packet = changed(packet, dst=final.dst, dport=final.dport, mark=final.mark)
        came = "" if hook in ("OUTPUT", "POSTROUTING") and self.answer.origin == "local" else None
        leaves = hook in ("FORWARD", "OUTPUT", "POSTROUTING")
        packet = changed(
            packet,
            in_interface=packet.in_interface if came is None else came,
            out_interface=OUTGOING if leaves else "",
        )
        local = self.answer.origin == "local"
        return State(packet, hook=hook, local=local, binding=Binding(tracked=True))

    def _preempted(self, table: str, hook: str) -> _Way:
        """Return that an earlier rule ended the way through the table."""
        here = False
        last: Rule | None = None
        for step in self.outcome.path:
            if step.chain in BUILTIN_CHAINS[step.table]:
                here = (step.table, step.chain) == (table, hook)
            last = step.rule if here else last
        if last is None:
            return _Way()
        have = f"the way through {table} {hook} ended at line {last.line}"
        return _Way((_Obstacle("its turn", have, last, 0),))

    def _nowhere(self, table: str, rule: Rule, hooks: list[str]) -> _Way:
        """Return that nothing leads to the rule's chain from where the packet came through."""
        own = self._of_rule(table, hooks[0], rule)
        if rule.chain in BUILTIN_CHAINS[table]:
            came = f"the packet comes through {' and '.join(hooks)}"
        elif not self._calling(table, rule.chain):
            came = f"nothing jumps to {rule.chain}"
        else:
            came = f"{rule.chain} is not reached from {' or '.join(hooks)}"
        return own.then(_Way((_Obstacle(f"chain {rule.chain}", came, None, 1),)))


def _rank(asked: Asked) -> int:
    if asked.subject == "dst":
        return _STRANGER
    return _TELLING.index(asked.subject) if asked.subject in _TELLING else len(_TELLING)
