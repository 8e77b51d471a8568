"""Chunks of SCTP packets and options of DCCP packets (net/netfilter/xt_sctp.c, xt_dccp.c)."""

import pytest

from natc.netfilter.condition import Drops
from natc.netfilter.packet import Packet
from natc.text.reader import read


def holds(rule, **fields):
    ruleset = read(f"*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD {rule}\nCOMMIT\n")
    (match,) = ruleset.tables["filter"].chains["FORWARD"].rules[0].matches
    return match._holds(Packet(**fields))


DATA, ABORT, SACK = b"\x00\x02\x00\x06ab\x00\x00", b"\x06\x01\x00\x04", b"\x03\x00\x00\x04"


@pytest.mark.parametrize(
    ("asked", "payload", "found"),
    [
        ("any SACK", DATA + SACK, True),
        ("any ABORT", DATA + SACK, False),
        ("all DATA,SACK", DATA + SACK + ABORT, True),
        ("all DATA,SACK", DATA + DATA, False),
        ("only DATA,SACK", SACK + DATA, True),
        ("only DATA,SACK", SACK + ABORT, False),
        ("any ABORT:T", DATA + ABORT, True),
        ("any ABORT:t", DATA + ABORT, False),
        ("all DATA:Be", DATA, True),
        ("only DATA:BE", DATA, False),
        ("any SACK", SACK + b"\x03", True),
        ("any DATA", SACK + b"\x03", Drops.UNMATCHED),
        ("any DATA", b"\x03\x00\x00\x00", Drops.UNMATCHED),
        ("any ALL", b"", Drops.UNMATCHED),
    ],
)
def test_chunks_are_looked_at_one_by_one(asked, payload, found):
    assert holds(f"-p sctp -m sctp --chunk-types {asked}", proto=132, payload=payload) is found
    inverted = holds(f"-p sctp -m sctp ! --chunk-types {asked}", proto=132, payload=payload)
    assert inverted is (Drops.MATCHED if found is Drops.UNMATCHED else not found)


def test_a_packet_without_bytes_has_the_chunk_that_is_named():
    assert holds("-p sctp -m sctp --chunk-types only INIT", proto=132, payload=b"", chunk=1) is True


@pytest.mark.parametrize(
    ("words", "option", "found"),
    [
        (5, bytes([0, 9, 3, 5]), False),
        (5, bytes([0, 5, 2, 1]), True),
        (4, b"", False),
        (3, b"", Drops.UNMATCHED),
        (6, b"", Drops.UNMATCHED),
    ],
)
def test_options_of_dccp_stand_behind_its_header(words, option, found):
    header = bytes([0, 1, 0, 2, words, 0, 0, 0, 2 << 1 | 1]) + bytes(7) + option
    assert holds("-p dccp -m dccp --dccp-option 5", proto=33, payload=header) is found


def test_a_packet_that_cuts_dccp_short_is_dropped_and_a_later_fragment_has_none():
    assert holds("-p dccp -m dccp --dccp-types DATA", proto=33, payload=bytes(11)) is Drops.UNMATCHED
    assert holds("-p dccp -m dccp --dccp-types REQUEST", proto=33, payload=bytes(12), fragment=3) is False
