"""``-j TTL``: changes the time to live (net/netfilter/xt_HL.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.hop_limit import hop_change
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("TTL")
@frozen
class SetTtl(Target):
    """The time to live is set, raised or lowered; it stays between 0 and 255."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})
    families: ClassVar[frozenset[int]] = frozenset({4})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("set", "increase", "decrease"),)
    one_of: ClassVar[tuple[str, ...]] = ("set", "increase", "decrease")

    set: int | None = option("--ttl-set", Number(0, 255))
    increase: int | None = option("--ttl-inc", Number(1, 255))
    decrease: int | None = option("--ttl-dec", Number(1, 255))

    def effect(self) -> Effect:
        return hop_change(self.set, self.increase, self.decrease)
