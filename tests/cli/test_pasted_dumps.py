"""Every command that answers questions takes a dump as somebody sent it, and says what it passed over."""

import pytest

from natc.cli import run
from tests.support import GOLDEN

CASE = GOLDEN / "kube-proxy/1.29.1-901"
WORDS = {
    "trace": ["--dst", "10.105.182.209:3000"],
    "who": ["10.244.0.23"],
    "audit": [],
    "cost": [],
    "lint": [],
    "verify": [str(CASE / "cluster.yaml"), "--cluster-cidr", "10.244.0.0/16"],
}


@pytest.mark.parametrize("command", WORDS)
def test_what_stands_around_the_rules_makes_no_difference(capsys, tmp_path, command):
    plain, pasted = CASE / "save-legacy.txt", tmp_path / "pasted.txt"
    lines = plain.read_text().split("\n")
    pasted.write_text("\n".join(["root@node1:~# iptables-save", *lines[1:-1], "root@node1:~# exit"]))
    assert run([command, str(plain), *WORDS[command]]) == 0
    expected = capsys.readouterr()
    assert run([command, str(pasted), *WORDS[command]]) == 0
    out, err = capsys.readouterr()
    assert out == expected.out
    assert err == expected.err + f"natc: {pasted}:{len(lines)}: passed over: root@node1:~# exit\n"


def test_lint_finds_the_same_in_a_listing(capsys, tmp_path):
    listing = tmp_path / "listing.txt"
    listing.write_text(
        "node1$ iptables -t nat -S\n-P PREROUTING ACCEPT\n-N A\n-A PREROUTING -j A\n"
        "-A A -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:0\n"
    )
    assert run(["lint", str(listing)]) == 1
    out, err = capsys.readouterr()
    assert "DNAT to port 0" in out
    assert err == ""
