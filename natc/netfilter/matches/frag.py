"""``-m frag``: the fragment header of IPv6 (ip6t_frag.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipv6_headers import FRAGMENT, fragment_of, whole_header
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, Number, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("frag")
@frozen
class Frag(Match):
    """The identification, the length, reserved bits, and the place among the fragments."""

    families: ClassVar[frozenset[int]] = frozenset({6})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("more", "last"),)

    id: Term[NumberRange] = option(
        "--fragid",
        Numbers(32),
        negatable=True,
        default=Term(EVERY_NUMBER),
        hides=EVERY_NUMBER,
    )
    length: Term[int] | None = option("--fraglen", Number(), negatable=True)
    reserved: bool = option("--fragres", Flag(), default=False)
    first: bool = option("--fragfirst", Flag(), default=False)
    more: bool = option("--fragmore", Flag(), default=False)
    last: bool = option("--fraglast", Flag(), default=False)

    def condition(self) -> Condition:
        return Computed(("extensions",), self._holds, f"-m frag {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        """The kernel does not look at the length."""
        header = whole_header(packet, FRAGMENT)
        if not isinstance(header, bytes):
            return header
        place = fragment_of(header)
        if not self.id.holds(int.from_bytes(header[4:8], "big") in self.id.value):
            return False
        if self.reserved and (header[1] or header[3] & 0x06):
            return False
        if self.first and place & 0x1FFF:
            return False
        return not (self.last if place & 0x2000 else self.more)
