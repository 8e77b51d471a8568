"""``-j DSCP``: sets the differentiated services code point (net/netfilter/xt_DSCP.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.dscp import DSCP, DscpClass
from natc.netfilter.targets import register_target
from natc.netfilter.targets.tos import set_tos
from natc.values import frozen


@register_target("DSCP")
@frozen
class SetDscp(Target):
    """The upper six bits of type of service or traffic class."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})

    dscp: int | None = option("--set-dscp", DSCP, also={"--set-dscp-class": DscpClass()}, required=True)

    def effect(self) -> Effect:
        assert self.dscp is not None
        return set_tos(self.dscp << 2, 0xFC)
