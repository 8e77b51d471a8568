"""The code points of differentiated services."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import Number

#: The differentiated services classes (RFC 2474, 2597, 3246).
DSCP_CLASSES = (
    {f"CS{i}": 8 * i for i in range(8)}
    | {f"AF{i}{j}": 8 * i + 2 * j for i in range(1, 5) for j in range(1, 4)}
    | {"BE": 0, "EF": 0x2E}
)


class DscpClass(Kind[int]):
    """A code point by its class: BE, EF, CSn or AFnn."""

    def parse(self, words: Sequence[str]) -> int:
        try:
            return DSCP_CLASSES[words[0].upper()]
        except KeyError:
            raise ValueError(f"{words[0]!r} is none of {', '.join(DSCP_CLASSES)}") from None


#: A code point of six bits, printed with two hexadecimal digits.
DSCP = Number(0, 0x3F, "{:#04x}")
