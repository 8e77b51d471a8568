"""``-m eui64``: whether the source address is made from the Ethernet address (ip6t_eui64.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("eui64")
@frozen
class Eui64(Match):
    """True when the lower half of the source is the EUI-64 of the Ethernet source."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT", "FORWARD"})
    families: ClassVar[frozenset[int]] = frozenset({6})
