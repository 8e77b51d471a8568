"""``-m sctp``: the ports of a SCTP header (net/netfilter/xt_sctp.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.condition import Condition, both, port_condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import PortRange, Ports
from natc.netfilter.matches import register_match


@register_match("sctp")
@frozen
class Sctp(Match):
    """Source and destination port ranges."""

    sport: Term[PortRange] | None = option("--sport", Ports(), also=("--source-port",), negatable=True)
    dport: Term[PortRange] | None = option("--dport", Ports(), also=("--destination-port",), negatable=True)

    def condition(self) -> Condition:
        return both(port_condition("sport", self.sport), port_condition("dport", self.dport))
