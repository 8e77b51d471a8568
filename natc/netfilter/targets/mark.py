"""``-j MARK``: sets bits of the packet's mark (net/netfilter/xt_mark.c)."""

from __future__ import annotations

from natc.netfilter import effect
from natc.netfilter.effect import Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.masked import Masked, MaskedHex
from natc.netfilter.targets import register_target
from natc.values import frozen

_ONES = 0xFFFFFFFF


def _set_xmark(value: int, mask: int | None) -> Masked:
    return Masked(value, _ONES if mask is None else mask)


def _set_mark(value: int, mask: int | None) -> Masked:
    return Masked(value, _ONES if mask is None else value | mask)


def _and_mark(value: int, mask: int | None) -> Masked:
    return Masked(0, value ^ _ONES)


def _or_mark(value: int, mask: int | None) -> Masked:
    return Masked(value, value)


def _xor_mark(value: int, mask: int | None) -> Masked:
    return Masked(value, 0)


#: How the save form reads, and what the other spellings of the same two numbers are.
SET_XMARK = MaskedHex(always_mask=True, make=_set_xmark)
MARK_SPELLINGS = {
    "--set-mark": MaskedHex(make=_set_mark),
    "--and-mark": MaskedHex(make=_and_mark),
    "--or-mark": MaskedHex(make=_or_mark),
    "--xor-mark": MaskedHex(make=_xor_mark),
}


@register_target("MARK")
@frozen
class SetMark(Target):
    """The new mark is ``(mark & ~mask) ^ value``; every spelling stores these two numbers."""

    xmark: Masked = option("--set-xmark", SET_XMARK, also=MARK_SPELLINGS, required=True)

    def effect(self) -> Effect:
        return effect.SetMark(self.xmark.value, self.xmark.mask)
