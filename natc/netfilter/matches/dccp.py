"""``-m dccp``: ports, types and options of DCCP (net/netfilter/xt_dccp.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.ports import PortRange, Ports
from natc.netfilter.kinds.words import WordSet
from natc.netfilter.matches import register_match
from natc.values import frozen

#: Packet types by number; INVALID stands for all others.
TYPES = (
    "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK",
    "INVALID",
)  # fmt: skip


@register_match("dccp")
@frozen
class Dccp(Match):
    """What must be true of a packet's DCCP header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({33})

    sport: Term[PortRange] | None = option(
        "--sport", Ports(resolved=True), also=("--source-port",), negatable=True
    )
    dport: Term[PortRange] | None = option(
        "--dport", Ports(resolved=True), also=("--destination-port",), negatable=True
    )
    types: Term[frozenset[str]] | None = option("--dccp-types", WordSet(TYPES), negatable=True)
    has_option: Term[int] | None = option("--dccp-option", Number(1, 255), negatable=True)
