"""What connection tracking makes of one TCP segment: valid or not, and the connection's next state.

The state of a connection is a frozen :class:`TcpState`; :func:`first_segment` makes it and
:func:`next_segment` carries it on. Sequence numbers are 32-bit and compared as such.

Facts: net/netfilter/nf_conntrack_proto_tcp.c of Linux 6.18.
"""

from __future__ import annotations

from natc.values import evolve, frozen

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
_INVALID, _IGNORED = "invalid", "ignored"
_NEXT = tuple(
    {
        (kind, state): {"iv": _INVALID, "ig": _IGNORED}.get(word) or _SHORT[word]
        for kind, row in table.items()
        for state, word in zip(_STATES, row.split(), strict=True)
    }
    for table in _NEXT_TEXT
)

#: The combinations of flags that are no nonsense; PSH, ECE and CWR may come with any.
_SENSIBLE = frozenset(
    frozenset(words.split())
    for words in (
        "SYN", "SYN URG", "SYN ACK", "RST", "RST ACK", "FIN ACK", "FIN ACK URG", "ACK", "ACK URG",
    )
)  # fmt: skip

#: How far behind an acknowledgement may be (MAXACKWINCONST), in bytes.
ACK_WINDOW = 66000

#: States in which a RST needs no check of its window.
_CLOSING = frozenset({"FIN_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "CLOSE_WAIT"})
#: States that count as an established connection; all others are opening, closing or none.
_BEFORE_TIME_WAIT = frozenset(_STATES[:7])


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
    last_seq: int = 0
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


def _before(a: int, b: int) -> bool:
    """Whether sequence number ``a`` is before ``b``; half the circle apart each is before the other."""
    return (a - b) & 0xFFFFFFFF >= 0x80000000


def _after(a: int, b: int) -> bool:
    return _before(b, a)


def first_segment(segment: Segment, *, loose: bool = True) -> TcpState | None:
    """Return the state of a new connection before its first segment is looked at; None: invalid.

    ``loose``: a connection may be picked up in its middle (nf_conntrack_tcp_loose).
    """
    begins = _NEXT[0][segment.kind, "NONE"]
    window = max(segment.window, 1)
    if begins == _INVALID:
        return None
    if begins == "SYN_SENT":
        side = TcpSide(segment.end, segment.end, window)
        return TcpState(sides=(_with_options(side, segment), TcpSide()))
    if not loose:
        return None
    side = TcpSide(segment.end, segment.end + window & 0xFFFFFFFF, window, sack=True, liberal=True)
    return TcpState(sides=(side, TcpSide(sack=True, liberal=True)))


def _with_options(side: TcpSide, segment: Segment) -> TcpSide:
    """Note the window scale and SACK options of a SYN. Without any option nothing is forgotten."""
    if segment.window_scale is None and not segment.sack_permitted:
        return side
    scale = segment.window_scale
    return evolve(side, scale=min(scale or 0, 14), scales=scale is not None, sack=segment.sack_permitted)


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
    known = _Known(seen_reply, assured, liberal)
    new = _NEXT[direction][segment.kind, state.state] if segment.sensible else _INVALID
    if new == "SYN_SENT" and state.state not in _BEFORE_TIME_WAIT:
        if _reopens(state, direction):
            return TcpStep("again", state)
        new = _IGNORED
    if new == _INVALID:
        return TcpStep(_INVALID, state)
    if new == _IGNORED:
        return _let_through(state, segment, direction, known)
    return _moved(state, segment, direction, new, known)


def _moved(state: TcpState, segment: Segment, direction: int, new: str, known: _Known) -> TcpStep:
    """Go to the state ``new``, if nothing else speaks against it."""
    if new == "TIME_WAIT" and _is_challenge_ack(state, segment, direction):
        return TcpStep("valid", evolve(state, challenge_ack=False))
    if new == "CLOSE" and segment.kind == "rst":
        return _reset(state, segment, direction, known)
    if new == "SYN_SENT2":
        state = evolve(state, simultaneous_open=True)
    if new == "SYN_RECV" and direction == 1 and segment.kind == "ack" and state.simultaneous_open:
        new = "ESTABLISHED"
    return _in_window(state, segment, direction, new, known)


@frozen
class _Known:
    """What the rest of the kernel knows of the connection."""

    seen_reply: bool
    assured: bool
    liberal: bool


def _reopens(state: TcpState, direction: int) -> bool:
    """Whether a SYN may open anew a connection that was closed or aborted."""
    aborted = state.last_direction == direction and state.last_kind == "rst"
    return aborted or any(side.close_init for side in state.sides)


def _let_through(state: TcpState, segment: Segment, direction: int, known: _Known) -> TcpStep:
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
        last_seq=segment.seq,
        last_end=segment.end,
        last_window=segment.window,
    )
    if segment.kind == "syn" and direction == 0:
        options = _with_options(TcpSide(), segment)
        noted = evolve(noted, last_options=options, challenge_ack=old == "LAST_ACK")
    if old == "SYN_SENT" and segment.kind == "ack" and direction == 1:
        noted = evolve(noted, last_ack=segment.ack)
    return TcpStep("valid", noted)


def _back_in_step(state: TcpState, segment: Segment, direction: int, known: _Known) -> TcpStep:
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
    return _in_window(state, segment, direction, "SYN_RECV", known)


def _is_challenge_ack(state: TcpState, segment: Segment, direction: int) -> bool:
    """An ACK provoked by a stray SYN must not pass for the ACK of the last FIN (RFC 5961)."""
    return (
        state.state == "LAST_ACK"
        and segment.kind == "ack"
        and state.last_direction != direction
        and state.last_kind == "syn"
        and state.challenge_ack
    )


def _reset(state: TcpState, segment: Segment, direction: int, known: _Known) -> TcpStep:
    """A RST, which must fit closely what the other end acknowledged."""
    new = "CLOSE"
    if state.state in _CLOSING:
        return _accepted(state, segment, direction, new)
    expected = state.sides[1 - direction].max_ack
    if expected is not None and state.last_kind != "syn":
        established = state.state == "ESTABLISHED" and known.assured
        if segment.seq == 0 and not established:
            return _in_window(state, segment, direction, new, known)
        if _before(segment.seq, expected):
            return TcpStep(_INVALID, state)
        if not established or segment.seq == expected or _continues(state, segment, direction):
            return _in_window(state, segment, direction, new, known)
        new = state.state
    if _answers_let_through(state, segment, direction, known):
        return _accepted(state, segment, direction, new)
    return _in_window(state, segment, direction, new, known)


def _continues(state: TcpState, segment: Segment, direction: int) -> bool:
    """The RST follows directly on the last segment of the same end."""
    return state.last_kind == "ack" and state.last_direction == direction and segment.seq == state.last_end


def _answers_let_through(state: TcpState, segment: Segment, direction: int, known: _Known) -> bool:
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


def _accepted(state: TcpState, segment: Segment, direction: int, new: str) -> TcpStep:
    """Take the segment as valid and go to the new state."""
    if new == "FIN_WAIT" != state.state:
        side = evolve(state.sides[direction], close_init=True)
        state = state.with_side(direction, side)
    state = evolve(state, state=new, last_kind=segment.kind, last_direction=direction)
    return TcpStep("valid", state, changes=True)


# ---- windows


def _in_window(state: TcpState, segment: Segment, direction: int, new: str, known: _Known) -> TcpStep:
    """Check sequence and acknowledgement against both windows, then take them over."""
    state, done = _introduce(state, segment, direction)
    if done:
        return _accepted(state, segment, direction, new)
    sender, receiver = state.sides[direction], state.sides[1 - direction]
    ranges = _ranges(state, segment, sender, receiver)
    problem = _window_problem(ranges, sender, receiver)
    if problem == "overshot":
        state = state.with_side(direction, evolve(sender, end=ranges.end))
        problem = _IGNORED
    if problem:
        if sender.liberal or known.liberal:
            return _accepted(state, segment, direction, new)
        if problem == _IGNORED:
            return TcpStep("valid", state)
        return TcpStep(_INVALID, _after_invalid(state, segment, direction) if known.assured else state)
    return _accepted(_taken_over(state, segment, direction, ranges), segment, direction, new)


def _introduce(state: TcpState, segment: Segment, direction: int) -> tuple[TcpState, bool]:
    """Begin, or begin anew, with what the sender tells of itself; True: there is nothing to check."""
    sender, receiver = state.sides[direction], state.sides[1 - direction]
    opening = state.state in ("SYN_SENT", "SYN_RECV") and _after(segment.end, sender.end)
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
    sender, receiver = _with_options(sender, segment), state.sides[1 - direction]
    if direction == 1 and not (sender.scales and receiver.scales):
        sender, receiver = evolve(sender, scale=0), evolve(receiver, scale=0)
    return state.with_side(direction, sender).with_side(1 - direction, receiver)


def _sack(segment: Segment, receiver: TcpSide) -> int:
    if receiver.sack and segment.sack is not None and _after(segment.sack, segment.ack):
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
    recent = _after(ranges.sack, receiver.end - max(sender.max_window, ACK_WINDOW) - 1)
    acked = _before(ranges.sack, receiver.end + 1)
    if not _before(ranges.seq, sender.max_end + 1):
        overshot = ranges.end - sender.max_end + 1 & 0xFFFFFFFF
        close = bool(receiver.max_window) and _after(ranges.end, lowest)
        slight = close and recent and acked and overshot <= receiver.max_window
        return "overshot" if slight else _INVALID
    if not acked:
        return _INVALID
    if receiver.max_window and not _after(ranges.end, lowest):
        return _IGNORED
    return None if recent else _IGNORED


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
        end=ranges.end if _after(ranges.end, sender.end) else sender.end,
        max_ack=_highest_ack(sender, segment, ranges.ack),
    )
    if receiver.max_window and _after(ranges.end, max_end):
        receiver = evolve(receiver, max_window=receiver.max_window + (ranges.end - max_end & 0xFFFFFFFF))
    allowed = ranges.sack + window & 0xFFFFFFFF
    if _after(allowed, receiver.max_end - 1):
        receiver = evolve(receiver, max_end=allowed + (window == 0) & 0xFFFFFFFF)
    state = state.with_side(direction, sender).with_side(1 - direction, receiver)
    if segment.kind != "ack":
        return state
    return evolve(
        state,
        last_direction=direction,
        last_seq=ranges.seq,
        last_ack=ranges.ack,
        last_end=ranges.end,
        last_window=segment.window,
    )


def _highest_ack(sender: TcpSide, segment: Segment, ack: int) -> int | None:
    if "ACK" not in segment.flags:
        return sender.max_ack
    return ack if sender.max_ack is None or _after(ack, sender.max_ack) else sender.max_ack
