"""``-m state``: the connection's state, the older form of ``-m conntrack --ctstate``."""

from __future__ import annotations

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.words import WordSet
from natc.netfilter.matches import register_match
from natc.values import frozen

#: The order in which libxt_conntrack prints the states of ``-m state``.
STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED")


@register_match("state")
@frozen
class State(Match):
    """The state of the connection the packet belongs to."""

    state: Term[frozenset[str]] | None = option("--state", WordSet(STATES), negatable=True, required=True)

    def condition(self) -> Condition:
        return both(term(self.state, lambda states: In("ctstate", states)))
