"""``-j TOS``: changes type of service, and traffic class in IPv6 (net/netfilter/xt_DSCP.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from natc.netfilter.effect import Change, Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.masked import Masked, Tos
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.packet import Packet
from natc.netfilter.targets import register_target
from natc.values import changed, frozen


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

    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})

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

    def effect(self) -> Effect:
        assert self.tos is not None
        return set_tos(self.tos.value, self.tos.mask)


def set_tos(value: int, mask: int) -> Effect:
    """Return the effect that makes the type of service ``(tos & ~mask) ^ value``."""

    def change(packet: Packet) -> Packet:
        assert isinstance(packet.tos, int)
        return changed(packet, tos=(packet.tos & ~mask) ^ value)

    return Change(("tos",), change)
