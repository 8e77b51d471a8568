"""``-j NOTRACK``: leaves the packet untracked (net/netfilter/xt_CT.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Track
from natc.netfilter.extension import Target
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("NOTRACK")
@frozen
class Notrack(Target):
    """The same as ``-j CT --notrack``."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"raw"})

    def effect(self) -> Effect:
        return Track(untracked=True)
