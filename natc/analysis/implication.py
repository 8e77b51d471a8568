"""Proofs about what rules ask: that one asks for nothing more than another, that one asks too much.

Only what can be proved is said to hold. A rule's condition is taken for a conjunction; of each of the
packet's fields it leaves a set of values, and everything else it asks must be asked by both rules in
the same words. A field that a rule on the way may have changed proves nothing, so only those count
that stay as they are while a packet passes through a chain.
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.netfilter.condition import AddressType, All, Bits, Chance, Condition, DeviceGroup, In, Not, Some
from natc.netfilter.intervals import Intervals
from natc.netfilter.packet import Domain
from natc.values import define, field

#: Fields that no rule of a table changes and lets the packet go on.
_STEADY = frozenset(
    {"src", "dst", "proto", "sport", "dport", "in_interface", "out_interface", "bridge_port_in",
     "bridge_port_out", "length", "link_type"}
)  # fmt: skip
#: Steady but for the table raw, where a rule may still say that the packet is not tracked.
_STEADY_BEHIND_RAW = frozenset({"ctstate"})


@define
class Asked:
    """What a rule asks, sorted."""

    among: dict[str, Domain] = field(factory=dict)
    """The values left for a field that the packet must have."""
    outside: dict[str, list[Domain]] = field(factory=dict)
    """The values a field must not have; a packet without the field is let through."""
    others: list[Condition] = field(factory=list)
    """All else, in order."""

    @classmethod
    def of(cls, condition: Condition) -> Asked:
        """Sort what a condition asks."""
        asked = cls()
        for part in _parts(condition):
            asked._add(part)
        return asked

    def _add(self, part: Condition) -> None:
        if isinstance(part, In):
            known = self.among.get(part.field)
            joined = part.values if known is None else _common(known, part.values)
            if joined is None:
                self.others.append(part)
            else:
                self.among[part.field] = joined
        elif isinstance(part, Not) and isinstance(part.body, In):
            self.outside.setdefault(part.body.field, []).append(part.body.values)
        else:
            self.others.append(part)

    def left(self, name: str) -> Domain | None:
        """Return the values left for a field that the packet must have, None when it need not have it."""
        values = self.among.get(name)
        if values is not None:
            for hole in self.outside.get(name, ()):
                values = _without(values, hole)
        return values


def impossible(condition: Condition) -> bool:
    """Tell whether it is proved that no packet satisfies a condition."""
    asked = Asked.of(condition)
    if any(not asked.left(name) for name in asked.among):
        return True
    if any(_never(part) for part in asked.others):
        return True
    bits = [part for part in asked.others if isinstance(part, Bits)]
    return any(_exclude(one, other) for i, one in enumerate(bits) for other in bits[:i]) or any(
        isinstance(part, Not) and isinstance(part.body, Bits) and part.body in bits for part in asked.others
    )


def implies(one: Asked, other: Asked, *, tracked: bool = True) -> bool:
    """Tell whether it is proved that every packet that satisfies ``one`` satisfies ``other`` too.

    Also when it was asked ``other`` before, and rules in between may have changed what rules can
    change. ``tracked`` is False in the table raw, where a connection's state may still change.
    """
    steady = _STEADY | _STEADY_BEHIND_RAW if tracked else _STEADY
    if not (other.among.keys() | other.outside.keys()) <= steady:
        return False
    for name, values in other.among.items():
        left = one.left(name)
        if left is None or not _within(left, values):
            return False
    for name, holes in other.outside.items():
        if not all(_avoids(one, name, hole) for hole in holes):
            return False
    return all(_asks_steadily(part) and part in one.others for part in other.others)


def _parts(condition: Condition) -> Iterator[Condition]:
    """Take a condition apart; of what has a single alternative that is what is asked."""
    if isinstance(condition, All) or (isinstance(condition, Some) and len(condition.parts) == 1):
        for part in condition.parts:
            yield from _parts(part)
    elif isinstance(condition, Not) and isinstance(condition.body, Some) and len(condition.body.parts) == 1:
        yield from _parts(Not(condition.body.parts[0]))
    elif isinstance(condition, Not) and isinstance(condition.body, Not):
        yield from _parts(condition.body.body)
    else:
        yield condition


def _never(part: Condition) -> bool:
    """Tell whether no packet satisfies this one part of a condition."""
    if isinstance(part, Chance):
        return part.part == 0
    if isinstance(part, Bits):
        return bool(part.value & ~part.mask)
    if isinstance(part, Some):
        return all(impossible(each) for each in part.parts)
    return isinstance(part, Not) and part.body == All()


def _exclude(one: Bits, other: Bits) -> bool:
    return one.field == other.field and bool((one.value ^ other.value) & one.mask & other.mask)


def _asks_steadily(part: Condition) -> bool:
    """Tell whether a packet's answer stays the same while it passes through a chain."""
    body = part.body if isinstance(part, Not) else part
    return isinstance(body, AddressType | DeviceGroup)


def _common(one: Domain, other: Domain) -> Domain | None:
    if isinstance(one, Intervals) and isinstance(other, Intervals):
        return one & other
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one & other
    return None


def _without(values: Domain, hole: Domain) -> Domain:
    if isinstance(values, Intervals) and isinstance(hole, Intervals):
        return values - hole
    return values - hole if isinstance(values, frozenset) and isinstance(hole, frozenset) else values


def _within(values: Domain, others: Domain) -> bool:
    if isinstance(values, Intervals) and isinstance(others, Intervals):
        return not (values - others)
    return isinstance(values, frozenset) and isinstance(others, frozenset) and values <= others


def _avoids(one: Asked, name: str, hole: Domain) -> bool:
    """Tell whether a field is never one of the values in ``hole``."""
    left = one.left(name)
    if left is not None and _common(left, hole) is not None and not _common(left, hole):
        return True
    return any(_within(hole, other) for other in one.outside.get(name, ()))
