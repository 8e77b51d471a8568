"""``-m set``: addresses and ports looked up in an ipset (net/netfilter/xt_set.c)."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.ipsets import SetLookup, SetLookupKind
from natc.netfilter.kinds import Flag, Number
from natc.netfilter.matches import register_match

_COUNTER = Number(0, 2**64 - 1)


@register_match("set")
@frozen
class SetMatch(Match):
    """True when the set has the packet's element, perhaps with counters of a certain size."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("packets_eq", "packets_lt", "packets_gt"),
        ("bytes_eq", "bytes_lt", "bytes_gt"),
    )

    lookup: Term[SetLookup] | None = option(
        "--match-set", SetLookupKind(), also=("--set",), negatable=True, required=True
    )
    return_nomatch: bool = option("--return-nomatch", Flag(), default=False)
    update_counters: Term[bool] = option(
        "--update-counters", Flag(), negatable=True, default=Term(True), omit=Term(True)
    )
    update_subcounters: Term[bool] = option(
        "--update-subcounters", Flag(), negatable=True, default=Term(True), omit=Term(True)
    )
    packets_eq: Term[int] | None = option("--packets-eq", _COUNTER, negatable=True)
    packets_lt: int | None = option("--packets-lt", _COUNTER)
    packets_gt: int | None = option("--packets-gt", _COUNTER)
    bytes_eq: Term[int] | None = option("--bytes-eq", _COUNTER, negatable=True)
    bytes_lt: int | None = option("--bytes-lt", _COUNTER)
    bytes_gt: int | None = option("--bytes-gt", _COUNTER)
