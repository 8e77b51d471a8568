"""What is compared: a ruleset with what is known of its node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from natc.analysis.diff.fates import Questions, Term, terms_of
from natc.analysis.diff.listed import CommonLists
from natc.netfilter.packet import Open, Packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.trace.answer.outcome import Distribution
from natc.trace.machine import Machine
from natc.trace.node.host_node import HostNode
from natc.trace.node.view import NodeView, OpenNode
from natc.trace.starting import NOTHING_SHOWN, Start
from natc.trace.state import State
from natc.values import evolve, field, frozen


@frozen
class AskingNode(OpenNode):
    """A node of which nothing is known, and of every address that packets are sent to it is asked.

    A trace takes addresses that no rule asks about for others', and says so; here the packets to the node
    itself have to be compared, too.
    """

    def _told(self, address: int) -> bool:
        """Ask of every address; a broadcast goes where others go, as the other side may not tell it."""
        return False


@frozen(eq=False)
class Side:
    """One of the two things compared."""

    ruleset: Ruleset
    node: NodeView | None = None
    start: Start = NOTHING_SHOWN
    backend: str = "legacy"
    machine: Machine = field(init=False)
    list_by_list: Machine = field(init=False)
    """The same that asks each list of ``-m recent`` by itself."""
    questions: Questions = field(init=False)

    @machine.default
    def _machine(self) -> Machine:
        return self._made(list_by_list=False)

    @list_by_list.default
    def _list_by_list(self) -> Machine:
        return self._made(list_by_list=True)

    def _made(self, *, list_by_list: bool) -> Machine:
        return Machine.of(
            self.ruleset,
            self.node or AskingNode(),
            backend=self.backend,
            start=self.start,
            list_by_list=list_by_list,
        )

    @questions.default
    def _questions(self) -> Questions:
        return Questions(self.ruleset)

    def answer(
        self, packet: Packet, origin: str, own: frozenset[int] | None = None, *, list_by_list: bool = False
    ) -> Answer:
        """Return what becomes of a packet; ``own`` are the node's addresses where nothing else says them."""
        machine = self.list_by_list if list_by_list else self.machine
        if own is not None and self.node is None:
            machine = evolve(machine, node=OpenNode(own))
        found = machine.trace(packet, origin)
        asked = {self.questions.common(one.value): one.rule for one in found.questions}
        return Answer(found, tuple(terms_of(found, self.questions, machine.node)), asked)

    def refuses(self, packet: Packet) -> bool:
        """Tell whether a packet vanishes on its way in, on a node that is known, before any rule sees it."""
        return isinstance(self.node, HostNode) and self.node.refused(State(packet))


@frozen(eq=False)
class Answer:
    """What one side does with a packet, in words that hold for both."""

    found: Distribution
    terms: tuple[Term, ...]
    asked: dict[Open, Rule | None]
    """The rules behind its questions."""

    def in_common(self, lists: CommonLists, side: int) -> Answer:
        """Return the answer of one side, 0 for the first, in values that hold for the lists of both."""
        terms = tuple(one for term in self.terms for one in lists.terms(side, term))
        asked = {new: rule for value, rule in self.asked.items() for new in lists.values(side, value)}
        return evolve(self, terms=terms, asked=asked)

    @property
    def values(self) -> Iterator[Open]:
        """The open values that it asks about."""
        return (value for term in self.terms for value in term.facts)

    def names(self) -> tuple[str, str]:
        """Return the service that the rules on the way name, and the whole comment; empty without one."""
        from natc.netfilter.matches.comment import comment_of
        from natc.trace.answer.wording import service_of

        steps: list[Any] = [step for piece in self.found.pieces for step in piece.outcome.path]
        for step in steps:
            if step.rule is not None and (name := service_of(step.rule)):
                return name, comment_of(step.rule)
        return "", ""
