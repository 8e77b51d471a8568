"""``-m eui64``: whether the source address is made from the Ethernet address (ip6t_eui64.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("eui64")
@frozen
class Eui64(Match):
    """True when the lower half of the source is the EUI-64 of the Ethernet source."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT", "FORWARD"})
    families: ClassVar[frozenset[int]] = frozenset({6})

    def condition(self) -> Condition:
        return Computed(("src", "link_source"), _is_made_from_the_link, "-m eui64 holds")


def _is_made_from_the_link(packet: Packet) -> bool:
    """The universal bit is turned over, and ff:fe stands between the halves (RFC 4291, appendix A)."""
    link = packet.link_source
    if not isinstance(link, bytes):
        return False
    assert isinstance(packet.src, int)
    made = bytes([link[0] ^ 2]) + link[1:3] + b"\xff\xfe" + link[3:]
    return packet.src & 0xFFFFFFFFFFFFFFFF == int.from_bytes(made, "big")
