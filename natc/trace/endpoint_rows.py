"""Where rules in a row lead to endpoints' chains written alike (:mod:`natc.trace.endpoints`).

The first rule and its chain are made in full; of the others only the words are read that may differ: the
odds, the names of the chains, the endpoint's address where its own packets are marked, and where all are
translated. A row ends where anything else is written in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from socket import AF_INET, AF_INET6, inet_pton
from typing import cast

from natc.netfilter.condition import ALWAYS, Chance, In, Remembered, conjuncts
from natc.netfilter.effect import SetMark, Translate
from natc.netfilter.extension import Match
from natc.netfilter.intervals import number
from natc.netfilter.matches.recent import Recent
from natc.netfilter.rule import Jump, Part, Rule, Shape
from natc.probability import DRAW_ONE, drawn
from natc.trace import crowd
from natc.trace.endpoints import Endpoint, Row
from natc.trace.program import Program, ReadyChain, ReadyRule
from natc.trace.state import Step
from natc.values import frozen

#: A chain that only marks is not looked through further than this.
_SHORT = 16
_SHARE, _SOURCE = frozenset({"--probability"}), frozenset({"-s", "--src", "--source"})
_TARGET, _LIST = frozenset({"--to-destination"}), frozenset({"--name"})


def row_at(program: Program, table: str, chain: ReadyChain, place: int) -> Row | None:
    """Return the row of at least :data:`natc.trace.crowd.WORTH_IT` rules that begins at a place of a chain.

    A packet that was not taken by a row at its beginning goes through all of it rule by rule.
    """
    rows = program.rows.setdefault((table, chain.name), {})
    if place not in rows:
        form = _form(program, table, chain, place)
        row = form.row(chain, place) if form else None
        if row and len(row.endpoints) >= crowd.WORTH_IT:
            rows.update(dict.fromkeys(range(place, row.end)))
            rows[place] = row
        else:
            rows[place] = None
    return rows[place]


@frozen(eq=False)
class _Form:
    """What the rules of a row and their chains are written like: the first rule, and those of its chain."""

    program: Program
    table: str
    first: _Wording
    jump: int
    """The place among the first rule's words of the chain that it leads to."""
    own: _Wording | None
    """The rule about the endpoint's own packets; None where its chain only translates."""
    source: int
    """The place of the source among its words."""
    last: _Wording
    """The rule that translates."""
    to: int
    """The place of the new destination among its words."""
    ports: str
    asked: ReadyRule | None
    marking: tuple[ReadyRule, ...]
    marks: tuple[Step, ...]
    """The steps through those that stand in a chain of their own."""
    translation: ReadyRule
    remembers: bool

    def row(self, chain: ReadyChain, start: int) -> Row:
        found: list[Endpoint] = []
        chains = {step.chain for step in self.marks}
        for place in range(start, len(chain.rules)):
            rule = chain.rules[place]
            endpoint = self._endpoint(rule, place) if rule in self.first else None
            if endpoint is None:
                break
            found.append(endpoint)
            chains.add(rule.values[self.jump])
        addresses = frozenset(endpoint.address for endpoint in found)
        end = start + len(found)
        return Row(
            end,
            found,
            frozenset(chains),
            addresses,
            self.asked,
            self.marking,
            self.translation,
            self.remembers,
        )

    def _endpoint(self, rule: Rule, place: int) -> Endpoint | None:
        """Return what a rule and its chain do, None if the chain is written in another way."""
        name, chance = rule.values[self.jump], _chance(rule)
        chain = self.program.ruleset.tables[self.table].chain(name)
        rules = chain.rules if chain else []
        if not 0 < chance < DRAW_ONE or len(rules) != 1 + bool(self.own):
            return None
        own = rules[0] if self.own else None
        if rules[-1] not in self.last or (self.own and own and own not in self.own):
            return None
        address, ports = _split(rules[-1].values[self.to], rule.shape.family)
        to = _address(address, rule.shape.family)
        source = _address(_whole(own.values[self.source]), rule.shape.family) if own else None
        if ports != self.ports or to is None or (own and source is None):
            return None
        return Endpoint(
            to,
            source,
            Step(self.table, rule.chain, place + 1, rule, drawn(chance)),
            Step(self.table, rule.chain, place + 1, rule, drawn(DRAW_ONE - chance), taken=False),
            (Step(self.table, name, 1, own), *self.marks) if own else (),
            Step(self.table, name, len(rules), rules[-1]),
        )


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
    to, source = _translates_to(last), _own_source(own[0]) if own else None
    marking = _marking(program, table, own[0]) if own else ("", ())
    own_list = _own_list(last)
    if to is None or marking is None or (own and source is None):
        return None
    return _Form(
        program=program,
        table=table,
        first=_Wording.of(ready.rule, jump, share),
        jump=jump,
        own=_Wording.of(own[0].rule, source) if own else None,
        source=source or 0,
        last=_Wording.of(last.rule, to, own_list),
        to=to,
        ports=_split(last.rule.values[to], last.rule.shape.family)[1],
        asked=own[0] if own else None,
        marking=marking[1],
        marks=tuple(Step(table, marking[0], mark.number, mark.rule) for mark in marking[1] if marking[0]),
        translation=last,
        remembers=own_list is not None,
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


def _own_list(ready: ReadyRule) -> int | None:
    """Return the place of the name of the list in which a rule notes packets, and asks nothing of it.

    With session affinity each endpoint has a list of its own.
    """
    asked = [part for part in conjuncts(ready.condition) if isinstance(part, Remembered)]
    if len(asked) != 1 or not isinstance(asked[0].probe, Recent) or asked[0].unknown != ALWAYS:
        return None
    return _place_of(_LIST, *ready.rule.shape.matches)


def _own_source(ready: ReadyRule) -> int | None:
    """Return the place of the word of a rule that asks for one source, if it asks for just that."""
    place, family = _place_of(_SOURCE, ready.rule.shape.header), ready.rule.shape.family
    if place is None:
        return None
    said = _address(_whole(ready.rule.values[place]), family)
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


@frozen(eq=False)
class _Wording:
    """How a rule is written: in the same words but for its chain's name, its counters, its comments and some
    others. kube-proxy says in the comment of a rule to an endpoint which it is, up to 1,000 endpoints."""

    shape: Shape
    kept: Callable[[tuple[str, ...]], object]
    """Returns of a rule's words those that must be the same."""
    words: object

    @classmethod
    def of(cls, rule: Rule, *free: int | None) -> _Wording:
        """Return how ``rule`` is written, but for the words at the places ``free``."""
        shape = rule.shape
        others = {*free, shape.chain, shape.counters, *_unasked(shape)}
        places = [place for place in range(len(rule.values)) if place not in others]
        kept = itemgetter(*places) if places else len
        return cls(shape, kept, kept(rule.values))

    def __contains__(self, rule: Rule) -> bool:
        return rule.shape is self.shape and self.kept(rule.values) == self.words


def _unasked(shape: Shape) -> Iterator[int | str]:
    """Yield the places of words in matches that ask nothing, which are comments."""
    for part in shape.matches:
        if cast(type[Match], part.kind).asks_nothing:
            for use in part.uses:
                yield from use.words


def _place_of(names: frozenset[str], *parts: Part) -> int | None:
    """Return the place among a rule's words of the one that an option is given; None where it is not."""
    for part in parts:
        for use in part.uses:
            if use.name in names and not use.inverted and isinstance(use.words[0], int):
                return use.words[0]
    return None


def _whole(text: str) -> str:
    """Return an address without the mask that is all of it."""
    return text.removesuffix("/128" if ":" in text else "/32")


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
