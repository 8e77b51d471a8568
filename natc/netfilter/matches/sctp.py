"""``-m sctp``: ports and chunks of SCTP (net/netfilter/xt_sctp.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.condition import All, Condition, Unknown, both, port_condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.ports import PortRange, Ports
from natc.netfilter.matches import register_match
from natc.values import frozen

#: The chunk types that iptables knows by name (RFC 9260, 4895, 5061, 6525, 8260).
CHUNKS = {
    "DATA": 0, "INIT": 1, "INIT_ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5, "ABORT": 6,
    "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "ECN_ECNE": 12,
    "ECN_CWR": 13, "SHUTDOWN_COMPLETE": 14, "I_DATA": 64, "ASCONF_ACK": 128, "RE_CONFIG": 130, "PAD": 132,
    "FORWARD_TSN": 192, "ASCONF": 193, "I_FORWARD_TSN": 194,
}  # fmt: skip
#: The flags of a chunk, from the highest bit; an upper-case letter asks for it, a lower-case one against.
FLAGS = {"DATA": "IUBE", "I_DATA": "IUBE", "ABORT": "T", "SHUTDOWN_COMPLETE": "T"}


@frozen
class ChunkTypes:
    """How many of the packet's chunks have to be among ``types``: ``any``, ``all``, or ``only`` those.

    A type may carry letters for flags; None stands for all types.
    """

    how: str
    types: tuple[tuple[str, str], ...] | None

    def __str__(self) -> str:
        if self.types is None:
            return "ALL"
        return ",".join(f"{name}:{flags}" if flags else name for name, flags in self.types) or "NONE"


class _Chunks(Kind[ChunkTypes]):
    """``any|all|only TYPES``, types being a list, ALL or NONE."""

    def parse(self, words: Sequence[str]) -> ChunkTypes:
        how, types = words[0].lower(), words[1].upper()
        if how not in ("any", "all", "only"):
            raise ValueError(f"{words[0]!r} is none of any, all, only")
        if types in ("ALL", "NONE"):
            return ChunkTypes(how, None if types == "ALL" else ())
        chosen: dict[str, str] = {}
        for name, letters in (self._type(part) for part in words[1].split(",") if part):
            given = chosen.get(name, "") + letters
            asked = (flag if flag in given else flag.lower() for flag in FLAGS.get(name, ""))
            chosen[name] = "".join(flag for flag in asked if flag in given)
        return ChunkTypes(how, tuple(sorted(chosen.items(), key=lambda chunk: CHUNKS[chunk[0]])))

    @staticmethod
    def _type(text: str) -> tuple[str, str]:
        name, _, letters = text.partition(":")
        allowed = FLAGS.get(name.upper(), "")
        if name.upper() not in CHUNKS:
            raise ValueError(f"{name!r} is none of {', '.join(CHUNKS)}")
        for letter in letters:
            if letter.upper() not in allowed:
                raise ValueError(f"{name} has no flag {letter!r}")
        return name.upper(), letters

    def words(self, value: ChunkTypes) -> tuple[str, ...]:
        return (value.how, str(value))


@register_match("sctp")
@frozen
class Sctp(Match):
    """Source and destination port ranges, and the types of the packet's chunks."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({132})

    sport: Term[PortRange] | None = option("--sport", Ports(), also=("--source-port",), negatable=True)
    dport: Term[PortRange] | None = option("--dport", Ports(), also=("--destination-port",), negatable=True)
    chunks: Term[ChunkTypes] | None = option("--chunk-types", _Chunks(), negatable=True)

    def condition(self) -> Condition:
        ports = both(port_condition("sport", self.sport), port_condition("dport", self.dport))
        return ports if self.chunks is None else All((ports, Unknown(f"-m sctp {' '.join(self.words())}")))
