"""Segments taken in place leave a connection as the careful way leaves it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from natc.netfilter.conntrack.quick import Stream
from natc.netfilter.conntrack.tcp import first_segment, next_segment
from natc.netfilter.conntrack.tcp_segment import Segment, TcpState


def established(draw):
    """A connection after its handshake, or one picked up in its middle."""
    one, other = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 2**32 - 1))
    scale = draw(st.sampled_from([None, 0, 7]))

    def syn(flags, seq, ack):
        return Segment(frozenset(flags), seq, ack, draw(st.integers(0, 65535)), window_scale=scale)

    opening = syn({"SYN"}, one, 0)
    state = first_segment(opening)
    assert state is not None
    answers = [
        (opening, 0),
        (syn({"SYN", "ACK"}, other, one + 1 & 0xFFFFFFFF), 1),
        (Segment(frozenset({"ACK"}), one + 1 & 0xFFFFFFFF, other + 1 & 0xFFFFFFFF), 0),
    ]
    for segment, direction in answers:
        state = next_segment(state, segment, direction).state
    return state, [one + 1 & 0xFFFFFFFF, other + 1 & 0xFFFFFFFF]


jumps = st.one_of(st.just(0), st.integers(-3000, 3000), st.integers(-(2**20), 2**20))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_taken_in_place_or_with_care(data):
    state, places = established(data.draw)
    assert isinstance(state, TcpState)
    stream = Stream.of(state)
    assert stream is not None
    carried = state
    for _ in range(data.draw(st.integers(1, 12))):
        direction = data.draw(st.integers(0, 1))
        seq = places[direction] + data.draw(jumps) & 0xFFFFFFFF
        ack = places[1 - direction] + data.draw(jumps) & 0xFFFFFFFF
        length = data.draw(st.sampled_from([0, 1, 1460, 5000]))
        segment = Segment(frozenset({"ACK"}), seq, ack, data.draw(st.integers(0, 65535)), length)
        step = next_segment(carried, segment, direction, seen_reply=True, assured=True)
        if stream.take(direction, seq, segment.end, ack, segment.window):
            assert step.verdict == "valid"
            assert step.changes
            carried = step.state
            places[direction] = segment.end
        assert stream.state(state) == carried
