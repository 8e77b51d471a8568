"""How many rules a packet is compared with in a chain: the least and the most, for every way it may go.

A chain is walked once for a packet whose destination is known and whose source, interfaces, mark and
luck are not: a rule takes it, passes it by, or may do either. Rules that ask for another destination
are counted without being looked at, by the index that the trace uses too. Chains that ask nothing of
the destination cost every packet the same and are walked once; chains written alike are walked by their
form, without making their rules.
"""

from __future__ import annotations

import re

from natc.analysis.chain_odds import literal
from natc.analysis.sheets import Line, Sheet, Sheets, Values, Word
from natc.netfilter.condition import (
    ALWAYS,
    AddressType,
    All,
    Condition,
    In,
    Not,
    Remembered,
    Some,
    conjuncts,
)
from natc.netfilter.effect import Answer, Masquerade, Redirect, Translate, Verdict
from natc.netfilter.header import Header
from natc.netfilter.intervals import Intervals
from natc.netfilter.matches.sctp import Sctp
from natc.netfilter.matches.tcp import Tcp
from natc.netfilter.matches.udp import Udp
from natc.netfilter.packet import Domain, Packet
from natc.netfilter.rule import Rule, Shape
from natc.netfilter.targets.dnat import Dnat
from natc.trace.program import Program, ReadyChain
from natc.values import define, field, frozen

#: What may be left of a table: on to the next one, or the end of the packet.
ON, END = "on", "end"

#: An IPv4 address and nothing else.
_ADDRESS = re.compile(r"[1-9]\d{0,2}(?:\.(?:0|[1-9]\d{0,2})){3}/32").fullmatch

#: From so many comparisons to so many.
Range = tuple[int, int]
#: What a rule says of a packet: True, False, or None where it may be either.
Truth = bool | None


@frozen(eq=False)
class Plan:
    """How to tell whether the rules of one shape take a packet."""

    truth: Truth = None
    protocol: Domain | None = None
    """They ask for one of these protocols, and for nothing else."""


#: They take every packet; they may take any; each has to be looked at.
TAKES, EITHER, LOOK = Plan(True), Plan(), Plan()


@frozen
class Ways:
    """What may become of a packet in a chain, each with its number of comparisons."""

    through: Range | None = None
    """It comes out of the chain again, to the next rule of the caller."""
    ends: dict[str, Range] = field(factory=dict)
    """It leaves the table: :data:`ON`, :data:`END`, or the endpoint it is sent to."""


@frozen(eq=False)
class _Service:
    """Rules of a shape that ask for one address and port, as those for cluster IPs do, and what else."""

    address: int
    """Its place among the literals."""
    port: int
    protocol: Domain
    others: Truth
    """True if they ask nothing else of a packet."""

    def truth(self, values: Values, packet: Packet) -> tuple[bool, Truth]:
        """Tell whether a rule takes a packet; first, whether its words are plain enough to tell."""
        address, port = values[self.address], values[self.port]
        if not (_ADDRESS(address) and port.isdecimal()):
            return False, None
        asked = int(port) == packet.dport and packet.proto in self.protocol
        return True, self.others if asked and address[:-3] == packet.show(packet.dst) else False


@frozen(eq=False)
class Step:
    """One rule of all chains that are written alike."""

    plan: Plan
    line: Line
    jump: Word | None
    """The chain or verdict it jumps to."""
    end: Word
    """How it ends a packet's way, or the endpoint it sends it to."""


@define
class Walker:
    """Walks one table's chains."""

    program: Program
    table: str
    sheets: Sheets
    _plans: dict[Shape, Plan] = field(factory=dict)
    _ends: dict[Shape, str | int] = field(factory=dict)
    """How rules of a shape end a packet's way, or the place of the endpoint they send it to."""
    _services: dict[Shape, _Service | None] = field(factory=dict)
    """Where rules of a shape ask for one address and port."""
    _free: dict[str, bool] = field(factory=dict)
    """Which chains ask nothing of the destination, nor do those they lead to."""
    _known: dict[tuple[str, int], Ways] = field(factory=dict)
    """What becomes of every packet of a protocol in such a chain."""
    _steps: dict[Sheet, tuple[Step, ...]] = field(factory=dict)
    _written: dict[str, tuple[tuple[Step, ...], Values] | None] = field(factory=dict)
    """A chain's rules and their literals; None for one that is not there or has an index."""

    def ways(self, chain: str, packet: Packet, local: bool | None) -> Ways:
        """Return what may become of a packet that enters a chain.

        ``local`` says whether its destination is an address of the node, None where that is open.
        """
        if not self._is_free(chain):
            return self._walked(chain, packet, local)
        assert isinstance(packet.proto, int)
        key = chain, packet.proto
        if key not in self._known:
            self._known[key] = self._walked(chain, packet, local)
        return self._known[key]

    def _is_free(self, name: str) -> bool:
        if name not in self._free:
            self._free[name] = False  # what a chain that reaches itself gets
            written = self._read(name)
            if written is None:
                chain = self.program.chain(self.table, name)
                self._free[name] = chain is None or all(map(self._asks_nothing, chain.rules))
            else:
                steps, values = written
                self._free[name] = all(
                    step.plan is not LOOK and (step.jump is None or self._is_free(_said(step.jump, values)))
                    for step in steps
                )
        return self._free[name]

    def _asks_nothing(self, rule: Rule) -> bool:
        place = rule.shape.jump
        if self._plan(rule) is LOOK:
            return False
        return place is None or self._is_free(rule.values[place])

    def _walked(self, name: str, packet: Packet, local: bool | None) -> Ways:
        written = self._read(name)
        walk = _Walk(self, packet, local)
        if written is None:
            chain = self.program.chain(self.table, name)
            if chain is None:
                return Ways((0, 0))
            self._walk_rules(walk, chain)
        else:
            steps, values = written
            for step in steps:
                if walk.here is None:
                    break
                truth = self._step_truth(step, values, packet, local)
                to = None if step.jump is None else _said(step.jump, values)
                walk.meet(truth, to, step.line.shape.goto, _said(step.end, values))
        return Ways(_either(walk.here, walk.back), walk.ends)

    def _walk_rules(self, walk: _Walk, chain: ReadyChain) -> None:
        """Go through a chain with the index that the trace uses too."""
        place = 0
        while walk.here is not None and place < len(chain.rules):
            following = place if chain.index is None else chain.index.following(place, walk.packet)
            walk.pass_by(min(following, len(chain.rules)) - place)
            if following < len(chain.rules):
                rule = chain.rules[following]
                jump, end = rule.shape.jump, self._end(rule)
                walk.meet(
                    self._truth(rule, walk.packet, walk.local),
                    None if jump is None else rule.values[jump],
                    rule.shape.goto,
                    rule.values[end] if isinstance(end, int) else end,
                )
            place = following + 1

    def _truth(self, rule: Rule, packet: Packet, local: bool | None) -> Truth:
        """Tell whether a rule takes a packet."""
        plan = self._plan(rule)
        if plan is LOOK:
            return self._looked(rule.shape, rule.values, packet, local)
        return plan.truth if plan.protocol is None else packet.proto in plan.protocol

    def _looked(self, shape: Shape, values: Values, packet: Packet, local: bool | None) -> Truth:
        """Tell whether a rule takes a packet by what it asks of the destination."""
        if shape not in self._services:
            self._services[shape] = _service_of(Rule(shape, values))
        service = self._services[shape]
        plain, truth = service.truth(values, packet) if service else (False, None)
        return truth if plain else _holds(Rule(shape, values).condition, packet, local)

    def _end(self, rule: Rule) -> str | int:
        """Return how a rule without a jump ends a packet's way through the table, empty if it does not."""
        shape = rule.shape
        if shape.target is None:
            return ""
        if shape not in self._ends:
            place = literal(shape, Dnat, "--to-destination")
            self._ends[shape] = _end_of(rule) if place is None else place
        return self._ends[shape]

    def _plan(self, rule: Rule) -> Plan:
        shape = rule.shape
        if shape not in self._plans:
            self._plans[shape] = _plan_of(rule)
        return self._plans[shape]

    # ---- chains that are written alike

    def _read(self, name: str) -> tuple[tuple[Step, ...], Values] | None:
        """Return the rules of a chain by its form and the literals in its text, without making them."""
        if name not in self._written:
            written = self.sheets.written(name)
            if written is not None and written[0] not in self._steps:
                self._steps[written[0]] = self._steps_of(*written)
            self._written[name] = written and (self._steps[written[0]], written[1])
        return self._written[name]

    def _steps_of(self, sheet: Sheet, row: Values) -> tuple[Step, ...]:
        steps = list[Step]()
        for line in sheet.lines:
            rule = line.rule(row)
            end = self._end(rule)
            end = line.words[end] if isinstance(end, int) else end
            steps.append(Step(self._plan(rule), line, line.jump, end))
        return tuple(steps)

    def _step_truth(self, step: Step, values: Values, packet: Packet, local: bool | None) -> Truth:
        plan = step.plan
        if plan is LOOK:
            rule = step.line.rule(values)
            return self._looked(rule.shape, rule.values, packet, local)
        return plan.truth if plan.protocol is None else packet.proto in plan.protocol


@define
class _Walk:
    """One packet on its way through one chain."""

    walker: Walker
    packet: Packet
    local: bool | None
    here: Range | None = (0, 0)
    back: Range | None = None
    ends: dict[str, Range] = field(factory=dict)

    def pass_by(self, rules: int) -> None:
        """Compare with rules that do not take the packet."""
        self.here = _sum(self.here, (rules, rules))

    def meet(self, truth: Truth, to: str | None, goto: bool, end: str) -> None:
        """Compare with one rule and follow it.

        ``truth`` is whether it takes the packet, ``to`` what it jumps to, ``end`` how it ends its way.
        """
        self.pass_by(1)
        if truth is False or self.here is None:
            return
        before = self.here if truth is None else None
        if to is not None:
            self._jump(to, goto, self.here)
        elif end:
            self._leave(end, self.here)
        self.here = _either(self.here, before)

    def _jump(self, to: str, goto: bool, so_far: Range) -> None:
        """Do what the rule does; ``here`` is left to those that come to the next rule."""
        if to in self.walker.sheets.names:
            inside = self.walker.ways(to, self.packet, self.local)
            for end, cost in inside.ends.items():
                self._leave(end, _sum(so_far, cost) or so_far)
            self.here = None
            out = _sum(inside.through, so_far)
            if goto:
                self.back = _either(self.back, out)
            else:
                self.here = out
        elif to == "RETURN":
            self.back, self.here = _either(self.back, so_far), None
        else:
            self._leave(ON if to == "ACCEPT" else END, so_far)

    def _leave(self, end: str, cost: Range) -> None:
        self.ends[end] = _either(self.ends.get(end), cost) or cost
        self.here = None


def _said(word: Word, values: Values) -> str:
    return word if isinstance(word, str) else values[word]


def _either(one: Range | None, other: Range | None) -> Range | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _sum(one: Range | None, other: Range | None) -> Range | None:
    return None if one is None or other is None else (one[0] + other[0], one[1] + other[1])


# ---- what rules ask and do

_DESTINATION = frozenset({"dst", "dport", "proto", "ctstate"})


def _plan_of(rule: Rule) -> Plan:
    """Return how to tell whether the rules of a shape take a packet."""
    asked = [part for part in _parts(rule.condition) if not _always(part)]
    if not asked:
        return TAKES
    protocol = asked[0]
    if len(asked) == 1 and isinstance(protocol, In) and protocol.field == "proto":
        fixed = literal(rule.shape, Header, "-p", "--protocol") is None
        return Plan(protocol=protocol.values) if fixed else LOOK
    return LOOK if any(map(_asks_destination, asked)) else EITHER


def _service_of(rule: Rule) -> _Service | None:
    """Return where a rule asks for one address and port, if it asks nothing more of the destination."""
    asked, others = dict[str, Domain](), list[Condition]()
    for part in conjuncts(rule.condition):
        if isinstance(part, In) and part.field in ("dst", "dport", "proto"):
            asked[part.field] = part.values
        elif not _always(part):
            others.append(part)
    address = literal(rule.shape, Header, "-d", "--destination", "--dst")
    ports = [literal(rule.shape, kind, "--dport", "--destination-port") for kind in (Tcp, Udp, Sctp)]
    port = next((place for place in ports if place is not None), None)
    single = all(_is_single(asked.get(name)) for name in ("dst", "dport", "proto"))
    if address is None or port is None or not single or any(map(_asks_destination, others)):
        return None
    return _Service(address, port, asked["proto"], None if others else True)


def _is_single(values: Domain | None) -> bool:
    return isinstance(values, Intervals) and values.single is not None


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, All) else (condition,)


def _always(condition: Condition) -> bool:
    """Tell whether a condition holds of every packet; putting an address on a list is one."""
    if isinstance(condition, Remembered):
        return condition.unknown == ALWAYS
    return isinstance(condition, All) and all(map(_always, condition.parts))


def _asks_destination(condition: Condition) -> bool:
    if isinstance(condition, All | Some):
        return any(map(_asks_destination, condition.parts))
    if isinstance(condition, Not):
        return _asks_destination(condition.body)
    if isinstance(condition, AddressType):
        return condition.field == "dst"
    return isinstance(condition, In) and condition.field in _DESTINATION


def _holds(condition: Condition, packet: Packet, local: bool | None) -> Truth:
    if isinstance(condition, All):
        return _all([_holds(part, packet, local) for part in condition.parts])
    if isinstance(condition, Some):
        return _not(_all([_not(_holds(part, packet, local)) for part in condition.parts]))
    if isinstance(condition, Not):
        return _not(_holds(condition.body, packet, local))
    return True if _always(condition) else _asked(condition, packet, local)


def _asked(condition: Condition, packet: Packet, local: bool | None) -> Truth:
    if isinstance(condition, In) and condition.field in _DESTINATION:
        return _among(condition, packet)
    if isinstance(condition, AddressType) and condition.field == "dst" and local is not None:
        return local if condition.types == {"LOCAL"} else None
    return None


def _among(condition: In, packet: Packet) -> Truth:
    value = getattr(packet, condition.field)
    if value is None:
        return False
    if isinstance(value, int | str):
        return value in condition.values
    return None


def _all(truths: list[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _end_of(rule: Rule) -> str:
    """Return how the target extension of a rule ends a packet's way through the table, if it does."""
    effect = rule.target.effect() if rule.target else None
    if isinstance(effect, Verdict | Answer):
        return ON if isinstance(effect, Verdict) and effect.word == "ACCEPT" else END
    return ON if isinstance(effect, Translate | Masquerade | Redirect) else ""
