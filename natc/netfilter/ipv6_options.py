"""Lists of options in the destination and hop-by-hop headers of IPv6 (ip6t_hbh.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import number
from natc.values import frozen

#: Most options a rule can name (IP6T_OPTS_OPTSNR).
MOST_OPTIONS = 16


@frozen
class Ipv6Option:
    """An option by type, and its length in bytes, None for any."""

    type: int
    length: int | None = None

    def __str__(self) -> str:
        return str(self.type) if self.length is None else f"{self.type}:{self.length}"


class Ipv6Options(Kind[tuple[Ipv6Option, ...]]):
    """``TYPE[:LENGTH],...``."""

    def parse(self, words: Sequence[str]) -> tuple[Ipv6Option, ...]:
        options = tuple(self._option(part) for part in words[0].split(","))
        if len(options) > MOST_OPTIONS or (len(options) == MOST_OPTIONS and options[-1].length is not None):
            raise ValueError(f"more than {MOST_OPTIONS} options")
        return options

    @staticmethod
    def _option(text: str) -> Ipv6Option:
        head, colon, tail = text.partition(":")
        kind, length = number(head) & 0xFF, number(tail) & 0xFF if colon else 0xFF
        if colon and not kind:
            raise ValueError("option 0 has no length")
        return Ipv6Option(kind, None if length == 0xFF else length)

    def words(self, value: tuple[Ipv6Option, ...]) -> tuple[str, ...]:
        return (",".join(map(str, value)),)
