"""natc collect: the script on a node, and its tar in the place of a dump."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from natc.cli import run
from natc.cli.collect import script
from natc.text.node.bundle import Bundle
from tests.bundles import RULES, bundle
from tests.support import lacking, need_kernel

SHELLS = (["dash"], ["bash", "--posix"], ["busybox", "sh"])
#: What the script cannot do without.
BARE = ("tar", "cat", "mkdir", "rm", "mv")


@pytest.fixture
def node(tmp_path):
    (tmp_path / "node.tar").write_bytes(bundle())
    return tmp_path / "node.tar"


def answer(capsys, *words):
    assert run([*map(str, words), "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def targets(capsys, *words):
    return [(target["ip"], target["port"]) for target in answer(capsys, "trace", *words)["targets"]]


# ---- a bundle in the place of a dump


def test_the_node_of_a_bundle_is_known(node, capsys):
    assert targets(capsys, node, "--dst", "10.0.0.5:80", "--src", "10.0.0.9") == [("10.1.0.2", 80)]
    assert targets(capsys, node, "--dst", "10.0.0.6:80", "--src", "10.0.0.9") == []


def test_its_lists_and_connections_are_known(node, capsys):
    assert targets(capsys, node, "--dst", "10.0.0.6:80", "--src", "10.0.0.8") == [("10.1.0.1", 80)]
    assert targets(capsys, node, "--dst", "10.0.0.5:80", "--src", "10.0.0.7:1000") == [("10.1.0.9", 80)]


def test_options_win_over_the_bundle(node, tmp_path, capsys):
    (tmp_path / "none").write_text("")
    (tmp_path / "node.json").write_text('{"interfaces": [{"name": "eth0", "addrs": ["10.0.0.6/24"]}]}')
    own = ("--dst", "10.0.0.6:80", "--src", "10.0.0.9")
    assert targets(capsys, node, *own, "--node", tmp_path / "node.json") == [("10.1.0.2", 80)]
    assert targets(capsys, node, *own, "--node-ip", "10.0.0.6") == [("10.1.0.2", 80)]
    flow = ("--dst", "10.0.0.5:80", "--src", "10.0.0.7:1000")
    assert targets(capsys, node, *flow, "--conntrack", tmp_path / "none") == [("10.1.0.2", 80)]
    seen = ("--dst", "10.0.0.6:80", "--src", "10.0.0.8", "--recent", f"A={tmp_path / 'none'}")
    assert targets(capsys, node, *seen) == []


def test_routes_that_are_not_known_stay_open(node, capsys):
    for routes, why in (
        (None, "has no routes of IPv4: they are left open"),
        ("{", "the node's routes are left open: "),
    ):
        node.write_bytes(bundle(**{"route-4.json": routes}))
        assert run(["trace", str(node), "--dst", "10.0.0.5:80", "--src", "10.0.0.9"]) == 0
        said = capsys.readouterr()
        assert why in said.err
        assert "10.0.0.5 is one of the node's addresses" in said.out


@pytest.mark.parametrize("command", ["audit", "lint", "cost", "fmt"])
def test_other_commands_take_it(node, tmp_path, capsys, command):
    content = bundle(
        **{"iptables-save": RULES.replace(":ONE", ":KUBE-SVC-OLD - [0:0]\n-A KUBE-SVC-OLD -j RETURN\n:ONE")}
    )
    node.write_bytes(content)
    (tmp_path / "plain").write_text(Bundle.of(content, "x").rules)
    given, plain = (
        (run([command, str(path)]), capsys.readouterr().out) for path in (node, tmp_path / "plain")
    )
    assert given == (plain[0], plain[1].replace(str(tmp_path / "plain"), str(node)))
    assert given[1]


def test_standard_input(node):
    done = subprocess.run(
        [sys.executable, "-m", "natc", "trace", "-", "--dst", "10.0.0.5:80", "--src", "10.0.0.9"],
        input=bundle(), capture_output=True, check=True,
    )  # fmt: skip
    assert b"100 %   10.1.0.2:80" in done.stdout


def test_a_hostile_bundle_is_bad_input(node, capsys):
    node.write_bytes(bundle()[:2000])
    assert run(["audit", str(node)]) == 2
    assert "is not a whole tar" in capsys.readouterr().err


def test_two_backends_in_use_are_said(node, capsys):
    node.write_bytes(bundle(**{"iptables-legacy-save": "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n"}))
    run(["audit", str(node)])
    assert "legacy and nft tables both hold rules" in capsys.readouterr().err


def test_lint_looks_at_both_backends(node, capsys):
    legacy = "*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n"
    node.write_bytes(bundle(**{"iptables-legacy-save": legacy}))
    assert run(["lint", str(node), "--select", "NL109"]) == 1
    assert "node.tar:iptables-legacy-save has rules in table nat too" in capsys.readouterr().out


def test_a_capture_is_replayed_on_the_node_of_a_bundle(node, tmp_path, capsys):
    from scapy.layers.inet import IP, TCP
    from scapy.utils import wrpcap

    wrpcap(str(tmp_path / "x.pcap"), [IP(src="10.0.0.9", dst="10.0.0.5") / TCP(sport=5, dport=80)])
    given = [str(node), "--pcap", str(tmp_path / "x.pcap")]
    assert run(["trace", *given]) == 0
    assert "10.1.0.2" in capsys.readouterr().out
    node.write_bytes(bundle(**{"rule-4.json": None}))
    assert run(["trace", *given]) == 2
    assert "--pcap needs --node" in capsys.readouterr().err


def test_packets_are_replayed_on_the_node_of_a_bundle(node, tmp_path, capsys):
    sent = [{"origin": "eth0", "src": "10.0.0.9", "dst": "10.0.0.5", "proto": "tcp", "sport": 5, "dport": 80}]
    (tmp_path / "packets.json").write_text(json.dumps(sent))
    given = ["replay", "--dump", str(node), "--packets", str(tmp_path / "packets.json")]
    assert run(given) == 0
    assert "10.1.0.2" in capsys.readouterr().out
    (tmp_path / "rules").write_text(RULES)
    assert run([*given, "--dump", str(tmp_path / "rules")]) == 2
    assert "--node FILE" in capsys.readouterr().err


# ---- the script


def test_the_script_is_printed(capsys, tmp_path):
    assert run(["collect"]) == 0
    assert capsys.readouterr().out == script()
    assert run(["collect", "-o", str(tmp_path / "x.sh")]) == 0
    assert (tmp_path / "x.sh").read_text() == script()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell_can_read_it(shell):
    if shutil.which(shell[0]) is None:
        lacking(f"{shell[0]} is not installed")
    subprocess.run([*shell, "-n"], input=script(), text=True, check=True)


def collected(where: Path, *, shell=("sh",), setup: str = "", **more: str) -> Bundle:
    """Run the script in a network namespace and return what it brought."""
    need_kernel("tar")
    done = subprocess.run(
        ["unshare", "-n", *shell, "-c", f"{setup}\nexec {' '.join(shell)} -s -- -"],
        input=script().encode(), capture_output=True, check=False, env={**os.environ, **more}, cwd=where,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Bundle.of(done.stdout, "node.tar")


SETUP = """
ip link set lo up; ip link add eth0 type bridge; ip addr add 10.0.0.5/24 dev eth0; ip link set eth0 up
ip route add default via 10.0.0.1; ip rule add fwmark 8 table 100
iptables-nft -A INPUT -m recent --set --name 'A b'; ip6tables-nft -A INPUT -s fd00::1 -j DROP
iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp -j DNAT --to-destination 10.1.0.2:80
echo +10.0.0.8 >'/proc/net/xt_recent/A b'
"""


@pytest.mark.kernel
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_real_node(tmp_path, capsys, shell):
    need_kernel("tar", "ip", "iptables-nft", "ip6tables-nft", "iptables-nft-save")
    if shutil.which(shell[0]) is None:
        lacking(f"{shell[0]} is not installed")
    found = collected(tmp_path, shell=shell, setup=SETUP)
    host = found.host(4)
    assert host is not None and host.interface("eth0") is not None and len(host.rules) == 4
    assert [seen.address for seen in found.lists()["A b"]] == [0x0A000008]
    assert "-A INPUT -s fd00::1/128 -j DROP" in found.rules
    assert found.sysctls["net.netfilter.nf_conntrack_tcp_loose"] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kernel
def test_sets_and_connections_of_a_real_node(tmp_path):
    need_kernel("ipset", "conntrack")
    setup = """ipset create s hash:ip; ipset add s 10.0.0.7
    conntrack -I -p tcp -s 10.0.0.7 -d 10.0.0.5 -r 10.1.0.2 -q 10.0.0.7 --sport 1 --dport 80 --reply-port-src 80 \\
        --reply-port-dst 1 -t 99 --state ESTABLISHED -u SEEN_REPLY >/dev/null 2>&1
    iptables -A INPUT -j ACCEPT"""
    found = collected(tmp_path, setup=setup)
    assert "add s 10.0.0.7" in found.files["ipset-save"].decode()
    connections = found.connections()
    assert connections is not None and len(list(connections)) == 1


@pytest.mark.kernel
def test_a_node_with_hardly_a_tool(tmp_path):
    """Whatever is missing is said in the tar, and nothing else is wrong."""
    need_kernel("tar", "iptables-save", "dash")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in (*BARE, "dash", "iptables-save"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    found = collected(
        tmp_path, shell=[str(tools / "dash")], setup=f"iptables -A INPUT -j ACCEPT; PATH={tools}"
    )
    assert "-A INPUT -j ACCEPT" in found.rules
    assert (found.host(4), found.host(6), found.sets()) == (None, None, None)
    notes = found.files["notes"].decode().split("\n")
    assert {"ip is not here", "ipset is not here", "ip6tables-save is not here"} <= set(notes)


@pytest.mark.kernel
def test_the_tar_is_for_its_owner_only_and_nothing_is_left(tmp_path):
    need_kernel("tar")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "collect.sh").write_text(script())
    done = subprocess.run(
        ["unshare", "-n", "sh", "collect.sh", "a b:c.tar"],
        check=True, cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}, capture_output=True,
    )  # fmt: skip
    assert b"./a b:c.tar" in done.stderr
    assert (tmp_path / "a b:c.tar").stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "tmp").iterdir()) == []
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "a b:c.tar").read_bytes())) as archive:
        assert all(one.name.startswith("natc-node") for one in archive)
