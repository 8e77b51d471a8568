"""``-m string``: bytes in the packet (net/netfilter/xt_string.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from natc.netfilter.condition import Computed, Condition
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Choice, unquoted
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.netfilter.wire import NEEDS, encode
from natc.values import frozen

#: Longest pattern in bytes (XT_STRING_MAX_PATTERN_SIZE).
LONGEST_PATTERN = 128
_HEX_BLOCK = re.compile(r"\| *((?:[0-9a-fA-F]{2} ?)*)(?:\||\Z)")


def _limited(pattern: bytes) -> bytes:
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"longer than {LONGEST_PATTERN} bytes")
    return pattern


class _Pattern(Kind[bytes]):
    """Bytes as text, always in quotes in a save."""

    def parse(self, words: Sequence[str]) -> bytes:
        return _limited(unquoted(words[0]).encode("utf-8", "surrogateescape"))

    def words(self, value: bytes) -> tuple[str, ...]:
        text = value.decode("utf-8", "surrogateescape")
        return ('"' + re.sub(r'(["\\])', r"\\\1", text) + '"',)


class _HexPattern(Kind[bytes]):
    """Text with hexadecimal blocks between bars; a backslash takes the next character as it is."""

    def parse(self, words: Sequence[str]) -> bytes:
        text, out, position = unquoted(words[0]), b"", 0
        if not text:
            raise ValueError("needs at least one character")
        while position < len(text):
            if text[position] == "|":
                block = _HEX_BLOCK.match(text, position)
                if block is None:
                    raise ValueError(f"{text[position:]!r} is not a block of hexadecimal bytes")
                out += bytes.fromhex(block.group(1))
                position = block.end()
                continue
            position += text[position] == "\\"
            if position == len(text):
                raise ValueError("ends with a backslash")
            out += text[position].encode("utf-8", "surrogateescape")
            position += 1
        return _limited(out)

    def words(self, value: bytes) -> tuple[str, ...]:
        return (f'"|{value.hex()}|"',)


@register_match("string")
@frozen
class String(Match):
    """True when the pattern is found between two offsets from the start of the packet, in bytes."""

    pattern: Term[bytes] | None = option(
        "--string", _Pattern(), also={"--hex-string": _HexPattern()}, negatable=True, required=True
    )
    algorithm: str | None = option("--algo", Choice(("bm", "kmp", "fsm")), required=True)
    start: int = option("--from", Number(0, 65535), default=0, omit=0)
    stop: int = option("--to", Number(0, 65535), default=65535, omit=65535)
    ignore_case: bool = option("--icase", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Refuse an end before the start."""
        if values.get("start", 0) > values.get("stop", 65535):
            raise OptionError("--from is larger than --to")
        return values

    def words(self) -> list[str]:
        """A pattern that does not print, or ends in a backslash, is shown in hexadecimal."""
        words = super().words()
        assert self.pattern is not None
        raw = self.pattern.value
        if any(not 0x20 <= byte < 0x7F for byte in raw) or raw.endswith(b"\\"):
            at = words.index("--string")
            words[at : at + 2] = ["--hex-string", *_HexPattern().words(raw)]
        return words

    def condition(self) -> Condition:
        assert self.pattern is not None
        text = f"-m string {' '.join(self.words())}"
        asked = Computed(NEEDS, self._found, text.replace("! ", ""))
        return ~asked if self.pattern.inverted else asked

    def _found(self, packet: Packet) -> bool:
        """Whether the first place of the pattern, from ``start`` on, ends before ``stop``."""
        assert self.pattern is not None
        data, pattern = encode(packet), self.pattern.value
        if self.ignore_case:
            data, pattern = data.lower(), pattern.lower()
        place = data.find(pattern, self.start)
        return place >= 0 and place + len(pattern) <= self.stop
