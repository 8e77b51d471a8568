"""Which segments lie within a connection's windows.

Facts: net/netfilter/nf_conntrack_proto_tcp.c (tcp_in_window) of Linux 6.18.
"""

from __future__ import annotations

from natc.netfilter.conntrack.tcp_segment import (
    IGNORED,
    INVALID,
    Known,
    Segment,
    TcpSide,
    TcpState,
    TcpStep,
    after,
    before,
    with_options,
)
from natc.values import evolve, frozen

#: How far behind an acknowledgement may be (MAXACKWINCONST), in bytes.
ACK_WINDOW = 66000


def accepted(state: TcpState, segment: Segment, direction: int, new: str) -> TcpStep:
    """Take the segment as valid and go to the new state."""
    if new == "FIN_WAIT" != state.state:
        side = evolve(state.sides[direction], close_init=True)
        state = state.with_side(direction, side)
    state = evolve(state, state=new, last_kind=segment.kind, last_direction=direction)
    return TcpStep("valid", state, changes=True)


def in_window(state: TcpState, segment: Segment, direction: int, new: str, known: Known) -> TcpStep:
    """Check sequence and acknowledgement against both windows, then take them over."""
    state, done = _introduce(state, segment, direction)
    if done:
        return accepted(state, segment, direction, new)
    sender, receiver = state.sides[direction], state.sides[1 - direction]
    ranges = _ranges(state, segment, sender, receiver)
    problem = _window_problem(ranges, sender, receiver)
    if problem == "overshot":
        state = state.with_side(direction, evolve(sender, end=ranges.end))
        problem = IGNORED
    if problem:
        if sender.liberal or known.liberal:
            return accepted(state, segment, direction, new)
        if problem == IGNORED:
            return TcpStep("valid", state)
        return TcpStep(INVALID, _after_invalid(state, segment, direction) if known.assured else state)
    return accepted(_taken_over(state, segment, direction, ranges), segment, direction, new)


def _introduce(state: TcpState, segment: Segment, direction: int) -> tuple[TcpState, bool]:
    """Begin, or begin anew, with what the sender tells of itself; True: there is nothing to check."""
    sender, receiver = state.sides[direction], state.sides[1 - direction]
    opening = state.state in ("SYN_SENT", "SYN_RECV") and after(segment.end, sender.end)
    if "SYN" in segment.flags and (sender.max_window == 0 or opening):
        first = sender.max_window == 0
        state = _opened(state, segment, direction)
        return state, "ACK" not in segment.flags and (first or direction == 1)
    if sender.max_window:
        return state, False
    window = max(segment.window << sender.scale, 1)
    sender = evolve(sender, end=segment.end, max_window=window, max_end=segment.end + window & 0xFFFFFFFF)
    sack = _sack(segment, receiver)
    if receiver.max_window == 0:
        receiver = evolve(receiver, end=sack, max_end=sack)
    elif sack == receiver.end + 1 & 0xFFFFFFFF:
        receiver = evolve(receiver, end=sack)
    return state.with_side(direction, sender).with_side(1 - direction, receiver), False


def _opened(state: TcpState, segment: Segment, direction: int) -> TcpState:
    window = max(segment.window, 1)
    sender = evolve(state.sides[direction], end=segment.end, max_end=segment.end, max_window=window)
    sender, receiver = with_options(sender, segment), state.sides[1 - direction]
    if direction == 1 and not (sender.scales and receiver.scales):
        sender, receiver = evolve(sender, scale=0), evolve(receiver, scale=0)
    return state.with_side(direction, sender).with_side(1 - direction, receiver)


def _sack(segment: Segment, receiver: TcpSide) -> int:
    if receiver.sack and segment.sack is not None and after(segment.sack, segment.ack):
        return segment.sack
    return segment.ack


@frozen
class _Ranges:
    """The numbers of a segment as they are compared."""

    seq: int
    end: int
    ack: int
    sack: int


def _ranges(state: TcpState, segment: Segment, sender: TcpSide, receiver: TcpSide) -> _Ranges:
    seq, end, ack, sack = segment.seq, segment.end, segment.ack, _sack(segment, receiver)
    if "ACK" not in segment.flags or ("RST" in segment.flags and ack == 0):
        ack = sack = receiver.end
    if "RST" in segment.flags and seq == 0 and state.state == "SYN_SENT":
        seq = end = sender.end
    return _Ranges(seq, end, ack, sack)


def _window_problem(ranges: _Ranges, sender: TcpSide, receiver: TcpSide) -> str | None:
    lowest = sender.end - receiver.max_window - 1
    recent = after(ranges.sack, receiver.end - max(sender.max_window, ACK_WINDOW) - 1)
    acked = before(ranges.sack, receiver.end + 1)
    if not before(ranges.seq, sender.max_end + 1):
        overshot = ranges.end - sender.max_end + 1 & 0xFFFFFFFF
        close = bool(receiver.max_window) and after(ranges.end, lowest)
        slight = close and recent and acked and overshot <= receiver.max_window
        return "overshot" if slight else INVALID
    if not acked:
        return INVALID
    if receiver.max_window and not after(ranges.end, lowest):
        return IGNORED
    return None if recent else IGNORED


def _after_invalid(state: TcpState, segment: Segment, direction: int) -> TcpState:
    """Note an out-of-window FIN or RST of an assured connection, to understand its echo."""
    echoed = state.last_direction != direction and state.last_kind in ("fin", "rst")
    if segment.kind in ("fin", "rst") and not echoed:
        return evolve(state, last_kind=segment.kind, last_direction=direction)
    return state


def _taken_over(state: TcpState, segment: Segment, direction: int, ranges: _Ranges) -> TcpState:
    sender, receiver = state.sides[direction], state.sides[1 - direction]
    window = segment.window if "SYN" in segment.flags else segment.window << sender.scale
    offered = window + (ranges.sack - ranges.ack & 0xFFFFFFFF)
    max_end = sender.max_end
    sender = evolve(
        sender,
        max_window=max(sender.max_window, offered),
        end=ranges.end if after(ranges.end, sender.end) else sender.end,
        max_ack=_highest_ack(sender, segment, ranges.ack),
    )
    if receiver.max_window and after(ranges.end, max_end):
        receiver = evolve(receiver, max_window=receiver.max_window + (ranges.end - max_end & 0xFFFFFFFF))
    allowed = ranges.sack + window & 0xFFFFFFFF
    if after(allowed, receiver.max_end - 1):
        receiver = evolve(receiver, max_end=allowed + (window == 0) & 0xFFFFFFFF)
    state = state.with_side(direction, sender).with_side(1 - direction, receiver)
    if segment.kind != "ack":
        return state
    return evolve(
        state,
        last_direction=direction,
        last_ack=ranges.ack,
        last_end=ranges.end,
        last_window=segment.window,
    )


def _highest_ack(sender: TcpSide, segment: Segment, ack: int) -> int | None:
    if "ACK" not in segment.flags:
        return sender.max_ack
    return ack if sender.max_ack is None or after(ack, sender.max_ack) else sender.max_ack
