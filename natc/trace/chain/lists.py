"""Which of many lists saw an address first: one question for the rules of a service with affinity.

Its chain asks n lists one after the other whether they saw the source. Each as a question of its own, the
last state knows n answers and the answer has n squared of them; but what matters is which list was the
first to say yes. So rules of one shape that stand together and each ask a list and nothing else share one
open value: the place of the first list that says yes, or n where none does. Where a packet comes back to
such rules a list may still be asked by itself, and what is known of a list holds wherever it is asked.

Measured with 100 endpoints: 5.6 s of CPU became 0.6, and 1.6 MB of text 20 kB; with 1,000 it had no end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import cast

from natc.netfilter.condition import All, Condition, Not, Remembered, Unknown, conjuncts
from natc.netfilter.extension import Match
from natc.netfilter.intervals import Intervals, number, numbers
from natc.netfilter.packet import YES, YES_OR_NO, Domain, Open
from natc.netfilter.rule import Rule
from natc.trace.split import Answer, Split, question, split
from natc.trace.state import State
from natc.values import define, evolve, field, frozen

#: Fewer lists than this are asked each by itself, and named.
WORTH_IT = 8
LIST, FIRST_LIST = "recent", "first list"


@frozen
class FirstList(Open):
    """The place of the first of some lists that says yes; their number where none does."""

    questions: tuple[str, ...] = field(default=(), eq=False, repr=False)

    __hash__ = Open.__hash__

    @property
    def asks(self) -> str:
        """What is asked, in words."""
        return f"{self.questions[0]}, or which of the {len(self.questions) - 1} lists asked next did"

    def says(self, domain: Domain) -> str:
        """Return in words that the place lies in ``domain``."""
        assert isinstance(domain, Intervals)
        number, others = len(self.questions), len(self.questions) - 1
        if domain.single == number:
            return f"{self.questions[0].partition(' by list')[0]} by none of {number} lists"
        if domain.spans == ((0, number),):
            return f"{self.questions[0]}, or by one of the {others} lists asked next"
        if domain.single is not None:
            many = domain.single != 1
            sooner = f"by none of the {domain.single}" if many else "not by the one"
            before = f", and {sooner} asked before it" if domain.single else ""
            return f"{self.questions[domain.single]}{before}"
        return f"of {number} lists the first to say yes is {self._numbers(domain)}"

    def _numbers(self, domain: Intervals) -> str:
        """Return places counted from 1, as a person counts them."""
        last = len(self.questions)
        spans = [(low + 1, min(high, last)) for low, high in domain if low < last]
        words = [f"number {low}" if low == high else f"one of numbers {low}-{high}" for low, high in spans]
        return " or ".join([*words, *(["none"] if last in domain else [])])


@frozen
class Asked(Condition):
    """A list says yes; ``own`` is its place among lists that are asked together."""

    text: str
    runs: Runs = field(eq=False, repr=False)
    own: tuple[FirstList, int] | None = None


@define(eq=False)
class Runs:
    """The lists that are asked together, by what is asked of each."""

    least: int = WORTH_IT
    of: dict[str, list[tuple[FirstList, int]]] = field(factory=dict)

    def together(self, subject: str, texts: tuple[str, ...]) -> FirstList | None:
        """Note lists that are asked together; None where they are too few, or one is asked twice."""
        if len(texts) < self.least or len(set(texts)) < len(texts):
            return None
        first = FirstList(FIRST_LIST, subject, numbers(0, len(texts)), texts)
        for place, text in enumerate(texts):
            self.of.setdefault(text, []).append((first, place))
        return first

    def around(self, name: str, rules: Sequence[Rule], place: int) -> dict[int, tuple[FirstList, int] | None]:
        """Return of each of the rules around one that only asks a list which of the lists it asks that is.

        They go as far as they are written as it is and ask no more; None where each is asked by itself.
        """
        asks = _Asking(rules[place])
        texts = {place: asks.by(rules[place])}
        for ahead in (range(place - 1, -1, -1), range(place + 1, len(rules))):
            texts |= takewhile(lambda one: one[1], ((each, asks.by(rules[each])) for each in ahead))
        places = sorted(texts)
        subject = f"{name}, rule {places[0] + 1}, line {rules[places[0]].line}"
        first = self.together(subject, tuple(str(texts[each]) for each in places))
        return {each: (first, number) if first else None for number, each in enumerate(places)}

    def asking(self, condition: Condition, own: tuple[FirstList, int] | None = None) -> Condition:
        """Return a rule's condition with what it asks of lists asked of what is known of them together."""
        parts = list(conjuncts(condition))
        asked = [self._asking(part, own) for part in parts]
        if all(new is old for new, old in zip(asked, parts, strict=True)):
            return condition
        return asked[0] if len(asked) == 1 else All(tuple(asked))

    def _asking(self, part: Condition, own: tuple[FirstList, int] | None) -> Condition:
        if not isinstance(part, Remembered):
            return part
        unknown = part.unknown.body if isinstance(part.unknown, Not) else part.unknown
        if not isinstance(unknown, Unknown) or unknown.kind != LIST:
            return part
        here = Asked(unknown.question, self, own)
        return evolve(part, unknown=~here if isinstance(part.unknown, Not) else here)


class _Asking:
    """What rules written as one that only asks a list ask of theirs: mostly all but its name is the same."""

    def __init__(self, rule: Rule) -> None:
        from natc.trace.chain.alike import Wording, part_of, places_of

        self._shape = rule.shape
        self._part = part_of(rule.shape, "recent")
        own = places_of(self._part) if self._part else ()
        self._alike = Wording.of(rule, rule.shape.jump, *own)

    def by(self, rule: Rule) -> str | None:
        """Return what a rule asks of a list, in words; None where it asks more, or is written otherwise."""
        if rule.shape is not self._shape:
            return None
        if self._part is None or rule not in self._alike:
            return list_asked(rule.condition)
        return list_asked(cast(Match, self._shape.read(self._part, rule.values)).condition())


def first_list_of(condition: Condition) -> tuple[FirstList, int] | None:
    """Return the lists that a rule's only question is one of, and its place there."""
    asked = condition.unknown if type(condition) is Remembered else None
    return asked.own if type(asked) is Asked else None


def list_asked(condition: Condition) -> str | None:
    """Return what a condition asks of a list where that is all it asks, in words."""
    asked = condition.unknown if isinstance(condition, Remembered) else None
    return asked.question if isinstance(asked, Unknown) and asked.kind == LIST else None


def ask(asked: Asked, state: State) -> Answer:
    """Return whether a list says yes, by what is known of it, or how that splits a state."""
    for first, place in asked.runs.of.get(asked.text, ()):
        known = state.facts.narrowed(first)
        if not isinstance(known, Intervals) or ((first, place) == asked.own and _in_turn(asked.own, state)):
            continue
        told = known & numbers(place, len(first.questions))
        if told == known:
            return split(state, first, number(place))
        if told:  # for some of what is known an earlier list said yes, which tells nothing of this one
            sides = [state.narrowed(first, told), state.narrowed(first, known - told)]
            return [one for side in sides for one in _splits(ask(asked, side), side)]
    single = Open(LIST, asked.text, YES_OR_NO)
    if asked.own is None or not _in_turn(asked.own, state) or state.facts.narrowed(single) is not None:
        return question(state, single)
    return split(state, asked.own[0], number(asked.own[1]))


def _in_turn(own: tuple[FirstList, int], state: State) -> bool:
    """Whether all lists before this one are known to have said no by the question for the first."""
    domain = state.facts.domain(own[0])
    return isinstance(domain, Intervals) and domain.spans[0][0] >= own[1]


def _splits(answer: Answer, state: State) -> list[Split]:
    return [Split(answer, state)] if isinstance(answer, bool) else answer


def possible(known: Mapping[Open, Domain]) -> bool:
    """Tell whether what is known of lists asked in a row, and of lists asked alone, agrees."""
    asked = frozenset(value for value in known if is_of_lists(value))
    firsts = [value for value in asked if isinstance(value, FirstList)]
    if not firsts or len(asked) < 2 or _asked_once(asked):
        return True
    told = {value.subject: known[value] == YES for value in known if value.kind == LIST}
    before = -1
    while len(told) > before:  # what one tells may tell more of another
        before = len(told)
        for first in firsts:
            places = [place for place in _places(known[first]) if _fits(first, place, told)]
            if not places:
                return False
            told |= dict.fromkeys(first.questions[: places[0]], False)
            if len(places) == 1 and places[0] < len(first.questions):
                told[first.questions[places[0]]] = True
    return True


@lru_cache(maxsize=16)
def _asked_once(values: frozenset[Open]) -> bool:
    """Tell whether no list is asked in two of them: then nothing said of one tells of another."""
    texts = [
        text for one in values for text in (one.questions if isinstance(one, FirstList) else [one.subject])
    ]
    return len(set(texts)) == len(texts)


def _places(domain: Domain) -> list[int]:
    assert isinstance(domain, Intervals)
    return [place for low, high in domain for place in range(low, high)]


def _fits(first: FirstList, place: int, told: Mapping[str, bool]) -> bool:
    """Whether a list can be the first to say yes, by what is told of single lists."""
    if any(told.get(text) for text in first.questions[:place]):
        return False
    return place == len(first.questions) or told.get(first.questions[place], True)


def says_yes(value: Open, domain: Domain) -> bool:
    """Whether a fact says that some list said yes."""
    if isinstance(value, FirstList):
        return len(value.questions) not in domain
    return value.kind == LIST and domain == YES


def is_of_lists(value: Open) -> bool:
    """Whether an open value is what lists say."""
    return value.kind in (LIST, FIRST_LIST)
