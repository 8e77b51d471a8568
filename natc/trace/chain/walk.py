"""The walk through the chains of one table: first match first, jumps, goto, RETURN, policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.errors import DumpError, Span
from natc.netfilter.condition import Chance, Condition
from natc.netfilter.effect import Copy, Effect
from natc.netfilter.hooks import VERDICTS
from natc.netfilter.packet import Open, Packet
from natc.netfilter.rule import Jump, Rule
from natc.trace import crowd
from natc.trace.chain.effects import ACCEPT, CONTINUE, DROP, Effects
from natc.trace.chain.evaluate import Asker
from natc.trace.chain.lists import first_list_of
from natc.trace.chain.program import Program, ReadyChain, ReadyRule
from natc.trace.node.view import NodeView
from natc.trace.split import Split
from natc.trace.state import Draws, Frame, State, Step
from natc.values import changed, define, field, frozen

if TYPE_CHECKING:
    from natc.trace.chain.endpoints import Row


@define
class Tally:
    """Notes what the walk came across."""

    rules: int = 0
    """Rules whose conditions were evaluated."""
    asked: dict[Open, Rule] = field(factory=dict)
    """The first rule that asked about each open value."""
    aside: dict[str, Rule] = field(factory=dict)
    """The first rule of each that does what natc cannot tell, by what that is."""
    met: list[ReadyRule] | None = None
    """The rules whose conditions were evaluated, where somebody wants to know."""

    def evaluated(self, ready: ReadyRule) -> None:
        """Note a rule whose condition is about to be evaluated."""
        self.rules += 1
        if self.met is not None:
            self.met.append(ready)

    def note_aside(self, ready: ReadyRule, questions: list[str]) -> None:
        """Note what natc does not follow behind a rule, and why."""
        for question in questions:
            self.aside.setdefault(question, ready.rule)

    def note(self, rule: Rule, before: State, splits: list[Split]) -> None:
        """Note which open values a rule has asked about."""
        for one in splits:
            for value in one.state.facts.known.keys() - before.facts.known.keys():
                self.asked.setdefault(value, rule)


#: Why a packet is dropped while a rule looks at it; by which rule, is said behind it.
_UNREADABLE = "its header cannot be read"


@frozen
class ChainWalk:
    """Moves states through the rules of a table, one matching or splitting rule a step."""

    program: Program
    node: NodeView
    effects: Effects
    tally: Tally
    draws: Draws = field(factory=Draws)
    nft: bool = False
    """Whether it is nf_tables that goes through the rules."""
    rows: bool = False
    """Whether rules that lead to endpoints are taken as one, and the states behind them are crowds."""

    def enter(self, state: State, table: str) -> State | None:
        """Return the state at the head of a table's chain for its hook, None when there is no such chain."""
        if self.program.chain(table, state.hook) is None:
            return None
        return changed(state, frames=(Frame(state.hook),))

    def step(self, state: State, table: str) -> list[State]:
        """Return the states that follow; one without frames has passed the table."""
        frame = state.frames[-1]
        chain = self.program.chain(table, frame.chain)
        assert chain is not None
        place = frame.index
        packet = state.packet
        if packet.malformed is not None or (self.nft and packet.extensions and _is_authenticated(packet)):
            return self._step_carefully(state, table, chain)
        while (place := _following(chain, place, state)) < len(chain.rules):
            ready = chain.rule(place)
            self.tally.evaluated(ready)
            if self.rows and (shared := self._shared_out(chain, place, ready, state, table)):
                return shared
            if (behind := self._asked(ready.condition, place, ready, state, table)) is not None:
                return behind
            place += 1
        return [self._end_of_chain(state, table)]

    def _step_carefully(self, state: State, table: str, chain: ReadyChain) -> list[State]:
        """Do what :meth:`step` does with a packet of which conditions take too much for granted."""
        for place in range(state.frames[-1].index, len(chain.rules)):
            ready = chain.rule(place)
            self.tally.evaluated(ready)
            condition = ready.rule.careful_condition(nft=self.nft)
            if (behind := self._asked(condition, place, ready, state, table)) is not None:
                return behind
        return [self._end_of_chain(state, table)]

    def _asked(
        self, condition: Condition, place: int, ready: ReadyRule, state: State, table: str
    ) -> list[State] | None:
        """Return the states behind a rule of which a condition is asked, None where it does not hold."""
        answer = Asker(self.node, ready, self.draws).ask(condition, state)
        if answer is False:
            return None
        if answer is True:
            answer = [Split(True, state)]
        else:
            self.tally.note(ready.rule, state, answer)
        return [after for one in answer for after in self._outcome(one, table, place, ready)]

    def _shared_out(
        self, chain: ReadyChain, place: int, ready: ReadyRule, state: State, table: str
    ) -> list[State] | None:
        """Take a row of rules that lead to endpoints as one; None where a rule is to be taken by itself."""
        if not _may_begin_a_row(ready) or len(chain.rules) - place < crowd.WORTH_IT or state.crowd:
            return None
        from natc.trace.chain.endpoint_rows import row_at

        row = row_at(self.program, table, chain, place)
        if row is None or not row.takes(state):
            return None
        plain, marked = (self._translated(row, one) for one in (state, self._marked(row, state)))
        if plain is None or marked is None:
            return None
        members, left = row.members(state)
        if left:
            self.tally.note(ready.rule, state, [Split(False, left)])
        if row.alike.asked and members[True]:
            known = changed(state, facts=members[True][0].facts)
            self.tally.note(row.alike.asked.rule, state, [Split(True, known)])
        groups = (*crowd.of_members(plain, members[False]), *crowd.of_members(marked, members[True]))
        return [*groups, _at(left, row.end)] if left else [*groups]

    def _marked(self, row: Row, state: State) -> State:
        for ready in row.alike.marking:
            assert isinstance(ready.action, Effect)
            ((state, _),) = self.effects.apply(ready.action, state, ready)
        return state

    def _translated(self, row: Row, state: State) -> State | None:
        """Return the state behind a row's first endpoint; None where that is not a single one."""
        ready = row.alike.translation
        self.tally.evaluated(ready)
        if Asker(self.node, ready).ask(ready.condition, state) is not True:
            return None
        assert isinstance(ready.action, Effect)
        (after, word), *more = self.effects.apply(ready.action, state, ready)
        return None if more or word != ACCEPT else changed(after, frames=())

    def _outcome(self, one: Split, table: str, place: int, ready: ReadyRule) -> list[State]:
        step = Step(table, one.state.frames[-1].chain, ready.number, ready.rule, one.odds, one.truth)
        if one.state.verdict:
            return [self._dropped(one, table, place, ready)]
        if not one.truth:
            state = one.state.on_trail(step) if one.odds else one.state
            return [_at(state, place + 1)]
        return self._take(_at(one.state, place).on_trail(step), table, ready)

    def _dropped(self, one: Split, table: str, place: int, ready: ReadyRule) -> State:
        """Leave the table with a packet that was dropped while a rule looked at it."""
        state = changed(one.state, reason=_UNREADABLE)
        if not one.truth and not self.nft:
            return changed(state, frames=(), reason=f"{_UNREADABLE} by line {ready.rule.line}")
        step = Step(table, one.state.frames[-1].chain, ready.number, ready.rule)
        return _finish(state.on_trail(step), DROP, _place(table, state, ready.number))

    def _take(self, state: State, table: str, ready: ReadyRule) -> list[State]:
        """Follow the action of a rule that matched."""
        action = ready.action
        if action is None:
            return [_next(state)]
        if isinstance(action, Copy):
            return self._copied(_next(state), action, ready)
        if not isinstance(action, Jump):
            results = self.effects.apply(action, state, ready)
            self.tally.note_aside(ready, [str(after.reason) for after, word in results if word == "OPEN"])
            if len(results) > 1:
                self.tally.note(ready.rule, state, [Split(True, after) for after, _ in results])
            return [
                _next(after) if word == CONTINUE else _finish(after, word, _place(table, state, ready.number))
                for after, word in results
            ]
        if action.goto or self.program.chain(table, action.chain) is not None:
            return [_into(state, action, ready)]
        if action.chain == "RETURN":
            return [self._return(state, table)]
        if action.chain not in VERDICTS:
            raise _refused(ready, f"there is no chain {action.chain!r} in table {table}")
        word = "STOLEN" if action.chain == "QUEUE" else action.chain
        return [_finish(state, word, _place(table, state, ready.number))]

    def _copied(self, state: State, action: Copy, ready: ReadyRule) -> list[State]:
        """Send a copy first: the packet goes on when that has come to its end."""
        if state.crowd is not None:
            raise crowd.TellApartError
        from natc.trace import tee

        if state.copies is not None and state.copies.depth >= tee.MOST:
            self.tally.note_aside(ready, [f"how often the copy to {action.shown} is copied again"])
            return [state]
        return [tee.sent(self.node, state, action)]

    def _end_of_chain(self, state: State, table: str) -> State:
        return self._return(state, table)

    def _return(self, state: State, table: str) -> State:
        """Go back to the nearest chain that waits for it; out of the builtin chain, to its policy."""
        frames = state.frames[:-1]
        while frames and frames[-1].left:
            frames = frames[:-1]
        if frames:
            return _next(changed(state, frames=frames))
        chain = self.program.chain(table, state.hook)
        assert chain is not None
        state = state.on_trail(Step(table, state.hook, None))
        return _finish(state, chain.policy or "ACCEPT", f"{table} {state.hook} policy")


def _may_begin_a_row(ready: ReadyRule) -> bool:
    """Tell whether a rule only draws a number, or only asks one of the lists that are asked together."""
    return type(ready.condition) is Chance or first_list_of(ready.condition) is not None


def _is_authenticated(packet: Packet) -> bool:
    """Whether nf_tables sees another protocol than other parts of the kernel do."""
    from natc.netfilter.ipv6_headers import has_authentication

    return has_authentication(packet)


def _following(chain: ReadyChain, place: int, state: State) -> int:
    if chain.index is None:
        return place
    if state.crowd is None:
        return chain.index.following(place, state.packet)
    found = chain.index.following_crowd(place, state.crowd.addresses, state.packet)
    if found is None:
        raise crowd.TellApartError
    return found


def _at(state: State, place: int) -> State:
    """Return the state at another rule of its innermost chain."""
    frame = state.frames[-1]
    if frame.index == place:
        return state
    return changed(state, frames=(*state.frames[:-1], Frame(frame.chain, place, frame.left)))


def _next(state: State) -> State:
    return _at(state, state.frames[-1].index + 1)


def _into(state: State, jump: Jump, ready: ReadyRule) -> State:
    """Enter a chain; a dump that the kernel would refuse for its loop is refused here too."""
    if any(frame.chain == jump.chain for frame in state.frames):
        raise _refused(ready, f"chain {jump.chain} leads back to itself")
    caller = state.frames[-1]
    if jump.goto:
        caller = Frame(caller.chain, caller.index, left=True)
    return changed(state, frames=(*state.frames[:-1], caller, Frame(jump.chain)))


def _place(table: str, state: State, number: int) -> str:
    return f"{table} {state.frames[-1].chain} {number}"


def _finish(state: State, word: str, place: str) -> State:
    """End the walk of this table: ACCEPT goes on behind it, everything else is the packet's verdict."""
    if word == "ACCEPT":
        return changed(state, frames=())
    return changed(state, frames=(), verdict=word, drop_at=place if word in (DROP, "REJECT") else None)


def _refused(ready: ReadyRule, message: str) -> DumpError:
    """Return the error of a rule that the kernel would refuse, found on the way in a dump read lazily."""
    return DumpError(message, Span(line=ready.rule.line, text=ready.rule.text))
