"""Conditions on a packet, as data.

Every match says what it asks with :meth:`natc.netfilter.extension.Match.condition`, in the few forms
below. One definition then serves the replay of a concrete packet, the trace of a packet with open
fields (where a condition splits the packets into those it holds for and the rest), and every
comparison of rulesets. What a condition looks at is named by the packet's own field names.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from natc.netfilter.intervals import numbers
from natc.values import field, frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection
    from natc.netfilter.extension import Term
    from natc.netfilter.kinds.ports import PortRange
    from natc.netfilter.memory import Memory
    from natc.netfilter.packet import Domain, Packet


class Condition:
    """Base of the forms of conditions."""

    def __invert__(self) -> Condition:
        return self.body if isinstance(self, Not) else Not(self)


@frozen
class In(Condition):
    """The field's value is one of ``values``. A packet without that field does not satisfy it."""

    field: str
    values: Domain


@frozen
class Bits(Condition):
    """``field & mask == value``."""

    field: str
    value: int
    mask: int


@frozen
class Chance(Condition):
    """A fresh 31-bit random number is below ``part``."""

    part: int


@frozen
class _Several(Condition):
    """Conditions that are asked in order."""

    parts: tuple[Condition, ...] = ()


class All(_Several):
    """Every part holds; asked in order, and no further than the first that does not."""

    __slots__ = ()


def conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield what must hold one by one, with the parts of an :class:`All` in their order, all the way down."""
    if isinstance(condition, All):
        for part in condition.parts:
            yield from conjuncts(part)
    else:
        yield condition


class Some(_Several):
    """At least one part holds; asked in order, and no further than the first that does."""

    __slots__ = ()


@frozen
class Not(Condition):
    """The body does not hold."""

    body: Condition


ALWAYS = All()
NEVER = Some()


class Drops(Enum):
    """The kernel drops a packet when a rule asks about it (``hotdrop``), whether it matches or not."""

    UNMATCHED = False
    MATCHED = True


@frozen
class Computed(Condition):
    """Whatever ``holds`` says of a packet whose fields ``needs`` are known; else a question."""

    needs: tuple[str, ...]
    holds: Callable[[Packet], bool | Drops | None] = field(eq=False)
    """None of a packet for which it stays a question all the same."""
    question: str
    """Tells conditions apart: two with the same question have the same answer for the same packet."""


@frozen
class AddressType(Condition):
    """The routing table takes the address in ``field`` for one of ``types`` (xt_addrtype.c).

    ``device`` is "in" or "out" when only that interface's addresses count.
    """

    field: str
    types: frozenset[str]
    device: str = ""


@frozen
class ReversePath(Condition):
    """The way back to the source is the way the packet came (ipt_rpfilter.c)."""

    loose: bool
    valid_mark: bool
    accept_local: bool


@frozen
class DeviceGroup(Condition):
    """``group of the interface in field & mask == value`` (xt_devgroup.c)."""

    field: str
    value: int
    mask: int


@frozen
class RouteRealm(Condition):
    """``realm of the packet's route & mask == value`` (xt_realm.c)."""

    value: int
    mask: int


@frozen
class OfConnection(Condition):
    """Whatever ``holds`` says of the packet's connection entry; ``without`` when it has none."""

    holds: Callable[[Connection, int], bool | None] = field(eq=False)
    """Called with the entry and the packet's direction, 1 for replies. None: that cannot be told."""
    question: str
    without: bool = False
    first: Condition | None = None
    """What it comes to for the first packet of a connection, where no more than that is known of it."""


@frozen
class ConnectionMark(Condition):
    """``connection's mark & mask == value``, or not; never true of a packet without a connection."""

    value: int
    mask: int
    inverted: bool = False


@frozen
class Translated(Condition):
    """The connection's source ("SNAT") or destination ("DNAT") is translated."""

    what: str


class Probe(Protocol):
    """A match that looks something up in what the kernel remembers, and may change it."""

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | Drops | None, Memory]:
        """Return whether it matches (None: cannot be told) and what is remembered afterwards.

        ``rule`` identifies the rule for matches that keep their own count (nth, limit).
        """
        ...


@frozen
class Remembered(Condition):
    """Decided by state the kernel keeps; ``unknown`` stands for it when that state is not known."""

    probe: Probe
    unknown: Condition
    changes: bool = True
    """Asking changes what is remembered, so it matters whether and how often it is asked."""
    key: Hashable = None
    """Where it is kept in a memory; None for what no node shows."""
    spread: Callable[[Memory, Packet], Condition | None] | None = field(default=None, eq=False)
    """For a packet that leaves open what is looked up: the same question as a condition on the packet,
    None where there is none. Not given: nothing that is looked up can be open."""
    of_connection: Callable[[Connection | None], Probe] | None = field(default=None, eq=False)
    """The probe to ask for a packet of a connection, where it looks at that."""


@frozen
class Unknown(Condition):
    """Cannot be decided from packet, node and state. ``kind`` is a word for what sort of question."""

    question: str
    kind: str = "question"
    same_everywhere: bool = False
    """Whether every rule that asks this gets the same answer for one packet."""


def both(*parts: Condition | None) -> Condition:
    """Return the condition that all of ``parts`` hold; those that are None ask nothing."""
    given = tuple(part for part in parts if part is not None)
    return given[0] if len(given) == 1 else All(given)


def term(value: Any, make: Callable[[Any], Condition | None]) -> Condition | None:
    """Return ``make(value.value)``, inverted if the term is, or None when nothing is asked."""
    condition = None if value is None else make(value.value)
    return ~condition if condition and value.inverted else condition


def port_condition(name: str, ports: Term[PortRange] | None) -> Condition | None:
    """Return the condition that a port field lies in a range, inverted if the term is."""
    return term(ports, lambda wanted: In(name, numbers(wanted.low, wanted.high)))
