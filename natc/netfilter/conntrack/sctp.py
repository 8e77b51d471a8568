"""What connection tracking makes of one SCTP packet.

Facts: net/netfilter/nf_conntrack_proto_sctp.c of Linux 6.18; chunk types: RFC 4960.
"""

from __future__ import annotations

from natc.values import evolve, frozen

INIT, INIT_ACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = 1, 2, 4, 5, 6, 7, 8, 9
COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 10, 11, 14

_STATES = (
    "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED",
    "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
)  # fmt: skip
_SHORT = dict(zip(("no", "cl", "cw", "ce", "es", "ss", "sr", "sa", "hs"), _STATES, strict=True)) | {
    "iv": "invalid"
}

#: The next state by direction (original, reply) and chunk, in the order of _STATES.
_NEXT_TEXT = (
    {
        INIT: "cl cl cw ce es cl cl sa cw",
        INIT_ACK: "cl cl cw ce es ss sr sa cl",
        ABORT: "cl cl cl cl cl cl cl cl cl",
        SHUTDOWN: "cl cl cw ce ss ss sr sa cl",
        SHUTDOWN_ACK: "sa cl cw ce es sa sa sa sa",
        ERROR: "cl cl cw ce es ss sr sa cl",
        COOKIE_ECHO: "cl cl ce ce es ss sr sa cl",
        COOKIE_ACK: "cl cl cw es es ss sr sa cl",
        SHUTDOWN_COMPLETE: "cl cl cw ce es ss sr cl cl",
        HEARTBEAT: "hs cl cw ce es ss sr sa hs",
        HEARTBEAT_ACK: "cl cl cw ce es ss sr sa hs",
    },
    {
        INIT: "iv cl cw ce es ss sr sa iv",
        INIT_ACK: "iv cw cw ce es ss sr sa iv",
        ABORT: "iv cl cl cl cl cl cl cl iv",
        SHUTDOWN: "iv cl cw ce sr ss sr sa iv",
        SHUTDOWN_ACK: "iv cl cw ce es sa sa sa iv",
        ERROR: "iv cl cw cl es ss sr sa iv",
        COOKIE_ECHO: "iv cl ce ce es ss sr sa iv",
        COOKIE_ACK: "iv cl cw es es ss sr sa iv",
        SHUTDOWN_COMPLETE: "iv cl cw ce es ss sr cl iv",
        HEARTBEAT: "iv cl cw ce es ss sr sa hs",
        HEARTBEAT_ACK: "iv cl cw ce es ss sr sa es",
    },
)
_NEXT = tuple(
    {
        (chunk, state): _SHORT[word]
        for chunk, row in table.items()
        for state, word in zip(_STATES, row.split(), strict=True)
    }
    for table in _NEXT_TEXT
)

#: Chunks of a packet that belongs to no association for which there is no entry to make (RFC 4960, 8.4).
_NEVER_FIRST = frozenset({ABORT, SHUTDOWN_COMPLETE, COOKIE_ACK})
#: Chunks whose verification tag has a rule of its own.
_OWN_TAG_RULE = frozenset(
    {INIT, SHUTDOWN_COMPLETE, COOKIE_ECHO, ABORT, SHUTDOWN_ACK, HEARTBEAT, HEARTBEAT_ACK}
)


@frozen
class SctpPacket:
    """One SCTP packet of a single chunk. DATA and others that change no state are any other number."""

    chunk: int = INIT
    tag: int = 0
    """The verification tag of the header."""
    initiate_tag: int = 0
    """Of an INIT or INIT ACK."""
    reflected: bool = False
    """The T flag of an ABORT or SHUTDOWN COMPLETE: the tag is the peer's."""


@frozen
class SctpState:
    """The SCTP part of a tracked connection."""

    state: str = "NONE"
    tags: tuple[int, int] = (0, 0)
    """The verification tag expected in each direction."""
    initiated: tuple[bool, bool] = (False, False)
    heartbeat_failed: int | None = None
    """The direction of a heartbeat that came with an unknown tag."""

    def with_tag(self, direction: int, tag: int) -> SctpState:
        """Return the state with one direction's tag replaced."""
        return evolve(self, tags=(tag, self.tags[1]) if direction == 0 else (self.tags[0], tag))


def first_packet(packet: SctpPacket) -> SctpState | None:
    """Return the state of a new connection before its first packet is looked at; None: invalid."""
    if packet.chunk in _NEVER_FIRST or (packet.chunk, "NONE") not in _NEXT[0]:
        return None
    state = SctpState()
    if packet.chunk == INIT:
        return None if packet.tag else state.with_tag(1, packet.initiate_tag)
    if packet.chunk == HEARTBEAT:
        return state.with_tag(0, packet.tag)
    if packet.chunk == SHUTDOWN_ACK:
        return state.with_tag(1, packet.tag)
    return state


def next_packet(state: SctpState, packet: SctpPacket, direction: int) -> SctpState | None:
    """Carry the connection on by one packet; None: the packet is invalid."""
    checked = _tag_checked(state, packet, direction)
    if checked is None or _is_strange(state, packet, direction):
        return checked
    new = _NEXT[direction].get((packet.chunk, checked.state), checked.state)
    if new == "invalid":
        return None
    noted = _tags_noted(checked, packet, direction)
    return None if noted is None else evolve(noted, state=new)


def counts(before: SctpState, after: SctpState, packet: SctpPacket, direction: int) -> bool:
    """Tell whether a valid packet of an entry is counted: none is that neither opens nor renews it."""
    stays_closed = before.state == after.state == "CLOSED"
    return not stays_closed and not _is_strange(before, packet, direction)


def _is_strange(state: SctpState, packet: SctpPacket, direction: int) -> bool:
    """Whether the packet is a heartbeat with an unknown tag."""
    return packet.chunk == HEARTBEAT and state.tags[direction] not in (0, packet.tag)


def _tag_checked(state: SctpState, packet: SctpPacket, direction: int) -> SctpState | None:
    expected = state.tags[direction]
    if packet.chunk == INIT:
        return None if packet.tag else state
    if packet.chunk in (ABORT, SHUTDOWN_COMPLETE):
        wanted = state.tags[1 - direction] if packet.reflected else expected
        return state if packet.tag == wanted else None
    if packet.chunk == HEARTBEAT:
        return _heartbeat(state, packet, direction)
    if packet.chunk == HEARTBEAT_ACK:
        return _heartbeat_ack(state, packet, direction)
    wrong = packet.tag != expected and (packet.chunk == COOKIE_ECHO or packet.chunk not in _OWN_TAG_RULE)
    if wrong:
        return None
    return evolve(state, initiated=(False, False)) if packet.chunk == COOKIE_ACK else state


def _heartbeat(state: SctpState, packet: SctpPacket, direction: int) -> SctpState:
    """A heartbeat with an unknown tag passes, and its answer may tell the tag."""
    if state.tags[direction] == 0:
        return state.with_tag(direction, packet.tag)
    wrong = packet.tag != state.tags[direction]
    return evolve(state, heartbeat_failed=direction if wrong else None)


def _heartbeat_ack(state: SctpState, packet: SctpPacket, direction: int) -> SctpState | None:
    if state.tags[direction] == 0:
        return state.with_tag(direction, packet.tag)
    if packet.tag == state.tags[direction]:
        return evolve(state, heartbeat_failed=None)
    if state.heartbeat_failed is None or state.heartbeat_failed == direction:
        return None
    return evolve(state.with_tag(direction, packet.tag).with_tag(1 - direction, 0), heartbeat_failed=None)


def _tags_noted(state: SctpState, packet: SctpPacket, direction: int) -> SctpState | None:
    """Remember the tag that an INIT or INIT ACK announces for the other direction."""
    other = 1 - direction
    if packet.chunk == INIT and packet.initiate_tag == state.tags[other] and state.state != "NONE":
        return state  # sent again
    if packet.chunk == INIT:
        both = all(state.initiated)
        initiated = [not both and state.initiated[0], not both and state.initiated[1]]
        initiated[direction] = True
        state = evolve(state, initiated=(initiated[0], initiated[1]))
    elif packet.chunk == INIT_ACK:
        known = state.tags[other]
        differs = known != packet.initiate_tag
        if differs and ((known and not state.initiated[other]) or all(state.initiated)):
            return None
    else:
        return state
    return state.with_tag(other, packet.initiate_tag)
