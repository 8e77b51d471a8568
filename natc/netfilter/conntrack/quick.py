"""What connection tracking makes of an ordinary segment of an established connection, in few steps.

:mod:`natc.netfilter.conntrack.tcp` says what every segment does, in values; a capture of a million
packets consists of acknowledgements and data that fit both windows. Those are taken here, in place.
Whatever is not plainly so is refused and left to the careful way; a property test compares the two.

Facts: as in :mod:`natc.netfilter.conntrack.tcp`.
"""

from __future__ import annotations

from natc.netfilter.conntrack.tcp_segment import TcpSide, TcpState
from natc.netfilter.conntrack.tcp_window import ACK_WINDOW
from natc.values import define, evolve

_MASK, _HALF = 0xFFFFFFFF, 0x80000000


@define(eq=False)
class _Side:
    """The numbers of a :class:`TcpSide` that ordinary segments change, and its scale."""

    end: int
    max_end: int
    max_window: int
    max_ack: int | None
    scale: int


@define(eq=False)
class Stream:
    """The windows of an established connection, carried on in place."""

    sides: tuple[_Side, _Side]
    last: tuple[int, int, int, int] | None = None
    """Direction, acknowledgement, end and window of the last segment taken."""

    @classmethod
    def of(cls, state: TcpState) -> Stream | None:
        """Return the stream of a connection's state; None when segments need the careful way."""
        if state.state != "ESTABLISHED" or not all(side.max_window for side in state.sides):
            return None
        one, other = state.sides
        return cls((_side(one), _side(other)))

    def take(self, direction: int, seq: int, end: int, ack: int, window: int) -> bool:
        """Carry the stream on by a segment with ACK and neither SYN, FIN, RST nor URG, and without SACK.

        ``window`` is as in the header. False, and nothing changed: the segment needs the careful way.
        """
        sender, receiver = self.sides[direction], self.sides[1 - direction]
        sender_end, receiver_end, max_end = sender.end, receiver.end, sender.max_end
        if (
            (seq - max_end - 1) & _MASK < _HALF
            or (ack - receiver_end - 1) & _MASK < _HALF
            or (sender_end - receiver.max_window - 1 - end) & _MASK < _HALF
            or (receiver_end - max(sender.max_window, ACK_WINDOW) - 1 - ack) & _MASK < _HALF
        ):
            return False
        scaled = window << sender.scale
        sender.max_window = max(sender.max_window, scaled)
        if (sender_end - end) & _MASK >= _HALF:
            sender.end = end
        if sender.max_ack is None or (sender.max_ack - ack) & _MASK >= _HALF:
            sender.max_ack = ack
        if (max_end - end) & _MASK >= _HALF:
            receiver.max_window += (end - max_end) & _MASK
        allowed = (ack + scaled) & _MASK
        if (receiver.max_end - 1 - allowed) & _MASK >= _HALF:
            receiver.max_end = (allowed + (scaled == 0)) & _MASK
        self.last = (direction, ack, end, window)
        return True

    def state(self, before: TcpState) -> TcpState:
        """Return the connection's state; ``before`` is the one that the stream was made of."""
        if self.last is None:
            return before
        direction, ack, end, window = self.last
        one, other = (
            evolve(side, end=now.end, max_end=now.max_end, max_window=now.max_window, max_ack=now.max_ack)
            for side, now in zip(before.sides, self.sides, strict=True)
        )
        return evolve(
            before, sides=(one, other), last_kind="ack", last_direction=direction,
            last_ack=ack, last_end=end, last_window=window,
        )  # fmt: skip


def _side(side: TcpSide) -> _Side:
    return _Side(side.end, side.max_end, side.max_window, side.max_ack, side.scale)
