"""``-m helper``: the helper that the connection uses (net/netfilter/xt_helper.c)."""

from __future__ import annotations

from natc.netfilter.condition import ALWAYS, NEVER, Condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.words import Text
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("helper")
@frozen
class Helper(Match):
    """The name of a connection tracking helper; an empty one stands for any."""

    helper: Term[str] | None = option("--helper", Text(29, cut=True), negatable=True, required=True)

    def condition(self) -> Condition:
        """Only a connection that a helper expected has one; expectations are not modelled."""
        assert self.helper is not None
        return ALWAYS if self.helper.inverted else NEVER
