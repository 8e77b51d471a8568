"""``-j SYNPROXY``: answers TCP handshakes for a server (net/netfilter/xt_SYNPROXY.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.targets import register_target
from natc.values import frozen


@frozen
class CutNumber(Number):
    """A number of 32 bits of which a field of ``bits`` bits keeps the lower ones, without a word."""

    bits: int = 16

    @property
    def plain(self) -> str | None:
        return None

    def parse(self, words: Sequence[str]) -> int:
        return super().parse(words) & (1 << self.bits) - 1


@register_target("SYNPROXY")
@frozen
class Synproxy(Target):
    """The TCP options the server is known to have."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "FORWARD"})

    sack: bool = option("--sack-perm", Flag(), default=False)
    timestamp: bool = option("--timestamp", Flag(), default=False)
    window_scale: int | None = option("--wscale", CutNumber(bits=8))
    mss: int | None = option("--mss", CutNumber(bits=16))
    ecn: bool = option("--ecn", Flag(), default=False)
