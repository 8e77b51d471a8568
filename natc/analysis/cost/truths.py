"""What a rule says of a packet whose destination is known, and not its source, interfaces, mark and luck.

It takes the packet, passes it by, or may do either. Most of that follows from a rule's shape.
"""

from __future__ import annotations

import re

from natc.analysis.chains.odds import literal
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
from natc.netfilter.header import Header
from natc.netfilter.intervals import Intervals
from natc.netfilter.matches.sctp import Sctp
from natc.netfilter.matches.tcp import Tcp
from natc.netfilter.matches.udp import Udp
from natc.netfilter.packet import Domain, Packet
from natc.netfilter.rule import Rule, Shape
from natc.values import define, field, frozen

#: An IPv4 address and nothing else.
_ADDRESS = re.compile(r"[1-9]\d{0,2}(?:\.(?:0|[1-9]\d{0,2})){3}/32").fullmatch

#: What a rule says of a packet: True, False, or None where it may be either.
Truth = bool | None


@define(eq=False)
class Arrival:
    """A packet whose destination is known."""

    packet: Packet
    local: bool | None
    """Whether the destination is an address of the node, None where that is open."""
    proto: int = field(init=False)
    address: str = field(init=False)
    """The destination in text."""

    def __attrs_post_init__(self) -> None:
        assert isinstance(self.packet.proto, int)
        self.proto, self.address = self.packet.proto, self.packet.show(self.packet.dst)


@frozen(eq=False)
class Plan:
    """How to tell whether the rules of one shape take a packet."""

    truth: Truth = None
    protocol: Domain | None = None
    """They ask for one of these protocols, and for nothing else."""


#: They take every packet; they may take any; each has to be looked at.
TAKES, EITHER, LOOK = Plan(True), Plan(), Plan()


@frozen(eq=False)
class _Service:
    """Rules of a shape that ask for one address and port, as those for cluster IPs do, and what else."""

    address: int
    """Its place among the literals."""
    port: int
    protocol: Domain
    others: Truth
    """True if they ask nothing else of a packet."""

    def truth(self, values: tuple[str, ...], arrival: Arrival) -> tuple[bool, Truth]:
        """Tell whether a rule takes a packet; first, whether its words are plain enough to tell."""
        address, port = values[self.address], values[self.port]
        if not (_ADDRESS(address) and port.isdecimal()):
            return False, None
        packet = arrival.packet
        asked = int(port) == packet.dport and packet.proto in self.protocol
        return True, self.others if asked and address[:-3] == arrival.address else False


@define
class Truths:
    """What the rules of a table say of packets, by their shapes."""

    _plans: dict[Shape, Plan] = field(factory=dict)
    _services: dict[Shape, _Service | None] = field(factory=dict)
    """Where rules of a shape ask for one address and port."""

    def plan(self, rule: Rule) -> Plan:
        """Return how to tell whether rules of this rule's shape take a packet."""
        shape = rule.shape
        if shape not in self._plans:
            self._plans[shape] = _plan_of(rule)
        return self._plans[shape]

    def of(self, rule: Rule, arrival: Arrival) -> Truth:
        """Tell whether a rule takes a packet."""
        plan = self.plan(rule)
        if plan is LOOK:
            return self._looked(rule, arrival)
        return plan.truth if plan.protocol is None else arrival.packet.proto in plan.protocol

    def _looked(self, rule: Rule, arrival: Arrival) -> Truth:
        """Tell whether a rule takes a packet by what it asks of the destination."""
        shape = rule.shape
        if shape not in self._services:
            self._services[shape] = _service_of(rule)
        service = self._services[shape]
        plain, truth = service.truth(rule.values, arrival) if service else (False, None)
        return truth if plain else _holds(rule.condition, arrival.packet, arrival.local)


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
