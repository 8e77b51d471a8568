"""``-j SNAT``: translates the source (net/netfilter/xt_nat.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Translate
from natc.netfilter.extension import WITH_PORTS, Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.nat import NatRange, NatTarget
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("SNAT")
@frozen
class Snat(Target):
    """What the connection comes from instead."""

    protocols: ClassVar[frozenset[int] | None] = WITH_PORTS
    negated_protocol: ClassVar[bool] = True
    tables: ClassVar[frozenset[str] | None] = frozenset({"nat"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "POSTROUTING"})

    to: NatRange = option("--to-source", NatTarget(), required=True)
    random: bool = option("--random", Flag(), default=False)
    random_fully: bool = option("--random-fully", Flag(), default=False)
    persistent: bool = option("--persistent", Flag(), default=False)

    def needs_protocol(self, family: int) -> bool:
        return self.to.ports is not None

    def effect(self) -> Effect:
        return Translate("src", self.to, self.random or self.random_fully, self.persistent)
