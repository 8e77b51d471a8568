"""``-m udp``: the ports of a UDP header (net/netfilter/xt_tcpudp.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.condition import Condition, both, port_condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import ALL_PORTS, PortRange, Ports
from natc.netfilter.matches import register_match


@register_match("udp")
@frozen
class Udp(Match):
    """Source and destination port ranges."""

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

    def condition(self) -> Condition:
        return both(port_condition("sport", self.sport), port_condition("dport", self.dport))
