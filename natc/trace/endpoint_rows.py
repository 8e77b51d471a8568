"""Where rules in a row lead to endpoints' chains written alike (:mod:`natc.trace.endpoints`).

The first rule and its chain are made in full; of the others only the words are read that may differ: the
odds, the names of the chains, the endpoint's address where its own packets are marked, and where all are
translated. A row ends where anything else is written in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from socket import AF_INET, AF_INET6, inet_pton
from typing import cast

from natc.netfilter.condition import ALWAYS, Chance, In
from natc.netfilter.effect import SetMark, Translate
from natc.netfilter.extension import Match
from natc.netfilter.intervals import number
from natc.netfilter.rule import Jump, Part, Rule
from natc.probability import DRAW_ONE, drawn
from natc.trace import crowd
from natc.trace.endpoints import Endpoint, Row
from natc.trace.program import Program, ReadyChain, ReadyRule
from natc.trace.state import Step
from natc.values import frozen

#: A chain that only marks is not looked through further than this.
_SHORT = 16
_SHARE, _SOURCE = frozenset({"--probability"}), frozenset({"-s", "--src", "--source"})
_TARGET = frozenset({"--to-destination"})


def row_at(program: Program, table: str, chain: ReadyChain, place: int) -> Row | None:
    """Return the row of at least :data:`natc.trace.crowd.WORTH_IT` rules that begins at a place of a chain.

    A packet that was not taken by a row at its beginning goes through all of it rule by rule.
    """
    rows = program.rows.setdefault((table, chain.name), {})
    if place not in rows:
        if any(row and start < place < row.end for start, row in rows.items()):
            return None
        form = _form(program, table, chain, place)
        row = form.row(chain, place) if form else None
        rows[place] = row if row and len(row.endpoints) >= crowd.WORTH_IT else None
    return rows[place]


@frozen(eq=False)
class _Form:
    """What the rules of a row and their chains are written like: the first rule, and those of its chain."""

    program: Program
    table: str
    first: Rule
    jump: int
    """The place among the first rule's words of the chain that it leads to."""
    share: int
    """That of its probability."""
    rules: Sequence[Rule]
    source: int | None
    """The place of the source among the words of the chain's first rule; None where it only translates."""
    to: int
    """That of the new destination among the words of its last."""
    asked: ReadyRule | None
    marking: tuple[ReadyRule, ...]
    marking_chain: str
    """Where the rules that mark stand; empty for the endpoint's chain."""
    translation: ReadyRule

    def row(self, chain: ReadyChain, start: int) -> Row:
        found: list[Endpoint] = []
        chains = {self.marking_chain}
        for place in range(start, len(chain.rules)):
            rule = chain.rules[place]
            if not _alike(rule, self.first, self.jump, self.share):
                break
            endpoint = self._endpoint(rule, place)
            if endpoint is None:
                break
            found.append(endpoint)
            chains.add(rule.values[self.jump])
        addresses = frozenset(endpoint.address for endpoint in found)
        end = start + len(found)
        return Row(end, found, frozenset(chains), addresses, self.asked, self.marking, self.translation)

    def _endpoint(self, rule: Rule, place: int) -> Endpoint | None:
        name = rule.values[self.jump]
        chance = _chance(rule)
        rules = self._rules(name)
        if rules is None or not 0 < chance < DRAW_ONE:
            return None
        *own, last = rules
        family = rule.shape.family
        address = _address(_split(last.values[self.to], family)[0], family)
        source = None if self.source is None else _address(_whole(own[0].values[self.source], family), family)
        if address is None or (own and source is None):
            return None
        return Endpoint(
            address,
            source,
            Step(self.table, rule.chain, place + 1, rule, drawn(chance)),
            Step(self.table, rule.chain, place + 1, rule, drawn(DRAW_ONE - chance), taken=False),
            tuple(self._steps(name, own)),
            Step(self.table, name, len(rules), last),
        )

    def _rules(self, name: str) -> Sequence[Rule] | None:
        """Return the rules of a chain that is written like the first one."""
        chain = self.program.ruleset.tables[self.table].chain(name)
        if chain is None or len(chain.rules) != len(self.rules):
            return None
        *own, last = chain.rules
        *first_own, first_last = self.rules
        if own and not _alike(own[0], first_own[0], self.source):
            return None
        family = last.shape.family
        ports = _split(last.values[self.to], family)[1] if last.shape is first_last.shape else None
        if ports != _split(first_last.values[self.to], family)[1]:
            return None
        return chain.rules if _alike(last, first_last, self.to) else None

    def _steps(self, name: str, own: Sequence[Rule]) -> Iterator[Step]:
        for rule in own:
            yield Step(self.table, name, 1, rule)
        for ready in self.marking if self.marking_chain else ():
            yield Step(self.table, self.marking_chain, ready.number, ready.rule)


def _form(program: Program, table: str, chain: ReadyChain, place: int) -> _Form | None:
    """Return how a row is written whose first rule is at ``place``; None if that is no rule of a row."""
    ready = chain.rule(place)
    jump, action = ready.rule.shape.jump, ready.action
    share = _place_of(_SHARE, *ready.rule.shape.matches)
    if not isinstance(ready.condition, Chance) or not isinstance(action, Jump) or action.goto:
        return None
    called = program.chain(table, action.chain)
    if called is None or jump is None or share is None or not 1 <= len(called.rules) <= 2:
        return None
    *own, last = (called.rule(each) for each in range(len(called.rules)))
    to = _translates_to(last)
    source = _own_source(own[0]) if own else None
    found = _marking(program, table, own[0]) if own else ("", ())
    if to is None or found is None or (own and source is None):
        return None
    marking_chain, marking = found
    asked = own[0] if own else None
    rules = called.rules
    return _Form(
        program, table, ready.rule, jump, share, rules, source, to, asked, marking, marking_chain, last
    )


def _translates_to(ready: ReadyRule) -> int | None:
    """Return the place of the word of a rule that translates to one address, if it says just that."""
    action, target, family = ready.action, ready.rule.shape.target, ready.rule.shape.family
    to = _place_of(_TARGET, target) if target else None
    if to is None or not isinstance(action, Translate):
        return None
    first = action.to.first
    said = _address(_split(ready.rule.values[to], family)[0], family)
    return to if first is not None and first == action.to.last and int(first) == said else None


def _own_source(ready: ReadyRule) -> int | None:
    """Return the place of the word of a rule that asks for one source, if it asks for just that."""
    place, family = _place_of(_SOURCE, ready.rule.shape.header), ready.rule.shape.family
    if place is None:
        return None
    said = _address(_whole(ready.rule.values[place], family), family)
    return place if said is not None and ready.condition == In("src", number(said)) else None


def _marking(program: Program, table: str, own: ReadyRule) -> tuple[str, tuple[ReadyRule, ...]] | None:
    """Return the rules that mark where a rule matches, and their chain; None if they may do anything else."""
    if isinstance(own.action, SetMark):
        return "", (own,)
    if not isinstance(own.action, Jump) or own.action.goto:
        return None
    called = program.chain(table, own.action.chain)
    if called is None or len(called.rules) > _SHORT:
        return None
    rules = tuple(called.rule(place) for place in range(len(called.rules)))
    only = all(ready.condition == ALWAYS and isinstance(ready.action, SetMark) for ready in rules)
    return (called.name, rules) if only else None


def _chance(rule: Rule) -> int:
    """Return the draws of 2^31 in which a rule written like the first of a row matches."""
    (part,) = (part for part in rule.shape.matches if part.kind.name == "statistic")
    condition = cast(Match, rule.shape.read(part, rule.values)).condition()
    assert isinstance(condition, Chance)
    return condition.part


def _alike(rule: Rule, other: Rule, *free: int | None) -> bool:
    """Tell whether two rules differ in nothing but their chains, counters and the words at ``free``."""
    shape = rule.shape
    if shape is not other.shape:
        return False
    free = (*free, shape.chain, shape.counters)
    pairs = zip(rule.values, other.values, strict=True)
    return all(mine == its or place in free for place, (mine, its) in enumerate(pairs))


def _place_of(names: frozenset[str], *parts: Part) -> int | None:
    """Return the place among a rule's words of the one that an option is given; None where it is not."""
    for part in parts:
        for use in part.uses:
            if use.name in names and not use.inverted and isinstance(use.words[0], int):
                return use.words[0]
    return None


def _whole(text: str, family: int) -> str:
    return text.removesuffix("/32" if family == 4 else "/128")


def _split(text: str, family: int) -> tuple[str, str]:
    """Return the addresses of what a target translates to, and what is said of ports."""
    if family == 6:
        address, _, ports = text.removeprefix("[").partition("]") if text.startswith("[") else (text, "", "")
        return address, ports
    address, _, ports = text.partition(":")
    return address, ports


def _address(text: str, family: int) -> int | None:
    """Return the number of an address; None where it is written unusually."""
    try:
        return int.from_bytes(inet_pton(AF_INET if family == 4 else AF_INET6, text), "big")
    except (OSError, ValueError):
        return None
