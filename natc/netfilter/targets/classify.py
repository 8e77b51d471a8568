"""``-j CLASSIFY``: sets the packet's priority (net/netfilter/xt_CLASSIFY.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.targets import register_target
from natc.values import frozen

_CLASS = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,8}):(?:0[xX])?([0-9a-fA-F]{1,8})\Z")


class _TrafficClass(Kind[int]):
    """``MAJOR:MINOR``, both hexadecimal; the number has the major part in its upper 16 bits."""

    def parse(self, words: Sequence[str]) -> int:
        found = _CLASS.match(words[0])
        if found is None:
            raise ValueError(f"{words[0]!r} is not MAJOR:MINOR in hexadecimal")
        major, minor = (int(part, 16) & 0xFFFF for part in found.groups())
        return major << 16 | minor

    def words(self, value: int) -> tuple[str, ...]:
        return (f"{value >> 16:04x}:{value & 0xFFFF:04x}",)


@register_target("CLASSIFY")
@frozen
class Classify(Target):
    """The traffic control class that the priority stands for."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"FORWARD", "OUTPUT", "POSTROUTING"})

    priority: int | None = option("--set-class", _TrafficClass(), required=True)

    def effect(self) -> Effect:
        return Nothing()
