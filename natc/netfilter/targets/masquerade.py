"""``-j MASQUERADE``: the source becomes the egress device's address (nf_nat_masquerade.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter import effect
from natc.netfilter.effect import Effect
from natc.netfilter.extension import WITH_PORTS, Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.ports import DashedPorts, PortRange
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("MASQUERADE")
@frozen
class Masquerade(Target):
    """Source translation to whatever address the outgoing interface has."""

    protocols: ClassVar[frozenset[int] | None] = WITH_PORTS
    negated_protocol: ClassVar[bool] = True
    tables: ClassVar[frozenset[str] | None] = frozenset({"nat"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"POSTROUTING"})

    to_ports: PortRange | None = option("--to-ports", DashedPorts())
    random: bool = option("--random", Flag(), default=False)
    random_fully: bool = option("--random-fully", Flag(), default=False)

    def needs_protocol(self, family: int) -> bool:
        return self.to_ports is not None

    def effect(self) -> Effect:
        return effect.Masquerade(self.to_ports, self.random or self.random_fully)
