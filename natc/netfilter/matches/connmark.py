"""``-m connmark``: the connection's mark (net/netfilter/xt_connmark.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Masked, MaskedHex
from natc.netfilter.matches import register_match


@register_match("connmark")
@frozen
class Connmark(Match):
    """True when ``connection mark & mask == value``."""

    mark: Term[Masked] | None = option("--mark", MaskedHex(), negatable=True, required=True)
