"""``-m mac``: the Ethernet source address (net/netfilter/xt_mac.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import MacAddress
from natc.netfilter.matches import register_match


@register_match("mac")
@frozen
class Mac(Match):
    """Never true of a packet that came without an Ethernet header."""

    source: Term[bytes] | None = option("--mac-source", MacAddress(), negatable=True, required=True)
