"""``-m srh``: the segment routing header of IPv6 (ip6t_srh.c)."""

from __future__ import annotations

from operator import eq, gt, lt
from typing import Any, ClassVar

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipv6_headers import ROUTING, header_of, is_cut
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import frozen

_BYTE = Number(0, 0xFF)


@register_match("srh")
@frozen
class Srh(Match):
    """Fields of the header, and the previous, next and last segment."""

    families: ClassVar[frozenset[int]] = frozenset({6})

    next_header: Term[int] | None = option("--srh-next-hdr", _BYTE, negatable=True)
    header_length_eq: Term[int] | None = option("--srh-hdr-len-eq", _BYTE, negatable=True)
    header_length_gt: Term[int] | None = option("--srh-hdr-len-gt", _BYTE, negatable=True)
    header_length_lt: Term[int] | None = option("--srh-hdr-len-lt", _BYTE, negatable=True)
    segments_left_eq: Term[int] | None = option("--srh-segs-left-eq", _BYTE, negatable=True)
    segments_left_gt: Term[int] | None = option("--srh-segs-left-gt", _BYTE, negatable=True)
    segments_left_lt: Term[int] | None = option("--srh-segs-left-lt", _BYTE, negatable=True)
    last_entry_eq: Term[int] | None = option("--srh-last-entry-eq", _BYTE, negatable=True)
    last_entry_gt: Term[int] | None = option("--srh-last-entry-gt", _BYTE, negatable=True)
    last_entry_lt: Term[int] | None = option("--srh-last-entry-lt", _BYTE, negatable=True)
    tag: Term[int] | None = option("--srh-tag", Number(0, 0xFFFF), negatable=True)
    previous: Term[Network] | None = option(
        "--srh-psid", NetworkKind(whole=True, holes=False), negatable=True
    )
    next: Term[Network] | None = option("--srh-nsid", NetworkKind(whole=True, holes=False), negatable=True)
    last: Term[Network] | None = option("--srh-lsid", NetworkKind(whole=True, holes=False), negatable=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """The kernel has one number each for what is equal, greater and less: the last one given."""
        for group in ("header_length", "segments_left", "last_entry"):
            given = [name for name in values if name.startswith(group)]
            values |= {name: Term(values[given[-1]].value, values[name].inverted) for name in given}
        return values

    def condition(self) -> Condition:
        return Computed(("extensions",), self._holds, f"-m srh {' '.join(self.words())} holds")

    def _holds(self, packet: Packet) -> bool | None:
        """With fewer segments than it says Linux 6.18 goes on, and kernels after it drop the packet."""
        header = header_of(packet, ROUTING)
        if header is None or is_cut(ROUTING, header) or header[2] != _SEGMENT_ROUTING:
            return False
        left, last = header[3], header[4]
        if 8 + (last + 1) * 16 > len(header):
            return None
        return left <= last and self._fields_hold(header) and self._segments_hold(header)

    def _fields_hold(self, header: bytes) -> bool:
        """The tag is compared as this machine's bytes stand, lowest first (seen; x86 and ARM)."""
        following, length, _, left, last = header[:5]
        return all(
            term is None or term.holds(holds(value, term.value))
            for term, holds, value in (
                (self.next_header, eq, following),
                (self.header_length_eq, eq, length),
                (self.header_length_gt, gt, length),
                (self.header_length_lt, lt, length),
                (self.segments_left_eq, eq, left),
                (self.segments_left_gt, gt, left),
                (self.segments_left_lt, lt, left),
                (self.last_entry_eq, eq, last),
                (self.last_entry_gt, gt, last),
                (self.last_entry_lt, lt, last),
                (self.tag, eq, int.from_bytes(header[6:8], "little")),
            )
        )

    def _segments_hold(self, header: bytes) -> bool:
        """The list is in reverse. Before the first and behind the last there is none: false, negated too."""
        left, last = header[3], header[4]
        places = (
            (self.previous, left + 1, left < last),
            (self.next, left - 1, left > 0),
            (self.last, 0, True),
        )
        return all(
            term is None or (exists and term.holds(_within(header, place, term.value)))
            for term, place, exists in places
        )


#: The type of a routing header that has segments (RFC 8754, 8).
_SEGMENT_ROUTING = 4


def _within(header: bytes, place: int, network: Network) -> bool:
    segment = int.from_bytes(header[8 + 16 * place : 24 + 16 * place], "big")
    return segment & network.mask == network.address & network.mask
