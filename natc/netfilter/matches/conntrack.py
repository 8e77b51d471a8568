"""``-m conntrack``: the packet's connection (net/netfilter/xt_conntrack.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.condition import Condition, In, Some, Translated, both, term
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

    def condition(self) -> Condition:
        return both(term(self.ctstate, state_condition))


def state_condition(words: frozenset[str]) -> Condition:
    """Return the condition that the connection is in one of the states or translations named."""
    translations = [Translated(word) for word in ("SNAT", "DNAT") if word in words]
    return Some((In("ctstate", words - {"SNAT", "DNAT"}), *translations))
