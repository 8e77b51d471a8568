"""Chains of endpoints that are written alike: what the first does to a packet the others do too.

The rules of the first chain are made in full; of the others only the words are read that may differ: the
endpoint's address where its own packets are marked, and where all are translated, and the name of the list
in which an endpoint of a service with session affinity notes its clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_pton

from natc.netfilter.condition import ALWAYS, In, Remembered, conjuncts
from natc.netfilter.effect import SetMark, Translate
from natc.netfilter.intervals import number
from natc.netfilter.matches.recent import Recent
from natc.netfilter.rule import Jump, Rule
from natc.trace.chain.alike import Wording, place_of
from natc.trace.chain.endpoints import Endpoint
from natc.trace.chain.program import Program, ReadyRule
from natc.trace.state import Step
from natc.values import define, field

#: A chain that only marks is not looked through further than this.
_SHORT = 16
_SOURCE = frozenset({"-s", "--src", "--source"})
_TARGET, _LIST = frozenset({"--to-destination"}), frozenset({"--name"})


@define(eq=False)
class EndpointChains:
    """How chains of endpoints are written: the rules of the first."""

    program: Program
    table: str
    own: Wording | None
    """The rule about the endpoint's own packets; None where its chain only translates."""
    source: int
    """The place of the source among its words."""
    last: Wording
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
    _found: dict[str, Endpoint | None] = field(factory=dict)

    def endpoint(self, name: str) -> Endpoint | None:
        """Return what a chain does, None if it is written in another way."""
        if name not in self._found:
            chain = self.program.ruleset.tables[self.table].chain(name)
            self._found[name] = self._read(name, chain.rules if chain else [])
        return self._found[name]

    def _read(self, name: str, rules: Sequence[Rule]) -> Endpoint | None:
        if len(rules) != 1 + bool(self.own):
            return None
        own = rules[0] if self.own else None
        if rules[-1] not in self.last or (self.own and own and own not in self.own):
            return None
        address, ports = _split(rules[-1].values[self.to], rules[-1].shape.family)
        to = _address(address, rules[-1].shape.family)
        source = _address(_whole(own.values[self.source]), own.shape.family) if own else None
        if ports != self.ports or to is None or (own and source is None):
            return None
        return Endpoint(
            to,
            source,
            (Step(self.table, name, 1, own), *self.marks) if own else (),
            Step(self.table, name, len(rules), rules[-1]),
        )


def chains_like(program: Program, table: str, name: str) -> EndpointChains | None:
    """Return how a chain is written if it is an endpoint's: with affinity two rows lead there."""
    forms = program.endpoint_chains.setdefault(table, [])
    for form in forms:
        if form.endpoint(name):
            return form
    found = _written(program, table, name)
    if found:
        forms.append(found)
    return found


def _written(program: Program, table: str, name: str) -> EndpointChains | None:
    called = program.chain(table, name)
    if called is None or not 1 <= len(called.rules) <= 2:
        return None
    *own, last = (called.rule(each) for each in range(len(called.rules)))
    to, source = _translates_to(last), _own_source(own[0]) if own else None
    marking = _marking(program, table, own[0]) if own else ("", ())
    own_list = _own_list(last)
    if to is None or marking is None or (own and source is None):
        return None
    return EndpointChains(
        program=program,
        table=table,
        own=Wording.of(own[0].rule, source) if own else None,
        source=source or 0,
        last=Wording.of(last.rule, to, own_list),
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
    to = place_of(_TARGET, target) if target else None
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
    return place_of(_LIST, *ready.rule.shape.matches)


def _own_source(ready: ReadyRule) -> int | None:
    """Return the place of the word of a rule that asks for one source, if it asks for just that."""
    place, family = place_of(_SOURCE, ready.rule.shape.header), ready.rule.shape.family
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
