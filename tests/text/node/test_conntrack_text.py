"""The text of conntrack -L."""

import pytest

from natc.errors import NodeError
from natc.netfilter.conntrack.connection import Connection, Status
from natc.netfilter.conntrack.tcp_segment import Segment
from natc.netfilter.conntrack.tracker import Connections, Datagram, Settings
from natc.netfilter.conntrack.zone import Zone
from natc.text.node.conntrack import connection_text, read_connections, write_connections
from tests.netfilter.nodes import number

TCP_LINE = (
    "tcp      6 431999 ESTABLISHED src=192.168.1.77 dst=192.168.1.10 sport=1000 dport=80 "
    "src=10.244.1.5 dst=10.244.1.1 sport=8080 dport=1000 [ASSURED] mark=5 use=1"
)
LIST = f"""\
{TCP_LINE}
udp      17 29 src=192.168.1.77 dst=192.168.1.10 sport=1000 dport=3 zone-orig=3 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 sport=3 dport=1000 mark=0 use=1
udp      17 29 src=192.168.1.77 dst=192.168.1.10 sport=1000 dport=4 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 sport=4 dport=1000 zone-reply=4 mark=0 use=1
udp      17 29 src=192.168.1.77 dst=192.168.1.10 sport=1000 dport=7 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 sport=7 dport=1000 mark=0 zone=7 use=1
icmp     1 29 src=192.168.1.77 dst=192.168.1.10 type=8 code=0 id=77 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 type=0 code=0 id=77 mark=0 use=1
sctp     132 9 CLOSED src=192.168.1.77 dst=192.168.1.10 sport=5 dport=6 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 sport=6 dport=5 mark=0 use=1
unknown  50 599 src=192.168.1.77 dst=192.168.1.10 [UNREPLIED] src=192.168.1.10 dst=192.168.1.77 mark=0 use=1
ipv6     10 tcp      6 59 SYN_RECV src=fd00::1 dst=fd00::2 sport=1 dport=2 src=fd00::2 dst=fd00::1 sport=2 dport=1 mark=0 use=1 id=1866880861
conntrack v1.4.7 (conntrack-tools): 8 flow entries have been shown.
"""


def entries(text: str) -> list[Connection]:
    return list(read_connections(text))


def test_a_line_becomes_a_connection() -> None:
    (entry,) = entries(TCP_LINE)
    assert entry.original.src == number("192.168.1.77")
    assert (entry.reply.src, entry.reply.sport) == (number("10.244.1.5"), 8080)
    assert entry.mark == 5
    expected = Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED | Status.SNAT | Status.DNAT
    assert entry.status == expected | Status.SNAT_DONE | Status.DNAT_DONE


def test_states_flags_and_zones() -> None:
    found = entries(LIST)
    assert len(found) == 8
    assert [Status.SEEN_REPLY in entry.status for entry in found] == [True, *[False] * 6, True]
    assert [entry.zone for entry in found[1:4]] == [Zone(3, reply=False), Zone(4, original=False), Zone(7)]
    assert found[7].original.family == 6


def test_what_is_written_reads_back() -> None:
    table = read_connections(LIST)
    text = write_connections(table)
    assert write_connections(read_connections(text)) == text
    spaced = " ".join(TCP_LINE.split()).replace(" 431999 ", " T ")
    assert connection_text(next(iter(table))) == spaced


def test_packets_find_the_connections_that_were_read() -> None:
    table = read_connections(LIST, Settings(tcp_loose=False))
    client, node = number("192.168.1.77"), number("192.168.1.10")
    segment = Segment(frozenset({"ACK"}), 123456789, 987654321)
    tracked = table.track(Datagram(4, 6, client, node, 1000, 80, segment=segment))
    assert tracked.state == "ESTABLISHED"
    answer = Datagram(4, 6, number("10.244.1.5"), number("10.244.1.1"), 8080, 1000, segment=segment)
    assert (table.track(answer).state, table.track(answer).direction) == ("ESTABLISHED", 1)
    assert table.track(Datagram(4, 6, client, node, 1001, 80, segment=segment)).state == "INVALID"


def test_the_lines_of_proc_are_read() -> None:
    line = (
        "ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=1.1.1.1 dst=2.2.2.2 srckey=0x0 dstkey=0x1f "
        "[UNREPLIED] src=2.2.2.2 dst=1.1.1.1 srckey=0x1f dstkey=0x0 mark=0 zone=0 use=2"
    )
    (entry,) = entries(line)
    assert (entry.original.proto, entry.original.src) == (47, number("1.1.1.1"))
    assert entry.original.dport == entry.reply.sport == 31
    shown = "gre 47 T src=1.1.1.1 dst=2.2.2.2 srckey=0x0 dstkey=0x1f [UNREPLIED] src=2.2.2.2"
    assert connection_text(entry).startswith(shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tcp 6 9 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=1", "a connection without"),
        ("hello", "no line of conntrack -L"),
        ("tcp six 9 x", "no line of conntrack -L"),
        (
            "udp 17 9 src=1.1.1 dst=2.2.2.2 sport=1 dport=2 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2",
            "'1.1.1' is not",
        ),
        (
            "udp 17 9 src=1.1.1.1 dst=2.2.2.2 sport=a dport=2 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2",
            "no line",
        ),
    ],
)
def test_a_bad_line_is_refused_at_its_place(text: str, message: str) -> None:
    with pytest.raises(NodeError, match=message) as caught:
        read_connections(f"{TCP_LINE}\n{text}", file="list.txt")
    assert caught.value.span is not None
    assert (caught.value.span.file, caught.value.span.line) == ("list.txt", 2)


def test_an_empty_list_is_no_connections() -> None:
    assert write_connections(Connections()) == ""
    assert entries("") == []


def test_what_was_carried_is_read_and_shown() -> None:
    counted = TCP_LINE.replace(" src=10.244.1.5", " packets=7 bytes=900 src=10.244.1.5")
    counted = " ".join(counted.replace(" [ASSURED]", " packets=5 bytes=4000 [ASSURED]").split())
    (entry,) = entries(counted)
    assert entry.carried == ((7, 900), (5, 4000))
    assert connection_text(entry) == counted.replace(" 431999 ", " T ")
    assert entries(TCP_LINE)[0].carried is None
    with pytest.raises(NodeError, match="a connection without bytes="):
        entries(TCP_LINE.replace(" src=10.244.1.5", " packets=7 src=10.244.1.5"))
