"""``-j NFLOG``: hands the packet to a logging process (net/netfilter/xt_NFLOG.c)."""

from __future__ import annotations

from typing import ClassVar, Self

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Text
from natc.netfilter.targets import register_target
from natc.values import evolve, frozen


@register_target("NFLOG")
@frozen
class Nflog(Target):
    """The group that listens, a prefix of up to 63 bytes, and how much of the packet it gets."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("size", "range"),)

    prefix: str = option("--nflog-prefix", Text(63, cut=True), default="", omit="")
    group: int = option("--nflog-group", Number(0, 65535), default=0, omit=0)
    size: int | None = option("--nflog-size", Number())
    range: int | None = option("--nflog-range", Number(), omit=0)
    threshold: int = option("--nflog-threshold", Number(0, 65535), default=0, omit=0)

    def as_nft(self) -> Self:
        """The range, which never did anything, is not kept."""
        return evolve(self, range=None)

    def effect(self) -> Effect:
        return Nothing()
