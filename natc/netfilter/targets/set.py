"""``-j SET``: adds the packet's element to an ipset or takes it out (net/netfilter/xt_set.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.ipsets import SetLookup, SetLookupKind
from natc.netfilter.kinds import Flag, Number
from natc.netfilter.targets import register_target


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
