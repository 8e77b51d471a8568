"""``-m dst``: the destination options of IPv6 (ip6t_hbh.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipv6_headers import DESTINATION, whole_header
from natc.netfilter.ipv6_options import Ipv6Option, Ipv6Options, options_hold
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("dst")
@frozen
class Dst(Match):
    """The length of the header in bytes, and the options in it, in their order."""

    families: ClassVar[frozenset[int]] = frozenset({6})

    length: Term[int] | None = option("--dst-len", Number(), negatable=True)
    holds: tuple[Ipv6Option, ...] | None = option("--dst-opts", Ipv6Options())

    def condition(self) -> Condition:
        return Computed(("extensions",), self._holds, f"-m dst {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops | None:
        header = whole_header(packet, DESTINATION)
        return options_hold(header, self.length, self.holds) if isinstance(header, bytes) else header
