"""What targets make of a packet's mark and of a connection's (xt_connmark.c, xt_CT.c)."""

import pytest

from natc.text.reader import read
from natc.trace.replay import replay

NODE = {"interfaces": [{"name": "eth0", "addrs": ["10.0.0.2/24"]}]}
DUMP = """*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p {untracked} -j CT --notrack
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j MARK --set-xmark 0x5/0xffffffff
-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
COMMIT
"""
PACKET = {"origin": "eth0", "src": "10.0.0.1", "dst": "10.0.0.2", "proto": "udp", "sport": 1, "dport": 9}


@pytest.mark.parametrize(("untracked", "mark"), [("tcp", 0), ("udp", 5)])
def test_only_a_connection_has_a_mark_to_restore(untracked, mark):
    (result,) = replay(read(DUMP.format(untracked=untracked)), NODE, [PACKET])
    assert (result["verdict"], result["mark"]) == ("INPUT", mark)
