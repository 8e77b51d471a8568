"""``-m realm``: the realm of the route (net/netfilter/xt_realm.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, RouteRealm, Unknown, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.masked import Masked, MaskedOrName
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("realm")
@frozen
class Realm(Match):
    """The realm of the route to the destination; 0 is called cosmos."""

    families: ClassVar[frozenset[int]] = frozenset({4})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})

    realm: Term[Masked | str] | None = option(
        "--realm", MaskedOrName({"cosmos": 0}), negatable=True, required=True
    )

    def condition(self) -> Condition:
        condition = term(self.realm, _is_realm)
        assert condition is not None
        return condition


def _is_realm(realm: Masked | str) -> Condition:
    if isinstance(realm, str):
        return Unknown(f"the route's realm is {realm}")
    return RouteRealm(realm.value, realm.mask)
