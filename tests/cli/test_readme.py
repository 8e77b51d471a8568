"""What README shows is what the commands print today.

An example is an indented block that begins with ``$ natc`` (or with what is piped into it). A line of
``...`` stands for further lines, one inside a line for further words.
"""

import io
import json
import re
import shlex
import shutil
import struct

import pytest

from natc.cli import run
from tests.bundles import ADDRESSES, ROUTES, bundle
from tests.support import GOLDEN, ROOT

CASE = GOLDEN / "kube-proxy/1.29.1-901"
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^    \$ .*\n(?:(?:    .*)?\n)*?(?=\S|\Z)", re.MULTILINE)
#: Examples about dumps of 10,000 services, which are not part of the project.
LARGE = ("natc audit dump.txt", "natc cost node1.txt --top 3")


def examples():
    """Each command line with the lines printed under it, and the heading of README it stands under."""
    for block in BLOCK.finditer(README):
        heading = README[: block.start()].rpartition("\n#")[2].partition("\n")[0].strip("# ")
        lines = [line[4:] for line in block[0].replace("\\\n", "").rstrip().splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield heading, lines[start][2:], lines[start + 1 : end]


EXAMPLES = [one for one in examples() if "natc " in one[1] and one[2] and one[1] not in LARGE]


def changed(old, new):
    """The recorded cluster with something else in it."""
    text = (CASE / "cluster.yaml").read_text()
    assert old in text
    return text.replace(old, new)


def stale(folder):
    (folder / "cluster.json").write_text(changed("10.244.2.14", "10.244.1.7"))


def scaled_down(folder):
    gone = "- addresses:\n  - 10.244.2.14\n  nodeName: node2\n"
    (folder / "cluster.yaml").write_text(changed(gone, ""))


def three_nodes(folder):
    """One pod on node1, three on node2, none on node3."""
    head = changed("type: NodePort", "type: NodePort\n  externalTrafficPolicy: Local").partition("endpoints:")
    pods = {"node1": ["10.244.1.2"], "node2": ["10.244.2.2", "10.244.2.3", "10.244.2.4"]}
    rows = "".join(f"- addresses: [{ip}]\n  nodeName: {node}\n" for node, ips in pods.items() for ip in ips)
    (folder / "local.yaml").write_text(f"{head[0]}endpoints:\n{rows}")
    for node in ("node1", "node2", "node3"):
        flags = ["--cluster-cidr", "10.244.0.0/16", "--hostname-override", node, "-o", f"{node}.txt"]
        assert run(["compile", "local.yaml", *flags]) == 0


def host_port(folder):
    (folder / "-").write_text(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:CNI-HOSTPORT-DNAT - [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT\n-A PREROUTING -j KUBE-SERVICES\n"
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30090 -j DNAT --to-destination 10.244.0.23:8080\n"
        "-A OUTPUT -j KUBE-SERVICES\n"
        "-A CNI-HOSTPORT-DNAT -p tcp -m tcp --dport 30090 -j DNAT --to-destination 10.244.0.9:80\nCOMMIT\n"
    )


def texts(folder):
    (folder / "rules.txt").write_text(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:X - [0:0]\n\n-A X -m tcp --dprot 5\nCOMMIT\n"
    )
    (folder / "listing.txt").write_text(
        "Chain INPUT (policy ACCEPT)\ntarget     prot opt source   destination\n"
    )


def a_bundle(folder):
    """A node at 10.0.0.5 with pods of 10.244.0.0/24 behind cni0."""
    rules = (CASE / "save-legacy.txt").read_text()
    pods = {"family": "inet", "local": "10.244.0.1", "prefixlen": 24, "scope": "global"}
    local = {"type": "local", "dst": "10.244.0.1", "dev": "cni0", "table": "local", "scope": "host"}
    route = {"dst": "10.244.0.0/24", "dev": "cni0", "scope": "link", "prefsrc": "10.244.0.1"}
    shown = {
        "addr-4.json": [*ADDRESSES, {"ifname": "cni0", "addr_info": [pods]}],
        "route-4.json": [*ROUTES, local, route],
    }
    files = {name: json.dumps(content) for name, content in shown.items()}
    files |= {"iptables-save": rules, "iptables-legacy-save": rules, "iptables-nft-save": ""}
    (folder / "node1.tar").write_bytes(bundle(**files))


def a_capture(folder):
    """What tcpdump -i any sees of a NodePort's connection: frames of LINKTYPE_LINUX_SLL2."""
    from scapy.layers.inet import IP, TCP
    from scapy.utils import wrpcap

    a_bundle(folder)
    client, node, pod = ("10.0.0.77", 4000), ("10.244.0.1", 34567), ("10.244.0.23", 8080)
    outside = ("10.0.0.5", 30090)

    def seen(src, dst, flags, *, interface, leaves, **numbers):
        head = struct.pack("!HHIHBB8s", 0x800, 0, interface, 1, 4 if leaves else 0, 6, b"")
        ip = IP(src=src[0], dst=dst[0], id=7, ttl=63 if leaves else 64)
        return head + bytes(ip / TCP(sport=src[1], dport=dst[1], flags=flags, **numbers))

    question, answer = {"seq": 1000}, {"seq": 5, "ack": 1001}
    frames = [
        seen(client, outside, "S", interface=2, leaves=False, **question),
        seen(node, pod, "S", interface=3, leaves=True, **question),
        seen(pod, node, "SA", interface=3, leaves=False, **answer),
        seen(outside, client, "SA", interface=2, leaves=True, **answer),
    ]
    wrpcap(str(folder / "any.pcap"), frames, linktype=276)


def connections(folder):
    shutil.copy(CASE / "save-legacy.txt", folder / "dump.txt")
    (folder / "conntrack.txt").write_text(
        "tcp 6 99 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=1000 dport=80 "
        "src=10.1.0.1 dst=10.0.0.1 sport=80 dport=1000 [ASSURED] mark=0 use=1\n"
    )


def five_digits(folder):
    """Three endpoints with the chances that kube-proxy wrote up to 1.16."""
    chances = ("0.33333", "0.50000", "")
    rules = [
        f"-A KUBE-SVC-B {f'-m statistic --mode random --probability {chance} ' if chance else ''}"
        f"-p tcp -m tcp -j DNAT --to-destination 10.0.0.{number}:80"
        for number, chance in enumerate(chances, 1)
    ]
    service = '-d 10.96.0.1/32 -p tcp -m comment --comment "a/b cluster IP" -m tcp --dport 80'
    head = ["*nat", ":PREROUTING ACCEPT [0:0]", ":KUBE-SERVICES - [0:0]", ":KUBE-SVC-B - [0:0]"]
    jumps = ["-A PREROUTING -j KUBE-SERVICES", f"-A KUBE-SERVICES {service} -j KUBE-SVC-B"]
    (folder / "old-node.txt").write_text("\n".join([*head, *jumps, *rules, "COMMIT", ""]))


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: tomcat, namespace: default}
spec:
  tls: [{hosts: [tomcat.example.com], secretName: tomcat-tls}]
  rules:
  - host: tomcat.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: nodeport-svc, port: {number: 3000}}}}
"""


def ingress(folder):
    (folder / "ingress.yaml").write_text(INGRESS)


#: By the heading of README: what makes the files that its example speaks of, where they are not as recorded.
WORLDS = {
    "All of a node in one file": a_bundle,
    "Is it fair?": five_digits,
    "Replay": a_capture,
    "Names": ingress,
    "What the node remembers": connections,
    "How uneven is it behind a balancer?": three_nodes,
    "Is this node up to date?": stale,
    "What does a change do to packets?": scaled_down,
    "What is wrong with this node?": host_port,
    "Read and write": texts,
}


def pattern(lines):
    """What output fits the lines shown."""
    fits = ""
    for line in lines:
        words = (re.escape(word) for word in line.split(" ... "))
        fits += r"(?:.*\n)*" if line.strip() == "..." else f"{' .* '.join(words)}\n"
    return re.compile(fits)


def test_every_kind_of_example_is_found():
    assert {heading for heading, _, _ in EXAMPLES} > WORLDS.keys()
    assert all(f"    $ {command}\n" in README for command in LARGE)


@pytest.mark.parametrize(("heading", "command", "shown"), EXAMPLES, ids=[one[1] for one in EXAMPLES])
def test_an_example_prints_what_is_shown(heading, command, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "golden").symlink_to(GOLDEN)
    for name in ("node1.txt", "save-legacy.txt", "cluster.yaml"):
        shutil.copy(CASE / name.replace("node1", "save-legacy"), tmp_path / name)
    WORLDS.get(heading, lambda folder: None)(tmp_path)
    capsys.readouterr()
    before, _, asked = command.rpartition("natc ")
    if before:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "-").read_bytes())))
    asked, _, kept = asked.partition(" | grep -e ")
    run(shlex.split(asked))
    printed = "".join(capsys.readouterr())
    if kept:
        printed = "".join(line + "\n" for line in printed.splitlines() if shlex.split(kept)[0] in line)
    assert pattern(shown).fullmatch(printed), printed
