"""``-j TRACE``: logs every rule that the packet passes (net/netfilter/xt_TRACE.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("TRACE")
@frozen
class Trace(Target):
    """Changes nothing about the packet."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"raw"})

    def effect(self) -> Effect:
        return Nothing()
