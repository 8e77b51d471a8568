"""``-j CHECKSUM``: fills in a checksum that was left to the device (net/netfilter/xt_CHECKSUM.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("CHECKSUM")
@frozen
class Checksum(Target):
    """Changes nothing that a rule could see."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})

    fill: bool = option("--checksum-fill", Flag(), default=False, required=True)

    def effect(self) -> Effect:
        return Nothing()
