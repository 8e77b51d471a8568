"""Asking a condition of a state: yes, no, or the ways it splits.

For a packet whose fields are known the answer is a bool. Where it depends on an open value or on
chance, the answer is a list of splits: states that together are the one asked about, each with the
condition's truth in it. Contradictions cannot arise: a split that leaves an open value no possible
value is never made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from natc.netfilter.condition import (
    AddressType,
    All,
    Bits,
    Chance,
    Computed,
    Condition,
    ConnectionMark,
    DeviceGroup,
    Drops,
    In,
    Not,
    OfConnection,
    Remembered,
    ReversePath,
    RouteRealm,
    Some,
    Translated,
    Unknown,
)
from natc.netfilter.packet import NO, YES, YES_OR_NO, Open, OpenMark
from natc.probability import DRAW_ONE, Odds, drawn
from natc.trace.chain.lists import Asked, ask
from natc.trace.chain.program import ReadyRule
from natc.trace.node.view import NodeView
from natc.trace.split import Answer, Split, question, split
from natc.trace.state import Draws, State
from natc.values import changed, evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection
    from natc.netfilter.packet import Packet


@frozen
class Asker:
    """Evaluates conditions for the states of one trace."""

    node: NodeView
    rule: ReadyRule | None = None
    """The rule being asked about. Itself, and not what it says, is where matches keep a count of their own:
    two rules of the same words count apart."""
    draws: Draws = field(factory=Draws)

    def ask(self, condition: Condition, state: State) -> Answer:
        """Return whether ``condition`` holds, or how it splits ``state``."""
        return _FORMS[type(condition)](self, condition, state)


def _in(asker: Asker, condition: In, state: State) -> Answer:
    value = getattr(state.packet, condition.field)
    if type(value) is not Open:
        if value is None and condition.field == "ctstate":
            value = "NEW" if state.binding.template else "INVALID"
        return value is not None and value in condition.values
    if state.facts.domain(value) is None:
        from natc.trace.answer.wording import set_words

        words = set_words(condition.field, condition.values, state.packet.bits)
        return question(state, Open("question", f"{value.kind} in {words}", YES_OR_NO))
    return split(state, value, condition.values)


def _bits(asker: Asker, condition: Bits, state: State) -> Answer:
    value = getattr(state.packet, condition.field)
    if type(value) is int:
        return value & condition.mask == condition.value
    if type(value) is not OpenMark:
        return question(state, Open("question", _bits_asked(condition, state.packet), YES_OR_NO))
    known = condition.mask & ~value.unknown
    if (value.value ^ condition.value) & known or condition.value & ~condition.mask:
        return False
    return asker.ask(All(tuple(_open_bits(value, condition))), state)


def _bits_asked(condition: Bits, packet: Packet) -> str:
    """Return what is asked for in words: of an address a network whose mask has holes."""
    field = getattr(packet, condition.field)
    if condition.field in ("src", "dst") and type(field) is Open:
        from natc.netfilter.kinds.addresses import text_of

        value, mask = (text_of(number, packet.bits) for number in (condition.value, condition.mask))
        return f"{field.kind} in {value}/{mask}"
    return f"{condition.field} & {condition.mask:#x} is {condition.value:#x}"


def _open_bits(value: OpenMark, condition: Bits) -> list[Condition]:
    """One condition for each bit asked about that is still as the packet came with it."""
    return [
        _Bit(bit, bool((value.value ^ condition.value) >> bit & 1))
        for bit in range(32)
        if condition.mask & value.unknown & 1 << bit
    ]


@frozen
class _Bit(Condition):
    """The original mark's bit has this value."""

    bit: int
    value: bool


def open_bit(bit: int) -> Open:
    """Return the open value that stands for one bit of the mark a packet came with, 0 the lowest."""
    return Open("mark bit", f"{1 << bit:#x}", YES_OR_NO)


def _bit(asker: Asker, condition: _Bit, state: State) -> Answer:
    return split(state, open_bit(condition.bit), YES if condition.value else NO)


def _chance(asker: Asker, condition: Chance, state: State) -> Answer:
    part = condition.part
    shares = ((True, drawn(part)), (False, drawn(DRAW_ONE - part)))
    return [Split(truth, state.drawn(odds, asker.draws), odds) for truth, odds in shares if odds]


def _all(asker: Asker, condition: All, state: State) -> Answer:
    return _in_order(asker, condition.parts, state, stop=False)


def _some(asker: Asker, condition: Some, state: State) -> Answer:
    return _in_order(asker, condition.parts, state, stop=True)


def _in_order(asker: Asker, parts: Sequence[Condition], state: State, *, stop: bool) -> Answer:
    """Ask the parts one after another until one comes out as ``stop``."""
    for place, part in enumerate(parts):
        answer = _FORMS[type(part)](asker, part, state)
        if answer is stop:
            return stop
        if answer is not (not stop):
            assert isinstance(answer, list)
            rest = parts[place + 1 :]
            return [done for one in answer for done in _carry_on(asker, rest, one, stop=stop)]
    return not stop


def _carry_on(asker: Asker, rest: Sequence[Condition], one: Split, *, stop: bool) -> list[Split]:
    if one.truth is stop or not rest:
        return [one]
    answer = _in_order(asker, rest, one.state, stop=stop)
    if isinstance(answer, bool):
        return [evolve(one, truth=answer)]
    return [evolve(later, odds=_times(one.odds, later.odds)) for later in answer]


def _times(one: Odds | None, other: Odds | None) -> Odds | None:
    return one * other if one and other else one or other


def _not(asker: Asker, condition: Not, state: State) -> Answer:
    answer = asker.ask(condition.body, state)
    if isinstance(answer, bool):
        return not answer
    return [evolve(one, truth=not one.truth) for one in answer]


def _computed(asker: Asker, condition: Computed, state: State) -> Answer:
    packet = state.packet
    if any(type(getattr(packet, name)) is Open for name in condition.needs):
        return question(state, Open("question", condition.question, YES_OR_NO))
    found = condition.holds(packet)
    if isinstance(found, Drops):
        return [Split(found.value, changed(state, verdict="DROP"))]
    return question(state, Open("question", condition.question, YES_OR_NO)) if found is None else found


def _address_type(asker: Asker, condition: AddressType, state: State) -> Answer:
    packet = state.packet
    device = {"in": packet.in_interface, "out": packet.out_interface, "": ""}[condition.device]
    return asker.node.address_type(state, getattr(packet, condition.field), condition.types, device)


def _of_connection(asker: Asker, condition: OfConnection, state: State) -> Answer:
    binding = state.binding
    if binding.template:
        return bool(condition.holds(_template(), 0))
    if not binding.tracked:
        return condition.without
    if binding.connection is not None:
        truth = condition.holds(binding.connection, binding.direction)
        if truth is not None:
            return truth
    elif condition.first is not None and _begins(state):
        return asker.ask(condition.first, state)
    return question(state, Open("question", condition.question, YES_OR_NO))


def _begins(state: State) -> bool:
    """Tell whether the packet is known to be the first of its connection."""
    ctstate = state.packet.ctstate
    return (state.facts.domain(ctstate) if isinstance(ctstate, Open) else {ctstate}) == {"NEW"}


@lru_cache(maxsize=1)
def _template() -> Connection:
    """What a packet has of a connection between a CT target and its tracking: nothing but the status."""
    from natc.netfilter.conntrack.connection import Connection, Status, Tuple

    nobody = Tuple(4, 0, 0, 0, 0, 0)
    return Connection(nobody, nobody, Status.CONFIRMED)


def _connection_mark(asker: Asker, condition: ConnectionMark, state: State) -> Answer:
    binding = state.binding
    equal = binding.mark & condition.mask == condition.value
    return (binding.tracked or binding.template) and equal is not condition.inverted


def _reverse_path(asker: Asker, condition: ReversePath, state: State) -> Answer:
    return asker.node.reverse_path(state, condition)


def _device_group(asker: Asker, condition: DeviceGroup, state: State) -> Answer:
    return asker.node.device_group(state, condition)


def _route_realm(asker: Asker, condition: RouteRealm, state: State) -> Answer:
    return asker.node.route_realm(state, condition)


def _translated(asker: Asker, condition: Translated, state: State) -> Answer:
    return condition.what in state.binding.translated


def _remembered(asker: Asker, condition: Remembered, state: State) -> Answer:
    memory = state.memory
    if memory is None or (memory.partial and (condition.key is None or memory.get(condition.key) is None)):
        return asker.ask(condition.unknown, state)
    if memory.partial and condition.spread is not None:
        spread = condition.spread(memory, state.packet)
        if spread is not None:
            return _forgetting(asker.ask(spread, state), condition, state)
    probe = condition.of_connection(state.binding.connection) if condition.of_connection else condition.probe
    truth, memory = probe.consult(memory, state.packet, asker.rule)
    if truth is None:
        return asker.ask(condition.unknown, state)
    if isinstance(truth, Drops):
        return [Split(truth.value, changed(state, verdict="DROP", reason=_UNCOUNTED))]
    return [Split(truth, changed(state, memory=memory))]


_UNCOUNTED = "the rule cannot count it: its table is full, or the connection is over"


def _forgetting(answer: Answer, condition: Remembered, state: State) -> Answer:
    """Forget what the answer changed: of which packet the change is stays open."""
    if not condition.changes or state.memory is None:
        return answer
    splits = [Split(answer, state)] if isinstance(answer, bool) else answer
    return [
        evolve(one, state=changed(one.state, memory=state.memory.with_value(condition.key, None)))
        for one in splits
    ]


def _unknown(asker: Asker, condition: Unknown, state: State) -> Answer:
    line = asker.rule.rule.line if asker.rule else 0
    where = "" if condition.same_everywhere else f" (line {line})"
    return question(state, Open(condition.kind, condition.question + where, YES_OR_NO))


def _list_asked(asker: Asker, condition: Asked, state: State) -> Answer:
    return ask(condition, state)


_FORMS: dict[type[Condition], Callable[[Asker, Any, State], Answer]] = {
    In: _in,
    Bits: _bits,
    _Bit: _bit,
    Chance: _chance,
    All: _all,
    Some: _some,
    Not: _not,
    Computed: _computed,
    AddressType: _address_type,
    OfConnection: _of_connection,
    ConnectionMark: _connection_mark,
    ReversePath: _reverse_path,
    DeviceGroup: _device_group,
    RouteRealm: _route_realm,
    Translated: _translated,
    Remembered: _remembered,
    Unknown: _unknown,
    Asked: _list_asked,
}
