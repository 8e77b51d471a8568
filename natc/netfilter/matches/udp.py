"""``-m udp``: the ports of a UDP header (net/netfilter/xt_tcpudp.c)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from natc.netfilter.condition import Condition, both, port_condition
from natc.netfilter.extension import Match, Term, option, ports_as_nft
from natc.netfilter.kinds.ports import ALL_PORTS, PortRange, Ports
from natc.netfilter.matches import register_match
from natc.values import evolve, frozen


@register_match("udp")
@frozen
class Udp(Match):
    """Source and destination port ranges."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({17})
    header_size: ClassVar[int] = 8
    negated_protocol: ClassVar[bool] = True
    completes_words: ClassVar[bool] = False

    sport: Term[PortRange] | None = option(
        "--sport", Ports(resolved=True), also=("--source-port",), negatable=True, hides=ALL_PORTS
    )
    dport: Term[PortRange] | None = option(
        "--dport",
        Ports(resolved=True),
        also=("--destination-port",),
        negatable=True,
        hides=ALL_PORTS,
    )

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Forget a range of every port: the kernel stores no difference and a save shows none."""
        return {name: value for name, value in values.items() if value != Term(ALL_PORTS)}

    def as_nft(self) -> Self | None:
        """Ports become expressions; of no port at all none is left."""
        shown = evolve(self, sport=ports_as_nft(self.sport), dport=ports_as_nft(self.dport))
        return shown if shown.words() or self == type(self)() else None

    def guard(self, *, nft: bool) -> Condition:
        if not nft or not self.words():
            return super().guard(nft=nft)
        from natc.netfilter.guards import needs_fields

        return needs_fields(sport=self.sport, dport=self.dport)

    def condition(self) -> Condition:
        return both(port_condition("sport", self.sport), port_condition("dport", self.dport))
