"""natc lint: findings under their reasons, silence and status 0 without any."""

import json

from natc.cli import run
from tests.bundles import bundle
from tests.support import GOLDEN

CLEAN = str(GOLDEN / "kube-proxy/1.29.1-901/save-legacy.txt")
BAD = (
    "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -j DOCKER\n"
    "-A PREROUTING -j KUBE-SERVICES\n-A DOCKER -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n"
)


def dump(tmp_path):
    path = tmp_path / "node.txt"
    path.write_text(BAD)
    return str(path)


def test_silence_on_a_clean_node(capsys):
    assert run(["lint", CLEAN]) == 0
    assert capsys.readouterr() == ("", "")


def test_findings_stand_under_their_reason(tmp_path, capsys):
    assert run(["lint", dump(tmp_path)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "NL101  translated before KUBE-SERVICES, 1  containernetworking/plugins#577"
    assert "hides a NodePort" in out[1]
    assert out[2].startswith("       5  PREROUTING translates before KUBE-SERVICES (line 6)")


def test_json(tmp_path, capsys):
    assert run(["lint", dump(tmp_path), "--output", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["natc", "schema", "findings"]
    (finding,) = document["findings"]
    assert (finding["code"], finding["line"], finding["service"]) == ("NL101", 5, "")
    assert finding["thread"] == "containernetworking/plugins#577"


def test_select_and_ignore(tmp_path, capsys):
    assert run(["lint", dump(tmp_path), "--ignore", "NL101"]) == 0
    assert run(["lint", dump(tmp_path), "--select", "NL102,NL103"]) == 0
    assert run(["lint", dump(tmp_path), "--select", "X"]) == 2
    assert "'X' is no code of natc lint" in capsys.readouterr().err


def test_two_dumps(tmp_path, capsys):
    assert run(["lint", dump(tmp_path), CLEAN, "--select", "NL109"]) == 1
    assert "has rules in table nat too" in capsys.readouterr().out


def test_a_bundle_shows_whether_loopback_is_open(tmp_path, capsys):
    rules = "*nat\n:KUBE-SERVICES -\n:KUBE-NODEPORTS -\n-A PREROUTING -j KUBE-SERVICES\n"
    rules += "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\nCOMMIT\n"
    path = tmp_path / "node.tar"
    for value, status in ((0, 0), (1, 1)):
        sysctl = f"net/ipv4/conf/all/route_localnet = {value}\n"
        shown = {"iptables-save": rules, "iptables-nft-save": rules, "ip6tables-save": None, "sysctl": sysctl}
        path.write_bytes(bundle(**shown))
        assert run(["lint", str(path), "--select", "NL114"]) == status
        assert ("net.ipv4.conf.all.route_localnet is 1" in capsys.readouterr().out) is bool(value)
