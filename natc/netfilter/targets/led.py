"""``-j LED``: blinks (net/netfilter/xt_LED.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.kinds.words import Text
from natc.netfilter.targets import register_target
from natc.values import frozen

#: Stands for a light that stays on.
FOREVER = 0xFFFFFFFF


class _Trigger(Text):
    """A name, always in quotes in a save."""

    def words(self, value: str) -> tuple[str, ...]:
        return ('"' + re.sub(r'(["\\])', r"\\\1", value) + '"',)


class _Delay(Kind[int]):
    """Milliseconds, or ``inf``.

    A save shows the 32 bits as a signed number (libxt_LED.c), so a light that stays on comes back as
    -1, which no restore takes; it is read here, for it stands in saves.
    """

    def parse(self, words: Sequence[str]) -> int:
        if words[0].lower().startswith("inf"):
            return FOREVER
        shown = re.fullmatch(r"-(\d+)", words[0])
        delay = number(words[0]) if shown is None else (1 << 32) - int(shown[1])
        if not 0 <= delay <= FOREVER:
            raise ValueError(f"{words[0]} is not between 0 and {FOREVER}")
        return delay

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value if value < 1 << 31 else value - (1 << 32)),)


@register_target("LED")
@frozen
class Led(Target):
    """The trigger that a packet pulls, how long the light stays on, and whether it goes off first."""

    trigger: str | None = option("--led-trigger-id", _Trigger(16), required=True)
    delay: int = option("--led-delay", _Delay(), default=0, omit=0)
    always_blink: bool = option("--led-always-blink", Flag(), default=False)

    def effect(self) -> Effect:
        """The packet goes on as it came."""
        return Nothing()
