"""``-j HL``: changes the hop limit (net/netfilter/xt_HL.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.hop_limit import hop_change
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("HL")
@frozen
class SetHl(Target):
    """The hop limit is set, raised or lowered; it stays between 0 and 255."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})
    families: ClassVar[frozenset[int]] = frozenset({6})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("set", "increase", "decrease"),)
    one_of: ClassVar[tuple[str, ...]] = ("set", "increase", "decrease")

    set: int | None = option("--hl-set", Number(0, 255))
    increase: int | None = option("--hl-inc", Number(1, 255))
    decrease: int | None = option("--hl-dec", Number(1, 255))

    def effect(self) -> Effect:
        return hop_change(self.set, self.increase, self.decrease)
