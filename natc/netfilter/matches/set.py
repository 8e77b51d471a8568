"""``-m set``: addresses and ports looked up in an ipset (net/netfilter/xt_set.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from natc.netfilter.condition import Condition, In, Remembered, Unknown
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipset.all_sets import CounterLimits
from natc.netfilter.ipset.lookup import (
    SETS,
    SetLookup,
    SetLookupKind,
    addresses_in,
    leaves_open,
    probe_of,
)
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import frozen

_COUNTER = Number(0, 2**64 - 1)


@register_match("set")
@frozen
class SetMatch(Match):
    """True when the set has the packet's element, perhaps with counters of a certain size."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("packets_eq", "packets_lt", "packets_gt"),
        ("bytes_eq", "bytes_lt", "bytes_gt"),
    )

    lookup: Term[SetLookup] | None = option(
        "--match-set", SetLookupKind(), also=("--set",), negatable=True, required=True
    )
    return_nomatch: bool = option("--return-nomatch", Flag(), default=False)
    update_counters: Term[bool] = option(
        "--update-counters", Flag(), negatable=True, default=Term(True), omit=Term(True)
    )
    update_subcounters: Term[bool] = option(
        "--update-subcounters", Flag(), negatable=True, default=Term(True), omit=Term(True)
    )
    packets_eq: Term[int] | None = option("--packets-eq", _COUNTER, negatable=True)
    packets_lt: int | None = option("--packets-lt", _COUNTER)
    packets_gt: int | None = option("--packets-gt", _COUNTER)
    bytes_eq: Term[int] | None = option("--bytes-eq", _COUNTER, negatable=True)
    bytes_lt: int | None = option("--bytes-lt", _COUNTER)
    bytes_gt: int | None = option("--bytes-gt", _COUNTER)

    def condition(self) -> Condition:
        assert self.lookup is not None
        wanted = self.lookup.value
        text = f"set {wanted.name} has the packet's {','.join(wanted.directions)}"
        unknown = Unknown(text, "set", same_everywhere=True)
        asked = Remembered(self, unknown, changes=False, key=SETS, spread=self._spread)
        return ~asked if self.lookup.inverted else asked

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | None, Memory]:
        """Look the packet up; None when the set is not known. Counters of the member may go up."""
        assert self.lookup is not None
        known = memory.get(SETS)
        if known is None:
            return None, memory
        sets = known.at(memory.now).copy()
        found = sets.matches(
            self.lookup.value.name,
            self.lookup.value.directions,
            probe_of(packet),
            return_nomatch=self.return_nomatch,
            limits=CounterLimits(self._allowed("packets"), self._allowed("bytes")),
            count=not self.update_counters.inverted,
        )
        return found, memory if sets.same_as(known) else memory.with_value(SETS, sets)

    def _spread(self, memory: Memory, packet: Packet) -> Condition | None:
        """Return which addresses are in the set, for a packet whose address is open; else a question."""
        assert self.lookup is not None
        wanted, sets = self.lookup.value, memory.get(SETS)
        if not leaves_open(sets, wanted, packet):
            return None
        domain = addresses_in(sets, wanted.name, packet.family)
        counting = self._allowed("packets") or self._allowed("bytes") or self.return_nomatch
        if domain is None or counting:
            text = f"set {wanted.name} has the packet's {','.join(wanted.directions)}"
            return Unknown(text, "set", same_everywhere=True)
        return In(wanted.directions[0], domain)

    def _allowed(self, what: str) -> Callable[[int], bool] | None:
        """Return what the options ask of a counter, None when they ask nothing."""
        equal, below = getattr(self, f"{what}_eq"), getattr(self, f"{what}_lt")
        above = getattr(self, f"{what}_gt")
        if equal is not None:
            return lambda count: equal.holds(count == equal.value)
        if below is not None:
            return lambda count: count < below
        return None if above is None else lambda count: count > above
