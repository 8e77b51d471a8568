"""``-j NFLOG``: hands the packet to a logging process (net/netfilter/xt_NFLOG.c)."""

from __future__ import annotations

from typing import ClassVar, Self

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Text, quoted
from natc.netfilter.targets import register_target
from natc.values import evolve, frozen

#: What legacy keeps of a prefix: that of struct xt_nflog_info less its final zero.
_LEGACY = Text(63, cut=True)


class _Prefix(Text):
    """A string of which nf_tables keeps NF_LOG_PREFIXLEN less a final zero, and legacy less."""

    @property
    def plain(self) -> str:
        return _LEGACY.plain


@register_target("NFLOG")
@frozen
class Nflog(Target):
    """The group that listens, a prefix, and how much of the packet it gets."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("size", "range"),)

    prefix: str = option("--nflog-prefix", _Prefix(127, cut=True), default="", omit="")
    group: int = option("--nflog-group", Number(0, 65535), default=0, omit=0)
    size: int | None = option("--nflog-size", Number())
    range: int | None = option("--nflog-range", Number(), omit=0)
    threshold: int = option("--nflog-threshold", Number(0, 65535), default=0, omit=0)
    whole_prefix: bool = False
    """Whether all of the prefix is shown."""

    def as_nft(self) -> Self:
        """The range, which never did anything, is not kept, and more of the prefix is."""
        return evolve(self, range=None, whole_prefix=True)

    def words(self) -> list[str]:
        if self.whole_prefix:
            return super().words()
        return evolve(self, prefix=_LEGACY.parse([quoted(self.prefix)]), whole_prefix=True).words()

    def effect(self) -> Effect:
        return Nothing()
