"""A packet of a replay that chance sends one way or another: the ends it can come to, with their odds."""

from natc.report.replay import replay_lines
from natc.text.reader import read
from natc.trace.replay import replay

NODE = {
    "interfaces": [{"name": "eth0", "addrs": ["192.168.1.10/24"]}],
    "routes": ["default via 192.168.1.1 dev eth0"],
}
COIN = "-m statistic --mode random --probability 0.25"
DUMP = f"""*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -p tcp {COIN} -j DNAT --to-destination 192.168.1.20:8080
-A PREROUTING -d 10.96.0.1/32 -p tcp {COIN} -j DNAT --to-destination 192.168.1.21:8080
COMMIT
"""
PACKET = {
    "origin": "eth0",
    "src": "192.168.1.77",
    "dst": "10.96.0.1",
    "proto": "tcp",
    "sport": 4000,
    "dport": 80,
}


def test_a_packet_that_chance_decides_has_its_targets_with_their_odds():
    (result,) = replay(read(DUMP), NODE, [PACKET])
    assert result["verdict"] == "OPEN"
    choices = {(one["dnat"] or {}).get("ip"): one["odds"] for one in result["choices"]}
    assert {ip: odds["value"] for ip, odds in choices.items()} == {
        "192.168.1.20": 0.25, "192.168.1.21": 0.1875, None: 0.5625,
    }  # fmt: skip
    assert sum(odds["num"] << 62 - odds["exp"] for odds in choices.values()) == 1 << 62
    (row,) = replay_lines({"load": {"rc": 0}, "packets": [result]})
    assert "becomes by chance" in str(row)
    assert "25.0000% 192.168.1.20:8080 FORWARD" in str(row)


def test_more_branches_than_can_be_told_apart_have_no_odds():
    flips = "\n".join([f"-A PREROUTING {COIN} -j MARK --set-xmark {1 << n:#x}/{1 << n:#x}" for n in range(8)])
    (result,) = replay(read(f"*mangle\n:PREROUTING ACCEPT [0:0]\n{flips}\nCOMMIT\n"), NODE, [PACKET])
    assert result["verdict"] == "OPEN"
    assert "choices" not in result
