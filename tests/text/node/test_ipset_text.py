"""The text of ipset save, read and written back."""

from pathlib import Path

import pytest
from attrs import evolve

from natc.errors import NodeError
from natc.text.node.ipset import entry_text, read_sets, write_sets
from tests.support import case_id, present, shared_cases

SAVED = """\
create a hash:ip family inet hashsize 1024 maxelem 65536 timeout 300 counters comment skbinfo
add a 1.2.3.4 timeout 100 packets 5 bytes 60 comment "he said x" skbmark 0x10/0xff skbprio 1:10 skbqueue 3
add a 1.2.3.5 timeout 299 packets 0 bytes 0
create b hash:net family inet6 hashsize 64 maxelem 100 bucketsize 12 initval 0x4b1a4dca
add b fd00::1 nomatch
add b fd00::/64
create c hash:ip,port family inet hashsize 1024 maxelem 65536
add c 1.2.3.4,icmp:echo-request
add c 1.2.3.4,icmp:30/1
add c 1.2.3.4,esp:0
add c 1.2.3.4,sctp:80
create d hash:ip,port,ip family inet hashsize 1024 maxelem 65536
add d 1.2.3.4,udp:53,4.5.6.7
create i hash:net,iface family inet hashsize 1024 maxelem 65536
add i 1.2.4.0/24,veth wildcard
add i 1.2.3.0/24,physdev:eth1
create k hash:ip,mac family inet hashsize 1024 maxelem 65536
add k 1.2.3.4,02:00:00:00:00:0A
create l hash:ip,mark family inet markmask 0x000000ff hashsize 1024 maxelem 65536
add l 1.2.3.4,0x00000010
create n bitmap:ip,mac range 10.0.0.0-10.0.0.255
add n 10.0.0.7,02:00:00:00:00:0A
add n 10.0.0.8
create o bitmap:port range 0-65535
add o 80
create t hash:ip,port family inet6 hashsize 1024 maxelem 65536
add t fd00::1,ipv6-icmp:port-unreachable
create p list:set size 16
add p a
add p b
"""


def test_a_save_comes_back_unchanged() -> None:
    assert write_sets(read_sets(SAVED)) == SAVED


def test_members_are_written_from_their_values_as_they_were_read() -> None:
    for found in read_sets(SAVED):
        for entry in found:
            assert entry_text(found, evolve(entry, text=None)) == entry.text


def test_ranges_stand_for_their_members() -> None:
    sets = read_sets(
        "create a hash:ip netmask 30\nadd a 10.0.0.0/29\ncreate o bitmap:port range 0-100\nadd o 80-82\n"
    )
    assert [line for line in write_sets(sets).splitlines() if line.startswith("add")] == [
        "add a 10.0.0.0", "add a 10.0.0.4", "add o 80", "add o 81", "add o 82",
    ]  # fmt: skip


def test_the_short_forms_of_restore_are_read() -> None:
    sets = read_sets("# made by hand\n-N a hash:ip,port\n\n-A a 10.0.0.1,80\nCOMMIT\n")
    assert write_sets(sets) == "create a hash:ip,port\nadd a 10.0.0.1,80\n"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("make a hash:ip", "make is no line of ipset save", 1),
        ("create a", "create needs a set and more", 8),
        ("create a hash:cat", "hash:cat is no type of set", 10),
        ("create a hash:ip colour red", "colour is no option of a set", 10),
        ("create a hash:ip\ncreate a hash:ip", "set a is created twice", 8),
        ("add a 1.2.3.4", "there is no set a", 5),
        ("create a hash:ip\nadd a 1.2.3", "'1.2.3' does not appear", 7),
        ("create a hash:ip\nadd a fd00::1", "fd00::1 is of the other family", 7),
        ("create a hash:net\nadd a fd00::/64", "fd00::/64 is of the other family", 7),
        ("create a hash:ip\nadd a 1.2.3.4,tcp:80", "has not the 1 parts of hash:ip", 7),
        ("create a hash:ip,port\nadd a 1.2.3.4,tcp:99999", "99999 is not a port", 7),
        ("create a hash:ip,port\nadd a 1.2.3.4,icmp:loud", "loud is no type of ICMP", 7),
        ("create a hash:ip,port\nadd a 1.2.3.4,cat:1", "'cat' is not a protocol", 7),
        ("create a hash:mac\nadd a 02:00", "02:00 is no hardware address", 7),
        ("create a hash:ip\nadd a 1.2.3.4 sticky", "sticky is no option of a member", 7),
        ("create a hash:ip\nadd a 1.2.3.4\nadd a 1.2.3.4", "set a has this member already", 7),
        ("create a hash:ip\nadd a 10.0.0.0/8", "stands for more members than the set may have", 7),
    ],
)
def test_a_bad_line_is_refused_at_its_place(text: str, message: str, column: int) -> None:
    with pytest.raises(NodeError, match=message) as caught:
        read_sets(text, "sets.txt")
    span = caught.value.span
    assert span is not None
    assert (span.file, span.line, span.column) == ("sets.txt", text.count("\n") + 1, column)


@pytest.mark.shared
@pytest.mark.parametrize("path", shared_cases("kernel/cases/*/ipset.txt"), ids=case_id)
def test_the_sets_of_recorded_cases_come_back(path: Path | None) -> None:
    text = present(path).read_text()
    assert write_sets(read_sets(text)).splitlines() == text.splitlines()


@pytest.mark.parametrize(
    "lines",
    [
        "create a hash:ip maxelem 4294967295\nadd a 10.0.0.0/8",
        "create a hash:ip,port,ip maxelem 4294967295\nadd a 10.0.0.0/24,0-65535,10.0.0.1",
    ],
)
def test_one_line_does_not_fill_the_memory(lines):
    with pytest.raises(NodeError, match="stands for more"):
        read_sets(lines)
