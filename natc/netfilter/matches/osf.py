"""``-m osf``: the operating system that sent a SYN (net/netfilter/xt_osf.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Name
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("osf")
@frozen
class Osf(Match):
    """A fingerprint's name; how strictly the time to live counts (0-2), and how much is logged (0-2)."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    families: ClassVar[frozenset[int]] = frozenset({4})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT", "FORWARD"})

    genre: Term[str] | None = option("--genre", Name(31, cut=True), negatable=True, required=True)
    ttl: int | None = option("--ttl", Number(0, 2))
    log: int | None = option("--log", Number(0, 2))
