"""Where rules in a row lead to endpoints' chains written alike (:mod:`natc.trace.chain.endpoints`).

The first rule is made in full; of the others only the words are read that may differ: the odds, the names of
the chain and of the list. A row ends where anything else is written in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, cast

from natc.netfilter.condition import Chance
from natc.netfilter.extension import Match
from natc.netfilter.rule import Jump, Rule
from natc.probability import DRAW_ONE, drawn
from natc.trace import crowd
from natc.trace.chain.alike import Wording, place_of
from natc.trace.chain.endpoint_chains import EndpointChains, chains_like
from natc.trace.chain.endpoints import DrawnRow, ListedRow, Row
from natc.trace.chain.lists import FirstList, first_list_of
from natc.trace.chain.program import Program, ReadyChain
from natc.trace.state import Step

_SHARE, _LIST = frozenset({"--probability"}), frozenset({"--name"})


def row_at(program: Program, table: str, chain: ReadyChain, place: int) -> Row | None:
    """Return the row of at least :data:`natc.trace.crowd.WORTH_IT` rules that begins at a place of a chain.

    A packet that was not taken by a row at its beginning goes through all of it rule by rule.
    """
    rows = program.rows.setdefault((table, chain.name), {})
    if place not in rows:
        row = _row(program, table, chain, place)
        if row and len(row.endpoints) >= crowd.WORTH_IT:
            rows.update(dict.fromkeys(range(place, row.end)))
            rows[place] = row
        else:
            rows[place] = None
    return rows[place]


def _row(program: Program, table: str, chain: ReadyChain, place: int) -> Row | None:
    """Return the row that begins with a rule, however short; None if that is no rule of a row."""
    ready = chain.rule(place)
    shape, action, first = ready.rule.shape, ready.action, first_list_of(ready.condition)
    if shape.jump is None or not isinstance(action, Jump) or action.goto:
        return None
    free = place_of(_LIST if first else _SHARE, *shape.matches)
    if free is None or not (first or isinstance(ready.condition, Chance)):
        return None
    alike = chains_like(program, table, action.chain)
    if alike is None:
        return None
    wording = Wording.of(ready.rule, shape.jump, free)
    written = (chain.rules[each] for each in range(place, len(chain.rules)))
    rules = list(takewhile(wording.__contains__, written))
    return (
        _listed_row(rules, table, place, alike, *first) if first else _drawn_row(rules, table, place, alike)
    )


def _listed_row(
    rules: Sequence[Rule], table: str, place: int, alike: EndpointChains, first: FirstList, begins: int
) -> ListedRow:
    taken = [Step(table, rule.chain, number, rule) for number, rule in enumerate(rules, place + 1)]
    return ListedRow(**_common(taken, place, alike), first=first, begins=begins)


def _drawn_row(rules: Sequence[Rule], table: str, place: int, alike: EndpointChains) -> DrawnRow:
    chances = list(takewhile(lambda chance: 0 < chance < DRAW_ONE, map(_chance, rules)))
    rows = list(zip(range(place + 1, place + 1 + len(chances)), rules, chances, strict=False))
    taken = [Step(table, rule.chain, number, rule, drawn(chance)) for number, rule, chance in rows]
    passed = [
        Step(table, rule.chain, number, rule, drawn(DRAW_ONE - chance), taken=False)
        for number, rule, chance in rows
    ]
    common = _common(taken, place, alike)
    return DrawnRow(**common, passed=passed[: len(common["endpoints"])])


def _common(taken: Sequence[Step], place: int, alike: EndpointChains) -> dict[str, Any]:
    """Return what a row of either kind has: it ends where a chain is written in another way."""
    names = [step.rule.jump or "" for step in taken if step.rule]
    endpoints = list(takewhile(bool, map(alike.endpoint, names)))
    return {
        "end": place + len(endpoints),
        "endpoints": endpoints,
        "taken": taken[: len(endpoints)],
        "alike": alike,
        "chains": frozenset([*names[: len(endpoints)], *(step.chain for step in alike.marks)]),
        "addresses": frozenset(endpoint.address for endpoint in endpoints if endpoint),
    }


def _chance(rule: Rule) -> int:
    """Return the draws of 2^31 in which a rule written like the first of a row matches."""
    (part,) = (part for part in rule.shape.matches if part.kind.name == "statistic")
    condition = cast(Match, rule.shape.read(part, rule.values)).condition()
    assert isinstance(condition, Chance)
    return condition.part
