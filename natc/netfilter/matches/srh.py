"""``-m srh``: the segment routing header of IPv6 (ip6t_srh.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
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
