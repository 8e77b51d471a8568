"""Answers to draw, from texts and from dumps."""

import re
from html.parser import HTMLParser
from ipaddress import ip_address

from natc import load
from natc.netfilter.packet import question_packet
from natc.trace.machine import Machine
from natc.trace.node.view import OpenNode
from tests.support import GOLDEN

CASE = GOLDEN / "kube-proxy/1.29.1-901"
NODEPORT = ("10.105.182.209", 3000)
HOSTILE = '</script></style><img src=x onerror=alert(1)>"><svg onload=alert(2)> \\\\N &lt;b&gt;'


def answer(source, dst, dport, **more):
    """Trace a packet of tcp to a port through a dump, or through the text of one."""
    return Machine.of(load(source)).trace(question_packet(dst, dport, proto="tcp", **more))


def nodeport():
    """The answer for default/nodeport-svc on a recorded dump."""
    return answer(CASE / "save-legacy.txt", *NODEPORT)


def by_node_port():
    """The answer for its NodePort at an address of that node."""
    node = OpenNode(frozenset({int(ip_address("192.168.179.99"))}))
    machine = Machine.of(load(CASE / "save-legacy.txt"), node=node)
    return machine.trace(question_packet("192.168.179.99", 30090))


def service(count, comment="a/b"):
    """A dump with one service, 10.96.0.1:80, of so many endpoints 10.0.x.y:8080."""
    chains = [f"KUBE-SEP-{number:04}" for number in range(count)]
    lines = [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":KUBE-SVC-X - [0:0]",
        *(f":{name} - [0:0]" for name in chains),
    ]
    quoted = comment.replace("\\", "\\\\").replace('"', '\\"')
    lines += [
        "-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 "
        f'-m comment --comment "{quoted}" -j KUBE-SVC-X'
    ]
    for number, name in enumerate(chains):
        left = count - number
        chance = f" -m statistic --mode random --probability {1 / left:.11f}" if left > 1 else ""
        lines.append(f"-A KUBE-SVC-X{chance} -j {name}")
        lines.append(
            f"-A {name} -p tcp -m tcp -j DNAT --to-destination 10.0.{number // 250}.{number % 250}:8080"
        )
    return "\n".join([*lines, "COMMIT", ""])


def destinations(text):
    """The addresses and ports that rules of a dump ask for, as kube-proxy writes them."""
    found = re.findall(r"-d ([\d.]+)/32 .*-p tcp .*--dport (\d+)", text)
    return sorted({(address, int(port)) for address, port in found})


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in its turn; ids are unique and links lead to one."""

    VOID = frozenset({"meta", "rect", "path"})

    def __init__(self, lines):
        super().__init__()
        self.open, self.ids, self.links, self.elements, self.words = [], [], [], [], []
        self.feed("\n".join(lines))
        assert not self.open
        assert len(set(self.ids)) == len(self.ids)
        assert {link.removeprefix("#") for link in self.links} <= set(self.ids)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)
