"""``-m physdev``: the ports of a bridge that the packet crosses (net/netfilter/xt_physdev.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag, Name
from natc.netfilter.matches import register_match


@register_match("physdev")
@frozen
class Physdev(Match):
    """The bridge port a packet came in by and goes out by, and whether there is one."""

    is_in: Term[bool] | None = option("--physdev-is-in", Flag(), negatable=True)
    physdev_in: Term[str] | None = option("--physdev-in", Name(15), negatable=True)
    is_out: Term[bool] | None = option("--physdev-is-out", Flag(), negatable=True)
    physdev_out: Term[str] | None = option("--physdev-out", Name(15), negatable=True)
    is_bridged: Term[bool] | None = option("--physdev-is-bridged", Flag(), negatable=True)
