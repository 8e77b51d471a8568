"""``-m conntrack``: the packet's connection (net/netfilter/xt_conntrack.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import WordSet
from natc.netfilter.matches import register_match

#: The order in which libxt_conntrack prints states.
STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")


@register_match("conntrack")
@frozen
class Conntrack(Match):
    """The state of the connection; SNAT and DNAT tell whether it is translated."""

    ctstate: Term[frozenset[str]] | None = option("--ctstate", WordSet(STATES), negatable=True)
