"""A node's connections and lists, shown by the running kernel and read by natc: the next packets go alike."""

import json
import subprocess
import sys

import pytest

from natc.cli import run
from tests.support import need_kernel, shared

COMPARED = ("verdict", "out", "final", "dnat", "snat", "mark", "ctstate", "drop_at", "path")
NODE = {
    4: {
        "interfaces": [
            {"name": "eth0", "addrs": ["192.168.1.10/24"]},
            {"name": "cni0", "addrs": ["10.244.1.1/24"]},
        ],
        "routes": ["default via 192.168.1.1 dev eth0"],
        "ip_forward": 1,
    },
    6: {
        "family": 6,
        "interfaces": [
            {"name": "eth0", "addrs": ["fd00:1::10/64"]},
            {"name": "cni0", "addrs": ["fd00:244::1/64"]},
        ],
        "routes": ["default via fd00:1::1 dev eth0"],
        "ip_forward": 1,
    },
}
#: A client, another, two endpoints, a service's address, and how a rule writes one address.
PEERS = {
    4: ("192.168.1.77", "192.168.1.78", "10.244.1.5", "10.244.1.6", "10.96.0.1", "{}/32", "{}:8080"),
    6: ("fd00:1::77", "fd00:1::78", "fd00:244::5", "fd00:244::6", "fd00:96::1", "{}/128", "[{}]:8080"),
}


def dump(family):
    _, _, one, two, vip, host, end = PEERS[family]
    mask = "255.255.255.255" if family == 4 else "ffff:" * 7 + "ffff"
    recent = f"--mask {mask} --rsource"
    return f"""*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 7 -j CT --zone 5
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:MASQ - [0:0]
:SEP-1 - [0:0]
:SEP-2 - [0:0]
:SVC - [0:0]
-A PREROUTING -d {host.format(vip)} -j SVC
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
-A MASQ -j MARK --set-xmark 0x4000/0x4000
-A SVC -j MASQ
-A SVC -m recent --rcheck --seconds 500 --reap --name SEP-1 {recent} -j SEP-1
-A SVC -m recent --rcheck --seconds 500 --reap --name SEP-2 {recent} -j SEP-2
-A SVC -m recent --rcheck --seconds 500 --hitcount 2 --name HITS {recent} -j SEP-2
-A SVC -m recent --set --name HITS {recent}
-A SVC -p tcp -m tcp --dport 81 -j SEP-2
-A SVC -j SEP-1
-A SEP-1 -p tcp -m recent --set --name SEP-1 {recent} -m tcp -j DNAT --to-destination {end.format(one)}
-A SEP-1 -p udp -m udp -j DNAT --to-destination {end.format(one)}
-A SEP-1 -p sctp -m sctp -j DNAT --to-destination {end.format(one)}
-A SEP-2 -p tcp -m recent --set --name SEP-2 {recent} -m tcp -j DNAT --to-destination {end.format(two)}
-A SEP-2 -j DNAT --to-destination {two}
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m connmark --mark 0x7 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -p udp -m udp --dport 9 -j CONNMARK --set-xmark 0x7/0xffffffff
COMMIT
"""


def packet(origin, src, dst, sport, dport, proto="tcp", flags="S", **more):
    ports = {} if proto == "icmp" else {"sport": sport, "dport": dport}
    ports |= {"flags": flags} if proto == "tcp" else {}
    return {"origin": origin, "src": src, "dst": dst, "proto": proto, "flush": False, **ports, **more}


def before(family):
    """Packets that leave connections and lists behind."""
    client, other, one, two, vip, *_ = PEERS[family]
    return [
        packet("eth0", client, vip, 40000, 80, seq=1000),
        {"reply_to": 0, "flush": False, "seq": 5000, "ack": 1001},
        packet("eth0", client, vip, 40000, 80, flags="A", seq=1001, ack=5001),
        packet("eth0", other, vip, 40001, 81),
        packet("eth0", client, vip, 40002, 80),
        packet("eth0", client, one, 40003, 9, "udp"),
        packet("eth0", client, one, 40004, 7, "udp"),
        {"reply_to": 5, "flush": False},
        packet("eth0", client, vip, 40005, 53, "udp"),
        {"reply_to": 8, "flush": False},
        packet("eth0", client, vip, 40006, 99, "sctp"),
        packet("cni0", two, client, 40007, 90, seq=7000),
        packet("eth0", client, one, 0, 0, "icmp", icmp_id=9),
    ]


def after(family, masqueraded):
    """Packets of those connections, and first ones of clients that the lists know."""
    client, other, one, two, vip, *_ = PEERS[family]
    node = NODE[family]["interfaces"][1]["addrs"][0].split("/")[0]
    return [
        packet("eth0", client, vip, 40000, 80, flags="A", seq=1001, ack=5001),
        packet("cni0", one, node, 8080, masqueraded, flags="A", seq=5001, ack=1001),
        packet("eth0", other, vip, 40001, 81),
        packet("eth0", client, vip, 41000, 80),
        packet("eth0", client, vip, 41001, 81),
        packet("eth0", other, vip, 41000, 80),
        packet("eth0", client, one, 40003, 9, "udp"),
        packet("cni0", one, client, 9, 40003, "udp"),
        packet("eth0", client, one, 40004, 7, "udp"),
        packet("eth0", client, vip, 40005, 53, "udp"),
        packet("eth0", client, vip, 40009, 53, "udp"),
        packet("eth0", client, vip, 40006, 99, "sctp"),
        packet("eth0", client, two, 90, 40007, flags="SA", seq=9000, ack=7001),
        packet("eth0", client, one, 40010, 7, "udp"),
        packet("cni0", one, client, 0, 0, "icmp", icmp_id=9, icmp_type=0 if family == 4 else 129),
    ]


SHOW = {
    "plain": "conntrack -L -f {} 2>/dev/null",
    "extended": "conntrack -L -o extended -f {} 2>/dev/null",
    "lists": 'cd /proc/net/xt_recent && for f in *; do sed "s/^/$f /" $f; done',
}


@pytest.mark.kernel
@pytest.mark.parametrize("form", ["plain", "extended"])
@pytest.mark.parametrize("backend", ["legacy", "nft"])
@pytest.mark.parametrize("family", [4, 6])
def test_the_next_packets_go_as_in_the_kernel(tmp_path, capsys, family, backend, form):
    need_kernel("ip", "nft", "conntrack", f"iptables-{backend}-restore")
    (tmp_path / "dump.txt").write_text(dump(family))
    (tmp_path / "node.json").write_text(json.dumps(NODE[family]))
    first = before(family)
    # Which port masquerading chose is known only when it has happened, so the reply to it is asked for so.
    second = after(family, 0)
    second[1] = {"reply_to": 0, "flush": False, "flags": "A", "seq": 5001, "ack": 1001}
    shows = [{"op": "sh", "cmd": SHOW[name].format(f"ipv{family}")} for name in (form, "lists")]
    answer = asked(tmp_path, backend, [*first, *shows, *second])
    connections, lists = (shown["out"] for shown in answer[len(first) : len(first) + 2])
    expected = answer[len(first) + 2 :]
    second[1] = after(family, answer[0]["final"]["sport"])[1]
    words = write_start(tmp_path, connections, lists)
    (tmp_path / "packets.json").write_text(json.dumps(second))
    files = [word for name in ("dump.txt", "node.json", "packets.json")
             for word in (f"--{name.partition('.')[0]}", str(tmp_path / name))]  # fmt: skip
    assert run(["replay", *files, *words, "--backend", backend, "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["packets"]
    assert len(found) == len(expected) == len(second)
    for entry, mine, kernel in zip(second, found, expected, strict=True):
        differing = {
            key: (mine.get(key), kernel.get(key)) for key in COMPARED if mine.get(key) != kernel.get(key)
        }
        assert not without_random_port(differing), (entry, mine.get("path"))


_PORTS = {"sport": 0, "port": 0}


def without_random_port(differing):
    """A masqueraded packet's new port is the kernel's free choice: leave it out."""
    return {
        key: (mine, kernel)
        for key, (mine, kernel) in differing.items()
        if key not in ("snat", "final") or {**(mine or {}), **_PORTS} != {**(kernel or {}), **_PORTS}
    }


def write_start(folder, connections, lists):
    """Write what the kernel showed into files, and return the options that name them."""
    (folder / "conntrack.txt").write_text(connections)
    shown = folder / "xt_recent"
    shown.mkdir()
    for name in ("SEP-1", "SEP-2", "HITS"):
        lines = [line.removeprefix(f"{name} ") for line in lists.splitlines() if line.startswith(f"{name} ")]
        (shown / name).write_text("".join(f"{line}\n" for line in lines))
    assert connections.count("\n") >= 7 and lists.count("\n") >= 4
    return ["--conntrack", str(folder / "conntrack.txt"), "--recent", str(shown)]


def asked(folder, backend, packets):
    (folder / "asked.json").write_text(json.dumps({"mode": "sequence", "packets": packets}))
    oracle = shared("kernel/kernel_oracle.py")
    words = [sys.executable, str(oracle), "run", "--variant", backend, "--dump", str(folder / "dump.txt")]
    words += ["--node", str(folder / "node.json"), "--packets", str(folder / "asked.json")]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [plain(result) for result in json.loads(done.stdout)["packets"]]


def plain(result):
    """The oracle's own form of a result, with steps written as in the recorded answers."""
    if "path" in result:
        result["path"] = [step(s) + (f" @{s['line']}" if s.get("line") else "") for s in result["path"]]
    if "drop_at" in result:
        result["drop_at"] = step(result["drop_at"])
    return result


def step(entry):
    return f"{entry['table']} {entry['chain']} {entry['n'] if entry['type'] == 'rule' else 'policy'}"
