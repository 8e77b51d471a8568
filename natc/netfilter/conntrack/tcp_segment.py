"""A TCP segment, and what connection tracking knows of a connection's two sides.

Sequence numbers are 32-bit and compared as such.

Facts: net/netfilter/nf_conntrack_proto_tcp.c of Linux 6.18.
"""

from __future__ import annotations

from natc.values import evolve, frozen

#: What becomes of a segment that changes nothing: it is refused, or let through.
INVALID, IGNORED = "invalid", "ignored"
#: The combinations of flags that are no nonsense; PSH, ECE and CWR may come with any.
_SENSIBLE = frozenset(
    frozenset(words.split())
    for words in (
        "SYN", "SYN URG", "SYN ACK", "RST", "RST ACK", "FIN ACK", "FIN ACK URG", "ACK", "ACK URG",
    )
)  # fmt: skip


@frozen
class Segment:
    """One TCP segment."""

    flags: frozenset[str]
    """FIN SYN RST PSH ACK URG ECE CWR"""
    seq: int = 0
    ack: int = 0
    window: int = 8192
    length: int = 0
    """Bytes of data."""
    window_scale: int | None = None
    """The option's value, None without it."""
    sack_permitted: bool = False
    sack: int | None = None
    """The highest right edge of the SACK blocks, None without one."""

    @property
    def kind(self) -> str:
        """Which row of the table it is."""
        if "RST" in self.flags:
            return "rst"
        if "SYN" in self.flags:
            return "synack" if "ACK" in self.flags else "syn"
        if "FIN" in self.flags:
            return "fin"
        return "ack" if "ACK" in self.flags else "none"

    @property
    def end(self) -> int:
        """The sequence number after the segment."""
        return (self.seq + self.length + ("SYN" in self.flags) + ("FIN" in self.flags)) & 0xFFFFFFFF

    @property
    def sensible(self) -> bool:
        """Whether its flags make sense together."""
        return self.flags - {"PSH", "ECE", "CWR"} in _SENSIBLE


@frozen
class TcpSide:
    """What is known of one end of the connection from what it sent."""

    end: int = 0
    """The highest sequence number it sent, plus one."""
    max_end: int = 0
    """Up to where the other end lets it send."""
    max_window: int = 0
    """The largest window it offered; 0: nothing was seen from it."""
    max_ack: int | None = None
    scale: int = 0
    scales: bool = False
    sack: bool = False
    liberal: bool = False
    """Its window is not checked: the connection was picked up in its middle."""
    close_init: bool = False
    """It sent the first FIN."""


@frozen
class TcpState:
    """The TCP part of a tracked connection."""

    state: str = "NONE"
    sides: tuple[TcpSide, TcpSide] = (TcpSide(), TcpSide())
    last_kind: str = "none"
    last_direction: int = 0
    last_ack: int = 0
    last_end: int = 0
    last_window: int = 0
    last_options: TcpSide = TcpSide()
    """The options of a SYN that was let through without being believed."""
    challenge_ack: bool = False
    simultaneous_open: bool = False

    def with_side(self, direction: int, side: TcpSide) -> TcpState:
        """Return the state with one side replaced."""
        sides = (side, self.sides[1]) if direction == 0 else (self.sides[0], side)
        return evolve(self, sides=sides)


@frozen
class TcpStep:
    """What became of a segment."""

    verdict: str
    """``valid``, ``invalid``, or ``again``: the entry is deleted and the segment looked up anew."""
    state: TcpState
    changes: bool = False
    """The segment was in window and its state counts (SEEN_REPLY, ASSURED, RST may follow)."""


def before(a: int, b: int) -> bool:
    """Whether sequence number ``a`` is before ``b``; half the circle apart each is before the other."""
    return (a - b) & 0xFFFFFFFF >= 0x80000000


def after(a: int, b: int) -> bool:
    """Whether sequence number ``a`` is after ``b``."""
    return before(b, a)


def with_options(side: TcpSide, segment: Segment) -> TcpSide:
    """Note the window scale and SACK options of a SYN. Without any option nothing is forgotten."""
    if segment.window_scale is None and not segment.sack_permitted:
        return side
    scale = segment.window_scale
    return evolve(side, scale=min(scale or 0, 14), scales=scale is not None, sack=segment.sack_permitted)


@frozen
class Known:
    """What the rest of the kernel knows of the connection."""

    seen_reply: bool
    assured: bool
    liberal: bool
