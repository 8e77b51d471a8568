"""``-j NETMAP``: translates a whole network, host by host (net/netfilter/xt_NETMAP.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Translate
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.nat import NatRange
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("NETMAP")
@frozen
class Netmap(Target):
    """The network that takes the place of the address's own, the rest of the address kept."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"nat"})

    to: Network | None = option("--to", NetworkKind(holes=False), required=True)

    def effect(self) -> Effect:
        return Translate("", NatRange(), network=self.to)
