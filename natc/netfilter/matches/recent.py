"""``-m recent``: lists of addresses seen lately (net/netfilter/xt_recent.c)."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Address, Flag, Kind, Name, Number, address
from natc.netfilter.matches import register_match


class _Mask(Kind[Address]):
    """A netmask written as an address."""

    def parse(self, words: Any) -> Address:
        return address(words[0])

    def words(self, value: Address) -> tuple[str, ...]:
        return (str(value),)


@register_match("recent")
@frozen
class Recent(Match):
    """Looks an address up in a list, or changes the list; times in seconds."""

    set: Term[bool] | None = option("--set", Flag(), negatable=True)
    rcheck: Term[bool] | None = option("--rcheck", Flag(), negatable=True)
    update: Term[bool] | None = option("--update", Flag(), negatable=True)
    remove: Term[bool] | None = option("--remove", Flag(), negatable=True)
    seconds: int | None = option("--seconds", Number(1))
    reap: bool = option("--reap", Flag(), default=False)
    hitcount: int | None = option("--hitcount", Number(1, 65535))
    rttl: bool = option("--rttl", Flag(), default=False)
    list_name: str = option("--name", Name(199), default="DEFAULT")
    mask: Address | None = option("--mask", _Mask())
    rsource: bool = option("--rsource", Flag(), default=False)
    rdest: bool = option("--rdest", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        values.setdefault("mask", address("255.255.255.255" if family == 4 else "ffff:" * 7 + "ffff"))
        values.setdefault("rsource", not values.get("rdest", False))
        return values
