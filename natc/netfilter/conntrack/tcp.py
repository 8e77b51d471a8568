"""What connection tracking makes of one TCP segment: valid or not, and the connection's next state.

The state of a connection is a frozen :class:`~natc.netfilter.conntrack.tcp_segment.TcpState`;
:func:`first_segment` makes it and :func:`next_segment` carries it on.

Facts: net/netfilter/nf_conntrack_proto_tcp.c of Linux 6.18.
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
    before,
    with_options,
)
from natc.netfilter.conntrack.tcp_window import accepted, in_window
from natc.values import evolve

_STATES = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
)  # fmt: skip
_SHORT = dict(zip(("no", "ss", "sr", "es", "fw", "cw", "la", "tw", "cl", "s2"), _STATES, strict=True))

#: The next state by direction (original, reply), kind of segment and state, in the order of _STATES.
#: ``iv``: the segment is invalid; ``ig``: it is let through and changes nothing.
_NEXT_TEXT = (
    {
        "syn": "ss ss ig ig ig ig ig ss ss s2",
        "synack": "iv iv sr iv iv iv iv iv iv sr",
        "fin": "iv iv fw fw la la la tw cl iv",
        "ack": "es iv es es cw cw tw tw cl iv",
        "rst": "iv cl cl cl cl cl cl cl cl cl",
        "none": "iv iv iv iv iv iv iv iv iv iv",
    },
    {
        "syn": "iv s2 iv iv iv iv iv ss iv s2",
        "synack": "iv sr ig ig ig ig ig ig ig sr",
        "fin": "iv iv fw fw la la la tw cl iv",
        "ack": "iv ig sr es cw cw tw tw cl ig",
        "rst": "iv cl cl cl cl cl cl cl cl cl",
        "none": "iv iv iv iv iv iv iv iv iv iv",
    },
)
_NEXT = tuple(
    {
        (kind, state): {"iv": INVALID, "ig": IGNORED}.get(word) or _SHORT[word]
        for kind, row in table.items()
        for state, word in zip(_STATES, row.split(), strict=True)
    }
    for table in _NEXT_TEXT
)

#: States in which a RST needs no check of its window.
_CLOSING = frozenset({"FIN_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "CLOSE_WAIT"})

#: States that count as an established connection; all others are opening, closing or none.
_BEFORE_TIME_WAIT = frozenset(_STATES[:7])


def first_segment(segment: Segment, *, loose: bool = True) -> TcpState | None:
    """Return the state of a new connection before its first segment is looked at; None: invalid.

    ``loose``: a connection may be picked up in its middle (nf_conntrack_tcp_loose).
    """
    begins = _NEXT[0][segment.kind, "NONE"]
    window = max(segment.window, 1)
    if begins == INVALID:
        return None
    if begins == "SYN_SENT":
        side = TcpSide(segment.end, segment.end, window)
        return TcpState(sides=(with_options(side, segment), TcpSide()))
    if not loose:
        return None
    side = TcpSide(segment.end, segment.end + window & 0xFFFFFFFF, window, sack=True, liberal=True)
    return TcpState(sides=(side, TcpSide(sack=True, liberal=True)))


def next_segment(
    state: TcpState,
    segment: Segment,
    direction: int,
    *,
    seen_reply: bool = False,
    assured: bool = False,
    liberal: bool = False,
) -> TcpStep:
    """Carry the connection on by one segment. ``direction`` is 0 for original, 1 for reply.

    ``liberal``: windows are checked for RST only (nf_conntrack_tcp_be_liberal).
    """
    known = Known(seen_reply, assured, liberal)
    new = _NEXT[direction][segment.kind, state.state] if segment.sensible else INVALID
    if new == "SYN_SENT" and state.state not in _BEFORE_TIME_WAIT:
        if _reopens(state, direction):
            return TcpStep("again", state)
        new = IGNORED
    if new == INVALID:
        return TcpStep(INVALID, state)
    if new == IGNORED:
        return _let_through(state, segment, direction, known)
    return _moved(state, segment, direction, new, known)


def _moved(state: TcpState, segment: Segment, direction: int, new: str, known: Known) -> TcpStep:
    """Go to the state ``new``, if nothing else speaks against it."""
    if new == "TIME_WAIT" and _is_challenge_ack(state, segment, direction):
        return TcpStep("valid", evolve(state, challenge_ack=False))
    if new == "CLOSE" and segment.kind == "rst":
        return _reset(state, segment, direction, known)
    if new == "SYN_SENT2":
        state = evolve(state, simultaneous_open=True)
    if new == "SYN_RECV" and direction == 1 and segment.kind == "ack" and state.simultaneous_open:
        new = "ESTABLISHED"
    return in_window(state, segment, direction, new, known)


def _reopens(state: TcpState, direction: int) -> bool:
    """Whether a SYN may open anew a connection that was closed or aborted."""
    aborted = state.last_direction == direction and state.last_kind == "rst"
    return aborted or any(side.close_init for side in state.sides)


def _let_through(state: TcpState, segment: Segment, direction: int, known: Known) -> TcpStep:
    """A segment that may be stray, or may show that this end is out of step with the two others."""
    if (
        segment.kind == "synack"
        and state.last_kind == "syn"
        and state.last_direction != direction
        and segment.ack == state.last_end
    ):
        return _back_in_step(state, segment, direction, known)
    old = state.state
    noted = evolve(
        state,
        last_kind=segment.kind,
        last_direction=direction,
        last_end=segment.end,
        last_window=segment.window,
    )
    if segment.kind == "syn" and direction == 0:
        options = with_options(TcpSide(), segment)
        noted = evolve(noted, last_options=options, challenge_ack=old == "LAST_ACK")
    if old == "SYN_SENT" and segment.kind == "ack" and direction == 1:
        noted = evolve(noted, last_ack=segment.ack)
    return TcpStep("valid", noted)


def _back_in_step(state: TcpState, segment: Segment, direction: int, known: Known) -> TcpStep:
    """The SYN-ACK answers a SYN that was only let through: believe both."""
    options = state.last_options
    opener = TcpSide(
        state.last_end,
        state.last_end,
        max(state.last_window, 1),
        scale=options.scale,
        scales=options.scales,
        sack=options.sack,
    )
    fresh = TcpSide(liberal=state.sides[direction].liberal)
    state = state.with_side(state.last_direction, opener).with_side(direction, fresh)
    state = evolve(state, state="SYN_SENT", challenge_ack=False)
    return in_window(state, segment, direction, "SYN_RECV", known)


def _is_challenge_ack(state: TcpState, segment: Segment, direction: int) -> bool:
    """An ACK provoked by a stray SYN must not pass for the ACK of the last FIN (RFC 5961)."""
    return (
        state.state == "LAST_ACK"
        and segment.kind == "ack"
        and state.last_direction != direction
        and state.last_kind == "syn"
        and state.challenge_ack
    )


def _reset(state: TcpState, segment: Segment, direction: int, known: Known) -> TcpStep:
    """A RST, which must fit closely what the other end acknowledged."""
    new = "CLOSE"
    if state.state in _CLOSING:
        return accepted(state, segment, direction, new)
    expected = state.sides[1 - direction].max_ack
    if expected is not None and state.last_kind != "syn":
        established = state.state == "ESTABLISHED" and known.assured
        if segment.seq == 0 and not established:
            return in_window(state, segment, direction, new, known)
        if before(segment.seq, expected):
            return TcpStep(INVALID, state)
        if not established or segment.seq == expected or _continues(state, segment, direction):
            return in_window(state, segment, direction, new, known)
        new = state.state
    if _answers_let_through(state, segment, direction, known):
        return accepted(state, segment, direction, new)
    return in_window(state, segment, direction, new, known)


def _continues(state: TcpState, segment: Segment, direction: int) -> bool:
    """The RST follows directly on the last segment of the same end."""
    return state.last_kind == "ack" and state.last_direction == direction and segment.seq == state.last_end


def _answers_let_through(state: TcpState, segment: Segment, direction: int, known: Known) -> bool:
    """The RST answers a SYN or ACK that had been let through without belief."""
    after_syn = known.seen_reply and state.last_kind == "syn" and state.last_direction != direction
    after_ack = not known.assured and state.last_kind == "ack"
    if (after_syn or after_ack) and segment.ack == state.last_end:
        return True
    return (
        state.state == "SYN_SENT"
        and state.last_kind == "ack"
        and state.last_direction == 1
        and segment.seq == state.last_ack
    )
