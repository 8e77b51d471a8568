"""``-m rpfilter``: whether a reply would leave where the packet came in (ipt_rpfilter.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import Condition, ReversePath
from natc.netfilter.extension import Match, option
from natc.netfilter.kinds import Flag
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("rpfilter")
@frozen
class Rpfilter(Match):
    """The reverse path test, perhaps by any device, with the mark, or turned round."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"raw", "mangle"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING"})

    loose: bool = option("--loose", Flag(), default=False)
    validmark: bool = option("--validmark", Flag(), default=False)
    accept_local: bool = option("--accept-local", Flag(), default=False)
    invert: bool = option("--invert", Flag(), default=False)

    def condition(self) -> Condition:
        asked = ReversePath(self.loose, self.validmark, self.accept_local)
        return ~asked if self.invert else asked
