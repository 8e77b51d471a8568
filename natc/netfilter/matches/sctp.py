"""``-m sctp``: ports and chunks of SCTP (net/netfilter/xt_sctp.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from natc.netfilter.condition import All, Computed, Condition, Drops, both, port_condition
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.ports import PortRange, Ports
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
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

    def among(self, chunks: Iterable[tuple[int, int] | None]) -> bool | None:
        """Tell whether chunks, each its type and flags, are as asked; None where one had to be read."""
        left = set(range(256)) if self.types is None else {CHUNKS[name] for name, _ in self.types}
        for chunk in chunks:
            if chunk is None:
                return None
            fits = self._names(*chunk)
            if self.how != "all" and fits is (self.how == "any"):
                return fits
            if fits:
                left.discard(chunk[0])
        return self.how == "only" or (self.how == "all" and not left)

    def _names(self, kind: int, flags: int) -> bool:
        """Whether a chunk is of one of the types, with the flags that are asked of it."""
        if self.types is None:
            return True
        for name, letters in self.types:
            if CHUNKS[name] == kind:
                places = FLAGS.get(name, "")[::-1]
                asked = {letter: 1 << places.index(letter.upper()) for letter in letters}
                return all(bool(flags & bit) is letter.isupper() for letter, bit in asked.items())
        return False


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
    header_size: ClassVar[int] = 12

    sport: Term[PortRange] | None = option("--sport", Ports(), also=("--source-port",), negatable=True)
    dport: Term[PortRange] | None = option("--dport", Ports(), also=("--destination-port",), negatable=True)
    chunks: Term[ChunkTypes] | None = option("--chunk-types", _Chunks(), negatable=True)

    def condition(self) -> Condition:
        ports = both(port_condition("sport", self.sport), port_condition("dport", self.dport))
        if self.chunks is None:
            return ports
        needs = ("payload", "chunk")
        return All((ports, Computed(needs, self._holds, f"-m sctp {' '.join(self.words())} holds")))

    def _holds(self, packet: Packet) -> bool | Drops:
        """Look at one chunk after the other; the kernel drops a packet with one that is cut short."""
        assert self.chunks is not None
        if packet.is_later_fragment:
            return False
        found = self.chunks.value.among(_chunks_of(packet))
        return Drops(self.chunks.inverted) if found is None else self.chunks.holds(found)


def _chunks_of(packet: Packet) -> Iterator[tuple[int, int] | None]:
    """Yield type and flags of each chunk, None for one that is cut short.

    A packet without bytes has the one chunk that is named beside it, without flags.
    """
    data = packet.payload
    assert isinstance(data, bytes)
    if not data and isinstance(packet.chunk, int):
        yield packet.chunk, 0
        return
    place = 0
    while place < len(data) or not place:
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if len(data) < place + 4 or not size:
            yield None
            return
        yield data[place], data[place + 1]
        place += -(-size // 4) * 4
