"""Connection tracking: by example, and every recorded packet's state."""

import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from natc.netfilter.conntrack.connection import Connection, Status, Tuple
from natc.netfilter.conntrack.sctp import COOKIE_ACK, COOKIE_ECHO, INIT, INIT_ACK, SctpPacket
from natc.netfilter.conntrack.tcp_segment import Segment
from natc.netfilter.conntrack.tracker import Connections, Datagram, Settings, Tracked
from natc.netfilter.conntrack.zone import Zone
from tests.netfilter.recorded import Case, Sent, recorded_status, recorded_tuple
from tests.support import case_id, present, shared_cases

A, B = 0x0A000001, 0x0A000002


def tcp(flags: str, *, back: bool = False, seq: int = 0, ack: int = 0, **more: Any) -> Datagram:
    src, sport, dst, dport = (B, 80, A, 40000) if back else (A, 40000, B, 80)
    segment = Segment(frozenset(flags.split()), seq, ack, **more)
    return Datagram(4, 6, src, dst, sport, dport, segment=segment)


def udp(*, back: bool = False) -> Datagram:
    return Datagram(4, 17, B, A, 53, 5000) if back else Datagram(4, 17, A, B, 5000, 53)


def ping(kind: int, *, back: bool = False, family: int = 4) -> Datagram:
    src, dst = (B, A) if back else (A, B)
    return Datagram(family, 1 if family == 4 else 58, src, dst, icmp_type=kind, icmp_id=7)


def accept(table: Connections, datagram: Datagram, **more: Any) -> Tracked:
    """Track a packet that passes every hook."""
    tracked = table.track(datagram, **more)
    if tracked.connection and not tracked.connection.confirmed:
        entered = table.confirm(tracked.connection)
        assert entered is not None
        return evolve(tracked, connection=entered)
    return tracked


@pytest.mark.parametrize(
    ("datagram", "state"),
    [
        (tcp("SYN"), "NEW"),
        (tcp("SYN ECE CWR"), "NEW"),
        (tcp("ACK"), "NEW"),
        (tcp("PSH ACK"), "NEW"),
        (tcp("SYN ACK"), "INVALID"),
        (tcp("RST"), "INVALID"),
        (tcp("FIN ACK"), "INVALID"),
        (tcp("SYN FIN"), "INVALID"),
        (tcp("SYN RST"), "INVALID"),
        (tcp(""), "INVALID"),
        (tcp("FIN PSH URG"), "INVALID"),
        (udp(), "NEW"),
        (ping(8), "NEW"),
        (ping(13), "NEW"),
        (ping(0), "INVALID"),
        (ping(3), "INVALID"),
        (ping(30), "INVALID"),
        (ping(128, family=6), "NEW"),
        (ping(129, family=6), "INVALID"),
        (ping(135, family=6), "UNTRACKED"),
        (ping(1, family=6), "INVALID"),
        (Datagram(4, 50, A, B), "NEW"),
        (evolve(udp(), bad_checksum=True), "INVALID"),
    ],
)
def test_state_of_a_first_packet(datagram: Datagram, state: str) -> None:
    assert Connections().track(datagram).state == state


def test_settings_decide_about_first_packets() -> None:
    assert Connections(Settings(tcp_loose=False)).track(tcp("ACK")).state == "INVALID"
    bad = evolve(udp(), bad_checksum=True)
    assert Connections(Settings(checks_checksums=False)).track(bad).state == "NEW"
    assert Connections().track(bad, arriving=False).state == "NEW"


def test_the_life_of_a_tcp_connection() -> None:
    table = Connections()
    steps = [
        (tcp("SYN", seq=1000), "NEW", Status.CONFIRMED),
        (tcp("SYN", seq=1000), "NEW", Status.CONFIRMED),
        (tcp("SYN ACK", back=True, seq=5000, ack=1001), "ESTABLISHED", Status.SEEN_REPLY),
        (tcp("ACK", seq=1001, ack=5001), "ESTABLISHED", Status.ASSURED),
        (tcp("ACK", back=True, seq=900_000_000, ack=1), "INVALID", Status.ASSURED),
        (tcp("FIN ACK", back=True, seq=5001, ack=1001), "ESTABLISHED", Status.ASSURED),
        (tcp("FIN ACK", seq=1001, ack=5002), "ESTABLISHED", Status.ASSURED),
        (tcp("ACK", back=True, seq=5002, ack=1002), "ESTABLISHED", Status.ASSURED),
        (tcp("SYN", seq=70000), "NEW", Status.CONFIRMED),
    ]
    for datagram, state, status in steps:
        assert accept(table, datagram).state == state, datagram
        (entry,) = table
        assert status in entry.status


def test_a_reset_as_the_only_answer_ends_the_connection() -> None:
    table = Connections()
    accept(table, tcp("SYN", seq=1000))
    assert table.track(tcp("RST ACK", back=True, seq=0, ack=1001)).state == "ESTABLISHED"
    assert len(table) == 0


def test_an_ack_before_the_answer_is_invalid_and_a_stray_answer_passes() -> None:
    table = Connections()
    accept(table, tcp("SYN", seq=1000))
    assert table.track(tcp("ACK", seq=1001)).state == "INVALID"
    assert table.track(tcp("ACK", back=True, seq=77, ack=99)).state == "ESTABLISHED"


@pytest.mark.parametrize(("back", "state"), [(True, "ESTABLISHED"), (False, "INVALID")])
def test_a_reset_far_out_of_window_answers_only_the_other_ends_stray_syn(back: bool, state: str) -> None:
    table = Connections()
    accept(table, tcp("SYN", seq=1000))
    accept(table, tcp("SYN ACK", back=True, seq=5000, ack=1001))
    accept(table, tcp("ACK", seq=1001, ack=5001))
    assert table.track(tcp("SYN", seq=3000)).state == "ESTABLISHED"
    assert table.track(tcp("RST ACK", back=back, seq=77001, ack=3001)).state == state


def test_half_the_circle_of_sequence_numbers_counts_as_before() -> None:
    table = Connections()
    accept(table, tcp("SYN", seq=1000))
    accept(table, tcp("SYN ACK", back=True, seq=5000, ack=1001))
    accept(table, tcp("ACK", seq=1001, ack=5001))
    assert table.track(tcp("RST", back=True, seq=1001 + (1 << 31))).state == "INVALID"


def test_windows_are_not_checked_when_liberal_or_picked_up() -> None:
    strange = tcp("ACK", back=True, seq=900_000_000, ack=1)
    picked_up = Connections()
    accept(picked_up, tcp("ACK", seq=1, ack=1))
    assert picked_up.track(strange).state == "ESTABLISHED"
    liberal = Connections(Settings(tcp_be_liberal=True))
    accept(liberal, tcp("SYN", seq=1000))
    accept(liberal, tcp("SYN ACK", back=True, seq=5000, ack=1001))
    assert liberal.track(strange).state == "ESTABLISHED"


def test_udp_is_assured_when_answered_for_two_seconds() -> None:
    table = Connections()
    assert accept(table, udp()).state == "NEW"
    assert accept(table, udp()).state == "NEW"
    assert accept(table, udp(back=True)).state == "ESTABLISHED"
    accept(table, udp(), now=1.0)
    assert [Status.ASSURED in entry.status for entry in table] == [False]
    accept(table, udp(), now=3.0)
    assert [Status.ASSURED in entry.status for entry in table] == [True]


def test_ping_and_its_answer() -> None:
    table = Connections()
    accept(table, ping(8))
    answer = table.track(ping(0, back=True))
    assert (answer.state, answer.direction) == ("ESTABLISHED", 1)


def test_an_icmp_error_belongs_to_the_packet_it_quotes() -> None:
    table = Connections()
    accept(table, udp())
    error = Datagram(4, 1, 0x09090909, A, icmp_type=3, icmp_code=3, inner=udp())
    related = table.track(error)
    assert (related.state, related.direction) == ("RELATED", 1)
    assert table.track(evolve(error, dst=B)).state == "INVALID"
    assert table.track(evolve(error, inner=Datagram(4, 17, A, B, 1, 1))).state == "INVALID"


def sctp(chunk: int, tag: int, initiate: int = 0, *, back: bool = False) -> Datagram:
    src, dst = (B, A) if back else (A, B)
    return Datagram(4, 132, src, dst, 9, 9, sctp=SctpPacket(chunk, tag, initiate))


def test_the_life_of_an_sctp_association() -> None:
    table = Connections()
    assert accept(table, sctp(INIT, 5)).state == "INVALID"
    assert accept(table, sctp(0, 5)).state == "INVALID"
    assert accept(table, sctp(INIT, 0, 111)).state == "NEW"
    assert accept(table, sctp(INIT_ACK, 111, 222, back=True)).state == "ESTABLISHED"
    assert accept(table, sctp(COOKIE_ECHO, 9)).state == "INVALID"
    assert accept(table, sctp(COOKIE_ECHO, 222)).state == "ESTABLISHED"
    assert accept(table, sctp(COOKIE_ACK, 111, back=True)).state == "ESTABLISHED"
    assert accept(table, sctp(0, 9)).state == "INVALID"
    assert accept(table, sctp(0, 222)).state == "ESTABLISHED"
    assert [Status.ASSURED in entry.status for entry in table] == [True]


def test_zones_keep_connections_apart() -> None:
    table = Connections()
    accept(table, udp(), zone=Zone(7))
    assert table.track(udp(), zone=Zone(7)).connection is next(iter(table))
    assert table.track(udp()).connection is not next(iter(table))
    assert table.track(udp(back=True)).state == "NEW"
    assert table.track(udp(back=True), zone=Zone(7)).state == "ESTABLISHED"


def test_a_zone_of_one_direction_lets_replies_find_the_connection() -> None:
    table = Connections()
    accept(table, udp(), zone=Zone(3, reply=False))
    assert table.track(udp(back=True)).state == "ESTABLISHED"


def test_the_newest_of_two_entries_of_one_flow_is_found() -> None:
    table = Connections()
    accept(table, udp())
    answer = accept(table, udp(back=True), zone=Zone(4, original=False)).connection
    assert table.find(udp(back=True).key()) == (list(table)[1], 0)
    assert answer is not None and answer.zone == Zone(4, original=False)


def test_a_tuple_is_taken_only_where_answers_of_its_zone_are_looked_for() -> None:
    table = Connections()
    accept(table, udp())
    answer = udp(back=True).key()
    other = Connection(udp().key(), answer, zone=Zone(4, original=False))
    assert table.taken(answer, Zone())
    assert not table.taken(answer, Zone(4, original=False), other)
    assert table.clashing(other) is next(iter(table))


def test_a_copy_is_independent() -> None:
    table = Connections()
    accept(table, udp())
    other = table.copy()
    accept(other, tcp("SYN"))
    (entry,) = table
    other.put(evolve(entry, mark=9))
    assert (len(table), len(other)) == (1, 2)
    assert [e.mark for e in table] == [0]
    table.clear()
    assert len(other) == 2


def test_two_connections_cannot_have_the_same_reply() -> None:
    table = Connections()
    accept(table, udp())
    second = Connection(Tuple(4, 17, A, 5000, B + 1, 53), Tuple(4, 17, B, 53, A, 5000))
    assert table.taken(second.reply, Zone(), second)
    assert table.confirm(second) is None
    table.remove(next(iter(table)))
    assert table.confirm(second) is not None


# ---- the recorded cases


def accept_recorded(table: Connections, tracked: Tracked, result: dict[str, Any]) -> None:
    """Enter a first packet's connection with the translation that the kernel chose."""
    new, recorded = tracked.connection, result.get("ct")
    if new is None or new.confirmed or not recorded:
        return
    assert recorded_tuple(recorded["orig"], new.original) == new.original
    reply = recorded_tuple(recorded["reply"], new.reply)
    assert table.confirm(evolve(new, reply=reply, status=recorded_status(recorded["status"])))


def check_packet(case: Case, table: Connections, sent: Sent, backend: str, now: float) -> None:
    result = sent.result
    hooks = result.get("hooks") or []
    if result["ctstate"] is None and (not hooks or (result.get("drop_at") or "").startswith("raw")):
        return
    arriving = not (hooks and hooks[0].startswith("OUTPUT"))
    tracked = table.track(case.datagram(sent, backend), arriving=arriving, now=now)
    if result["ctstate"] is not None:
        assert tracked.state == result["ctstate"], sent
        accept_recorded(table, tracked, result)


@pytest.mark.shared
@pytest.mark.parametrize("path", shared_cases("kernel/cases/*"), ids=case_id)
def test_states_are_those_of_the_kernel(path: Path | None) -> None:
    case = Case.read(present(path))
    if re.search(r"-j (CT|NOTRACK)", case.dump):
        pytest.skip("which zone a packet is in takes the whole machine")
    for backend in ("legacy", "nft"):
        table, now = Connections(Settings(case.host.tcp_loose, case.host.tcp_be_liberal)), 0.0
        for sent in case.sequence(backend):
            if isinstance(sent, Sent):
                if sent.flushes:
                    table.clear()
                check_packet(case, table, sent, backend, now)
            elif sent["op"] == "flush":
                table.clear()
            elif sent["op"] == "sleep":
                now += sent["s"]
