"""``-m rt``: the routing header of IPv6 (ip6t_rt.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from natc.netfilter.condition import Computed, Condition, Drops
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.ipv6_headers import ROUTING, whole_header
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.addresses import Address, address
from natc.netfilter.kinds.numbers import EVERY_NUMBER, Number, NumberRange, Numbers
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

#: Most addresses a rule can name (IP6T_RT_HOPS).
MOST_HOPS = 16


class _Addresses(Kind[tuple[Address, ...]]):
    """A list of addresses."""

    def parse(self, words: Sequence[str]) -> tuple[Address, ...]:
        addresses = tuple(address(part) for part in words[0].split(","))
        if len(addresses) > MOST_HOPS:
            raise ValueError(f"more than {MOST_HOPS} addresses")
        return addresses

    def words(self, value: tuple[Address, ...]) -> tuple[str, ...]:
        return (",".join(map(str, value)),)


@register_match("rt")
@frozen
class Rt(Match):
    """The type, the segments left and the length; for type 0 reserved bits and the addresses."""

    families: ClassVar[frozenset[int]] = frozenset({6})
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"not_strict": ("addresses",)}

    type: Term[int] | None = option("--rt-type", Number(), negatable=True)
    segments_left: Term[NumberRange] = option(
        "--rt-segsleft", Numbers(32), negatable=True, default=Term(EVERY_NUMBER), hides=EVERY_NUMBER
    )
    length: Term[int] | None = option("--rt-len", Number(), negatable=True)
    reserved: bool = option("--rt-0-res", Flag(), default=False)
    addresses: tuple[Address, ...] | None = option("--rt-0-addrs", _Addresses())
    not_strict: bool = option("--rt-0-not-strict", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Only type 0 has addresses and reserved bits."""
        if ("reserved" in values or "addresses" in values) and values.get("type") != Term(0):
            raise OptionError("--rt-0-res and --rt-0-addrs need --rt-type 0")
        return values

    def condition(self) -> Condition:
        return Computed(("extensions",), self._holds, f"-m rt {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | Drops:
        header = whole_header(packet, ROUTING)
        if not isinstance(header, bytes):
            return header
        asked = ((self.type, header[2]), (self.length, len(header)))
        if any(term and not term.holds(value == term.value) for term, value in asked):
            return False
        if not self.segments_left.holds(header[3] in self.segments_left.value):
            return False
        if self.reserved and any(header[4:8]):
            return False
        return self.addresses is None or self._has_addresses(header)

    def _has_addresses(self, header: bytes) -> bool:
        """Whether the addresses are all of the header's, or not strict: among them in this order."""
        found = [header[place : place + 16] for place in range(8, len(header) - 15, 16)]
        assert self.addresses is not None
        wanted = [address.packed for address in self.addresses]
        if not self.not_strict:
            return found == wanted
        rest = iter(found)
        return all(address in rest for address in wanted)
