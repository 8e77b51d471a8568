"""What rules ask of a packet's destination: the sets of addresses, ports and protocols in their conditions.

Two packets that are in the same of these sets, of both rulesets, go the same way through both. So the
destinations fall into finitely many classes, and one packet of each says all there is to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from natc.netfilter.condition import All, Condition, In, Not, Remembered, Some, conjuncts
from natc.netfilter.intervals import Intervals
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.netfilter.ruleset import Rule, Ruleset

FIELDS = ("dst", "dport", "proto")


@frozen
class Ask:
    """What one rule asks of the destination."""

    dst: Intervals | None = None
    """Where the rule can match at all; None for everywhere."""
    dport: Intervals | None = None
    proto: Intervals | None = None
    cuts: tuple[tuple[str, Intervals], ...] = ()
    """The sets it asks about, field by field."""

    def meets(self, field: str, values: Intervals) -> bool:
        """Tell whether the rule can match packets whose field is one of some values."""
        own: Intervals | None = getattr(self, field)
        return own is None or bool(own & values)


def asks_of(ruleset: Ruleset, memory: Memory | None, packet: Packet) -> Iterator[Ask]:
    """Yield what each rule asks, those that ask nothing of the destination left out.

    ``memory`` is what the node remembers, ``packet`` one whose destination is open: what sets hold that
    are known is asked of them.
    """
    seen: set[Ask] = set()
    for rule in ruleset.rules():
        ask = ask_of(rule, memory, packet)
        if ask.cuts and ask not in seen:
            seen.add(ask)
            yield ask


def ask_of(rule: Rule, memory: Memory | None, packet: Packet) -> Ask:
    """Return what a rule asks of the destination."""
    known: dict[str, Intervals] = {}
    condition = rule.condition
    for part in conjuncts(condition):
        if isinstance(part, In) and part.field in FIELDS and isinstance(part.values, Intervals):
            before = known.get(part.field)
            known[part.field] = part.values if before is None else before & part.values
    cuts = dict.fromkeys(
        (leaf.field, leaf.values)
        for leaf in leaves(condition, memory, packet)
        if isinstance(leaf, In) and leaf.field in FIELDS and isinstance(leaf.values, Intervals)
    )
    return Ask(known.get("dst"), known.get("dport"), known.get("proto"), tuple(cuts))


def leaves(condition: Condition, memory: Memory | None, packet: Packet) -> Iterator[Condition]:
    """Yield the conditions that a condition is made of, known sets as what they hold."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from leaves(part, memory, packet)
    elif isinstance(condition, Not):
        yield from leaves(condition.body, memory, packet)
    elif isinstance(condition, Remembered):
        spread = condition.spread(memory, packet) if memory is not None and condition.spread else None
        yield from leaves(spread or condition.unknown, memory, packet)
    else:
        yield condition
