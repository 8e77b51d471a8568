"""``-j REDIRECT``: the destination becomes this node (net/netfilter/nf_nat_redirect.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter import effect
from natc.netfilter.effect import Effect
from natc.netfilter.extension import WITH_PORTS, Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.ports import DashedPorts, PortRange
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("REDIRECT")
@frozen
class Redirect(Target):
    """The port, or the range of ports, on this node; the old one when not given."""

    protocols: ClassVar[frozenset[int] | None] = WITH_PORTS
    negated_protocol: ClassVar[bool] = True
    tables: ClassVar[frozenset[str] | None] = frozenset({"nat"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "OUTPUT"})

    to_ports: PortRange | None = option("--to-ports", DashedPorts())
    random: bool = option("--random", Flag(), default=False)

    def needs_protocol(self, family: int) -> bool:
        return self.to_ports is not None

    def effect(self) -> Effect:
        return effect.Redirect(self.to_ports, self.random)
