"""``-m frag``: the fragment header of IPv6 (ip6t_frag.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import EVERY_NUMBER, Number, NumberRange, Numbers
from natc.netfilter.matches import register_match
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
