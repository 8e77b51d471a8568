"""``-j SECMARK``: sets the security mark (net/netfilter/xt_SECMARK.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.words import Name
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("SECMARK")
@frozen
class Secmark(Target):
    """The context of the security module."""

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle", "security"})

    context: str | None = option("--selctx", Name(255, cut=True), required=True)
