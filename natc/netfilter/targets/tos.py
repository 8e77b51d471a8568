"""``-j TOS``: changes type of service, and traffic class in IPv6 (net/netfilter/xt_DSCP.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Kind, Masked, Number, Tos
from natc.netfilter.targets import register_target


@frozen
class _Bits(Kind[Masked]):
    """Eight bits from which ``make`` makes value and mask."""

    make: Callable[[int], Masked]

    def parse(self, words: Sequence[str]) -> Masked:
        return self.make(Number(0, 0xFF).parse(words))


@register_target("TOS")
@frozen
class SetTos(Target):
    """The new value is ``(tos & ~mask) ^ value``; every spelling stores these two numbers."""

    tos: Masked | None = option(
        "--set-tos",
        Tos(),
        also={
            "--and-tos": _Bits(lambda bits: Masked(0, bits ^ 0xFF)),
            "--or-tos": _Bits(lambda bits: Masked(bits, bits)),
            "--xor-tos": _Bits(lambda bits: Masked(bits, 0)),
        },
        required=True,
    )
