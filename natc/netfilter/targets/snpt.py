"""``-j SNPT``: replaces the prefix of the source, without state (ip6t_NPT.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.addresses import Network, Prefix64
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("SNPT")
@frozen
class Snpt(Target):
    """The prefix that goes and the one that comes; both at most 64 bits long."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "POSTROUTING"})
    families: ClassVar[frozenset[int]] = frozenset({6})

    from_prefix: Network | None = option("--src-pfx", Prefix64(whole=True, holes=False), required=True)
    to_prefix: Network | None = option("--dst-pfx", Prefix64(whole=True, holes=False), required=True)
