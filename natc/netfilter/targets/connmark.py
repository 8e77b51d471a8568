"""``-j CONNMARK``: sets, saves or restores the connection's mark (net/netfilter/xt_connmark.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.effect import Effect, ExchangeMarks
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.masked import Masked
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.targets import register_target
from natc.netfilter.targets.mark import MARK_SPELLINGS, SET_XMARK
from natc.values import frozen

_ONES = 0xFFFFFFFF
_MASK = Number(form="{:#x}")


@register_target("CONNMARK")
@frozen
class SetConnmark(Target):
    """Changes the connection's mark, or copies it from the packet (save) or to it (restore).

    set: ``ctmark = (ctmark & ~mask) ^ value``; save: ``ctmark = (ctmark & ~ctmask) ^ (mark & nfmask)``;
    restore: ``mark = (mark & ~nfmask) ^ (ctmark & ctmask)``. A shift moves what is copied or set.
    """

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("xmark", "save", "restore"),
        ("nfmask", "mask"),
        ("ctmask", "mask"),
    )
    one_of: ClassVar[tuple[str, ...]] = ("xmark", "save", "restore")

    xmark: Masked | None = option("--set-xmark", SET_XMARK, also=MARK_SPELLINGS)
    save: bool = option("--save-mark", Flag(), default=False)
    restore: bool = option("--restore-mark", Flag(), default=False)
    nfmask: int | None = option("--nfmask", _MASK)
    ctmask: int | None = option("--ctmask", _MASK)
    mask: int | None = option("--mask", _MASK)
    left_shift: int | None = option("--left-shift-mark", Number(0, 31), omit=0)
    right_shift: int | None = option("--right-shift-mark", Number(0, 31), omit=0)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Save and restore have both masks, all ones unless said; setting has none. The last shift counts."""
        for shift in [name for name in values if name.endswith("_shift")][:-1]:
            del values[shift]
        both = values.pop("mask", _ONES)
        if "xmark" in values:
            return {key: value for key, value in values.items() if key not in ("nfmask", "ctmask")}
        return {"nfmask": both, "ctmask": both, **values}

    def effect(self) -> Effect:
        return ExchangeMarks(self._exchanged)

    def _exchanged(self, mark: int, kept: int) -> tuple[int, int]:
        """Return the packet's and the connection's new marks (xt_connmark.c, connmark_tg_shift)."""
        if self.xmark is not None:
            return mark, self._shifted((kept & ~self.xmark.mask) ^ self.xmark.value)
        assert self.nfmask is not None and self.ctmask is not None
        if self.save:
            return mark, (kept & ~self.ctmask) ^ self._shifted(mark & self.nfmask)
        return (mark & ~self.nfmask) ^ self._shifted(kept & self.ctmask), kept

    def _shifted(self, value: int) -> int:
        if self.right_shift:
            return value >> self.right_shift
        return value << (self.left_shift or 0) & _ONES
