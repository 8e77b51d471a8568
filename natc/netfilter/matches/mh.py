"""``-m mh``: the mobility header of IPv6 (net/netfilter/xt_mh.c, RFC 6275)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipv6_headers import NOTHING
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import NumberRange, number
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

#: Message types by name.
TYPES = {
    "binding-refresh-request": 0, "brr": 0, "home-test-init": 1, "hoti": 1, "careof-test-init": 2, "coti": 2,
    "home-test": 3, "hot": 3, "careof-test": 4, "cot": 4, "binding-update": 5, "bu": 5,
    "binding-acknowledgement": 6, "ba": 6, "binding-error": 7, "be": 7,
}  # fmt: skip
_ALL = Term(NumberRange(0, 0xFF))


class _Types(Kind[NumberRange]):
    """``TYPE`` or ``[LOW]:[HIGH]``, by number or name."""

    def parse(self, words: Sequence[str]) -> NumberRange:
        head, colon, tail = words[0].partition(":")
        low = self._type(head) if head else 0
        high = (self._type(tail) if tail else 0xFF) if colon else low
        if low > high:
            raise ValueError(f"range {words[0]} ends before it begins")
        return NumberRange(low, high)

    @staticmethod
    def _type(text: str) -> int:
        if text.lower() in TYPES:
            return TYPES[text.lower()]
        value = number(text)
        if value > 0xFF:
            raise ValueError(f"type {text} is not between 0 and 255")
        return value

    def words(self, value: NumberRange) -> tuple[str, ...]:
        return (str(value),)


@register_match("mh")
@frozen
class Mh(Match):
    """The message types that match."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({135})
    families: ClassVar[frozenset[int]] = frozenset({6})

    type: Term[NumberRange] = option("--mh-type", _Types(), negatable=True, default=_ALL, omit=_ALL)

    def condition(self) -> Condition:
        return Computed(("payload",), self._holds, f"-m mh {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        """The kernel drops what is cut short, and what has another header behind it."""
        assert isinstance(packet.payload, bytes)
        if packet.is_later_fragment:
            return False
        if len(packet.payload) < _SHORTEST or packet.payload[0] != NOTHING:
            return Drops.UNMATCHED
        return self.type.holds(packet.payload[2] in self.type.value)


#: Bytes of a header without its message.
_SHORTEST = 6
