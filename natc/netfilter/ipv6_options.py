"""Lists of options in the destination and hop-by-hop headers of IPv6 (ip6t_hbh.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.extension import Term
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


def options_hold(
    header: bytes, length: Term[int] | None, wanted: tuple[Ipv6Option, ...] | None
) -> bool | None:
    """Tell whether a header has a length in bytes, and begins with the options wanted.

    None where an option is cut short: Linux 6.18 goes on, and kernels after it drop such a packet.
    """
    held = length is None or length.holds(len(header) == length.value)
    if wanted is None:
        return held
    place = 2
    for option in wanted:
        if place >= len(header) or header[place] != option.type:
            return False
        if not option.type:  # a single byte of padding
            place += 1
            continue
        if place + 1 >= len(header):
            return None
        size = header[place + 1]
        if option.length not in (None, size):
            return False
        place += 2 + size
        if place > len(header):
            return None
    return held
