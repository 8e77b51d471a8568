"""``-j LOG``: writes the packet to the kernel log (net/netfilter/xt_LOG.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.kinds.words import Text
from natc.netfilter.targets import register_target
from natc.values import frozen

#: The names of syslog's levels.
LEVELS = {
    "emerg": 0, "panic": 0, "alert": 1, "crit": 2, "error": 3, "warning": 4, "notice": 5, "info": 6,
    "debug": 7,
}  # fmt: skip


class _Level(Kind[int]):
    """A level of syslog by name or number."""

    def parse(self, words: Sequence[str]) -> int:
        if words[0] in LEVELS:
            return LEVELS[words[0]]
        level = number(words[0]) if words[0][:1].isdecimal() else 8
        if level > 7:
            raise ValueError(f"{words[0]!r} is not a level from 0 to 7 or one of {', '.join(LEVELS)}")
        return level

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


class _Prefix(Text):
    """A text of one line, not empty."""

    def parse(self, words: Sequence[str]) -> str:
        text = super().parse(words)
        if "\n" in text or not text:
            raise ValueError("needs a text of one line")
        return text


@register_target("LOG")
@frozen
class Log(Target):
    """A line with a prefix of up to 29 bytes at a level 0-7; 4, warning, unless said."""

    prefix: str = option("--log-prefix", _Prefix(29, cut=True), default="", omit="")
    level: int = option("--log-level", _Level(), default=4, omit=4)
    tcp_sequence: bool = option("--log-tcp-sequence", Flag(), default=False)
    tcp_options: bool = option("--log-tcp-options", Flag(), default=False)
    ip_options: bool = option("--log-ip-options", Flag(), default=False)
    uid: bool = option("--log-uid", Flag(), default=False)
    macdecode: bool = option("--log-macdecode", Flag(), default=False)

    def effect(self) -> Effect:
        return Nothing()
