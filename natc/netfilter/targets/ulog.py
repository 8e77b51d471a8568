"""``-j ULOG``: hands the packet to a logging process, the old way (ipt_ULOG.c, until Linux 3.16)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Text
from natc.netfilter.targets import register_target
from natc.values import frozen


class _Copied(Number):
    """A number of 64 bits, of which a save shows 32 (libipt_ULOG.c)."""

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value & 0xFFFFFFFF),)


@register_target("ULOG")
@frozen
class Ulog(Target):
    """Prefix, group 1-32, bytes that are copied, and packets that are sent at once."""

    families: ClassVar[frozenset[int]] = frozenset({4})

    prefix: str = option("--ulog-prefix", Text(31, cut=True), default="", omit="")
    group: int = option("--ulog-nlgroup", Number(1, 32), default=1, omit=1)
    copied: int = option("--ulog-cprange", _Copied(high=(1 << 64) - 1), default=0, omit=0)
    threshold: int = option("--ulog-qthreshold", Number(1, 50), default=1, omit=1)

    def effect(self) -> Effect:
        """The packet goes on as it came."""
        return Nothing()
