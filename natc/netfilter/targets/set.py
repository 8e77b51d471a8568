"""``-j SET``: adds the packet's element to an ipset or takes it out (net/netfilter/xt_set.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from natc.netfilter.effect import Effect, Remember, Undecided
from natc.netfilter.extension import Target, option
from natc.netfilter.ipset.lookup import SETS, SetLookup, SetLookupKind, leaves_open, probe_of
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("SET")
@frozen
class SetTarget(Target):
    """The sets to add to, delete from, and map the packet's mark, priority or queue by.

    ``timeout`` is in seconds; with ``exist`` an element that is there has its timeout renewed.
    """

    one_of: ClassVar[tuple[str, ...]] = ("add", "delete", "map")
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exist": ("add",),
        "timeout": ("add",),
        "map": ("map_mark", "map_prio", "map_queue"),
        "map_mark": ("map",),
        "map_prio": ("map",),
        "map_queue": ("map",),
    }

    add: SetLookup | None = option("--add-set", SetLookupKind())
    exist: bool = option("--exist", Flag(), default=False)
    timeout: int | None = option("--timeout", Number(0, 0xFFFFFFFE))
    delete: SetLookup | None = option("--del-set", SetLookupKind())
    map: SetLookup | None = option("--map-set", SetLookupKind())
    map_mark: bool = option("--map-mark", Flag(), default=False)
    map_prio: bool = option("--map-prio", Flag(), default=False)
    map_queue: bool = option("--map-queue", Flag(), default=False)

    def effect(self) -> Effect:
        if self.map is not None:
            return Undecided(f"-j SET {' '.join(self.words())}")
        return Remember(self._remembered)

    def _remembered(self, memory: Memory, packet: Packet) -> Memory:
        known = memory.get(SETS)
        if known is None:
            return memory
        sets, probe = known.at(memory.now).copy(), probe_of(packet)
        unclear = [to.name for to in (self.add, self.delete) if to and leaves_open(sets, to, packet)]
        if unclear:
            for name in unclear:
                sets.destroy(name)
            return memory.with_value(SETS, sets)
        if self.add is not None:
            to, given = self.add, self.timeout
            sets.add_packet(to.name, to.directions, probe, exist=self.exist, timeout=given, now=memory.now)
        if self.delete is not None:
            sets.delete_packet(self.delete.name, self.delete.directions, probe)
        return memory.with_value(SETS, sets)
