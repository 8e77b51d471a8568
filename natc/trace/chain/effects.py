"""What the targets' effects make of a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from natc.netfilter.effect import (
    Answer,
    Change,
    Effect,
    ExchangeMarks,
    HandOver,
    Masquerade,
    Nothing,
    Redirect,
    Remember,
    SetMark,
    Track,
    Translate,
    Undecided,
    Verdict,
)
from natc.netfilter.hooks import NAT_SIDE
from natc.netfilter.packet import YES_OR_NO, Open, OpenMark
from natc.trace.chain.program import ReadyRule
from natc.trace.split import Split, question
from natc.trace.state import State
from natc.trace.tracking.tracker import Tracker
from natc.values import changed, evolve, frozen

CONTINUE, ACCEPT, DROP = "CONTINUE", "ACCEPT", "DROP"

#: A state and what happens next: CONTINUE with the next rule, or a verdict.
After = tuple[State, str]


@frozen
class Effects:
    """Applies effects; translations are the connection tracker's."""

    tracker: Tracker

    def apply(self, effect: Effect, state: State, ready: ReadyRule) -> list[After]:
        """Return what ``effect`` makes of ``state``, one entry for each way it can go."""
        return _FORMS[type(effect)](self, effect, state, ready)


def _nothing(effects: Effects, effect: Nothing, state: State, ready: ReadyRule) -> list[After]:
    return [(state, CONTINUE)]


def _verdict(effects: Effects, effect: Verdict, state: State, ready: ReadyRule) -> list[After]:
    return [(state, effect.word)]


def _set_mark(effects: Effects, effect: SetMark, state: State, ready: ReadyRule) -> list[After]:
    mark = state.packet.mark
    if isinstance(mark, OpenMark):
        return [(state.with_packet(mark=mark.changed(effect.value, effect.mask)), CONTINUE)]
    return [(state.with_packet(mark=(mark & ~effect.mask) ^ effect.value), CONTINUE)]


def _hand_over(effects: Effects, effect: HandOver, state: State, ready: ReadyRule) -> list[After]:
    answer = question(state, Open("socket", effect.socket, YES_OR_NO))
    splits = [Split(answer, state)] if isinstance(answer, bool) else answer
    marked = SetMark(effect.value, effect.mask)
    return [
        (after, ACCEPT if one.truth else DROP)
        for one in splits
        for after, _ in (_set_mark(effects, marked, one.state, ready) if one.truth else [(one.state, DROP)])
    ]


def _exchange_marks(effects: Effects, effect: ExchangeMarks, state: State, ready: ReadyRule) -> list[After]:
    if not state.binding.tracked:
        return [(state, CONTINUE)]
    mark = state.packet.mark
    if isinstance(mark, OpenMark):
        return _undecided(effects, Undecided(f"{ready.rule.text}: the mark is open"), state, ready)
    new, kept = effect.exchange(mark, state.binding.mark)
    state = state.with_packet(mark=new) if new != mark else state
    return [(effects.tracker.set_mark(state, kept) if kept != state.binding.mark else state, CONTINUE)]


def _track(effects: Effects, effect: Track, state: State, ready: ReadyRule) -> list[After]:
    binding = state.binding
    seen = binding.tracked or binding.template or binding.answers_untracked
    if seen or state.packet.ctstate == "UNTRACKED":
        return [(state, CONTINUE)]
    if effect.untracked:
        return [(state.with_packet(ctstate="UNTRACKED"), CONTINUE)]
    marked = changed(binding, zone=effect.zone or binding.zone, helper=effect.helper, template=True)
    # What came over lo as INVALID is looked up once more, and no longer INVALID until then (xt_CT.c).
    return [(changed(state.with_packet(ctstate=None), binding=marked), CONTINUE)]


def _remember(effects: Effects, effect: Remember, state: State, ready: ReadyRule) -> list[After]:
    if state.memory is None:
        return [(state, CONTINUE)]
    return [(changed(state, memory=effect.change(state.memory, state.packet)), CONTINUE)]


def _change(effects: Effects, effect: Change, state: State, ready: ReadyRule) -> list[After]:
    if any(isinstance(getattr(state.packet, name), Open) for name in effect.needs):
        return _undecided(effects, Undecided(f"{ready.rule.text}: a field is open"), state, ready)
    after = effect.change(state.packet)
    return [(state, DROP)] if after is None else [(changed(state, packet=after), CONTINUE)]


def _translate(effects: Effects, effect: Translate, state: State, ready: ReadyRule) -> list[After]:
    side = effect.side or NAT_SIDE[state.hook]
    return [(after, ACCEPT) for after in effects.tracker.translate(state, evolve(effect, side=side))]


def _masquerade(effects: Effects, effect: Masquerade, state: State, ready: ReadyRule) -> list[After]:
    return [(after, ACCEPT) for after in effects.tracker.masquerade(state, effect)]


def _redirect(effects: Effects, effect: Redirect, state: State, ready: ReadyRule) -> list[After]:
    return [(after, ACCEPT) for after in effects.tracker.redirect(state, effect)]


def _answer(effects: Effects, effect: Answer, state: State, ready: ReadyRule) -> list[After]:
    return [(changed(state, rejected=effect.how), "REJECT")]


def _undecided(effects: Effects, effect: Undecided, state: State, ready: ReadyRule) -> list[After]:
    return [(changed(state, reason=effect.question), "OPEN")]


_FORMS: dict[type[Effect], Callable[[Effects, Any, State, ReadyRule], list[After]]] = {
    Nothing: _nothing,
    Verdict: _verdict,
    SetMark: _set_mark,
    ExchangeMarks: _exchange_marks,
    HandOver: _hand_over,
    Track: _track,
    Remember: _remember,
    Change: _change,
    Translate: _translate,
    Masquerade: _masquerade,
    Redirect: _redirect,
    Answer: _answer,
    Undecided: _undecided,
}
