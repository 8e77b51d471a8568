"""``-j CONNSECMARK``: copies the security mark between packet and connection (xt_CONNSECMARK.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("CONNSECMARK")
@frozen
class ConnSecmark(Target):
    """Either to the connection or from it."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle", "security"})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("save", "restore"),)
    one_of: ClassVar[tuple[str, ...]] = ("save", "restore")

    save: bool = option("--save", Flag(), default=False)
    restore: bool = option("--restore", Flag(), default=False)
