"""``-m ipv6header``: the extension headers of IPv6 (ip6t_ipv6header.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipv6_headers import NOTHING, headers_of, is_cut
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

#: The headers in the order they are printed, each with the other words for it.
HEADERS = {
    "hop-by-hop": ("hop", "hopopt", "0"),
    "ipv6-opts": ("dst", "60"),
    "ipv6-route": ("route", "43"),
    "ipv6-frag": ("frag", "44"),
    "ah": ("auth", "51"),
    "esp": ("50",),
    "ipv6-nonxt": ("none", "59"),
    "protocol": ("prot", "255"),
}
_MEANING = {word: name for name, others in HEADERS.items() for word in (name, *others)}


class _Headers(Kind[frozenset[str]]):
    """A list of headers."""

    def parse(self, words: Sequence[str]) -> frozenset[str]:
        chosen = [word for word in words[0].lower().split(",") if word]
        for word in chosen:
            if word not in _MEANING:
                raise ValueError(f"{word!r} is none of {', '.join(HEADERS)}")
        return frozenset(_MEANING[word] for word in chosen)

    def words(self, value: frozenset[str]) -> tuple[str, ...]:
        return (",".join(name for name in HEADERS if name in value),)


@register_match("ipv6header")
@frozen
class Ipv6header(Match):
    """Exactly these headers, or, soft, these and perhaps more."""

    families: ClassVar[frozenset[int]] = frozenset({6})

    headers: Term[frozenset[str]] | None = option("--header", _Headers(), negatable=True, required=True)
    soft: bool = option("--soft", Flag(), default=False)

    def condition(self) -> Condition:
        return Computed(("extensions", "proto"), self._holds, f"-m ipv6header {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool:
        """Soft and negated, none of the headers named may be there."""
        assert self.headers is not None
        wanted, inverted = self.headers.value, self.headers.inverted
        found = _found(packet)
        if found is None:
            return False
        if self.soft:
            return not wanted & found if inverted else wanted <= found
        return (wanted == found) is not inverted


_ESP = 50
_BY_NUMBER = {0: "hop-by-hop", 60: "ipv6-opts", 43: "ipv6-route", 44: "ipv6-frag", 51: "ah"}


def _found(packet: Packet) -> frozenset[str] | None:
    """Return the headers of a packet, None where there is not even as much of one as says what follows it."""
    headers, malformed = headers_of(packet), packet.malformed
    found = frozenset(_BY_NUMBER[number] for number, _ in headers)
    if malformed is None or not malformed.is_lost or (headers and is_cut(*headers[-1])):
        return found | {_last(packet)}
    assert isinstance(packet.proto, int)
    return found | {_BY_NUMBER[packet.proto], "protocol"} if len(malformed.data) > 1 else None


def _last(packet: Packet) -> str:
    """Return what stands behind the extension headers: ESP and "no next header" are counted among them."""
    assert isinstance(packet.proto, int)
    return {_ESP: "esp", NOTHING: "ipv6-nonxt"}.get(packet.proto, "protocol")
