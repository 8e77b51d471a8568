"""The doors through which text comes into natc: what to begin with, and what must hold of any text.

A door returns whether the text was taken. It raises NatcError for a text that is refused and
AssertionError for one that is not written back as it should be.
"""

import os
import random
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from natc.compile import ProxyConfig, restore_text
from natc.errors import ErrorList, NatcError
from natc.kube.endpoints import complete
from natc.kube.manifests import load
from natc.kube.sources import Source
from natc.text.files import ENCODING
from natc.text.node.conntrack import read_connections, write_connections
from natc.text.node.ipset import read_sets, write_sets
from natc.text.reader import read
from natc.text.writer import restore, save
from natc.trace.node.host_node import node_from_file
from tests.support import GOLDEN, SHARED

#: Longest seed, in lines: what is longer is cut to a window.
_WINDOW = 80

SETS = """\
create a hash:ip family inet hashsize 1024 maxelem 65536 timeout 600 counters comment skbinfo bucketsize 12 initval 0x2f6aa9d5
add a 192.0.2.1 timeout 598 packets 3 bytes 180 comment "x y" skbmark 0x1/0xff skbprio 1:2 skbqueue 3
create b hash:net,port,net family inet6 hashsize 64 maxelem 1024
add b 2001:db8::/32,tcp:80,2001:db8:1::/48 nomatch
add b 2001:db8::/32,ipv6-icmp:echo-request,::/0
create c hash:net,iface family inet
add c 10.0.0.0/8,physdev:eth0
add c 10.0.0.0/8,eth wildcard
create d bitmap:port range 0-1023
add d 80-90
create e bitmap:ip,mac range 10.0.0.0/24
add e 10.0.0.1,AA:BB:CC:DD:EE:FF
create f bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
add f 10.0.7.0
create g hash:ip,mark family inet markmask 0x0000ffff
add g 192.0.2.1,0x00000063
create h hash:mac
add h 01:02:03:04:05:06
create i list:set size 8
add i b
add i a before b
create j hash:ip,port,ip family inet netmask 24
add j 10.1.1.1-10.1.1.9,udp:5-7,10.2.2.2
"""

CONNECTIONS = """\
tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 [ASSURED] mark=0 use=1
udp      17 29 src=10.0.0.1 dst=10.96.0.10 sport=5353 dport=53 [UNREPLIED] src=10.244.0.3 dst=10.0.0.1 sport=53 dport=5353 mark=3 zone=7 use=1
icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 use=1
ipv6     10 sctp     132 9 COOKIE_WAIT src=fd00::1 dst=fd00::2 sport=1 dport=2 [UNREPLIED] src=fd00::2 dst=fd00::1 sport=2 dport=1 use=1
"""


@frozen
class Door:
    """One way into natc."""

    name: str
    seeds: Callable[[], tuple[str, ...]]
    enter: Callable[[str], bool]


def _texts(*patterns: str) -> tuple[str, ...]:
    """Return golden files, and the recorded ones where they are beside the checkout."""
    paths = [path for base in (GOLDEN, SHARED) for pattern in patterns for path in sorted(base.glob(pattern))]
    return tuple(path.read_bytes().decode(**ENCODING) for path in paths)


@lru_cache(maxsize=1)
def _dumps() -> tuple[str, ...]:
    return _texts("extensions/*/*.txt", "kernel/*/dump.txt", "kube-proxy/*/save-*.txt", "dumps/*.txt")


@lru_cache(maxsize=1)
def _manifests() -> tuple[str, ...]:
    return _texts("kube-proxy/*/cluster.*")


@lru_cache(maxsize=1)
def _nodes() -> tuple[str, ...]:
    return _texts("kernel/*/node.json")


def window(text: str, chance: random.Random) -> str:
    """Return a part of a dump that is still one: a long table keeps its declarations and some rules."""
    lines = text.split("\n")
    if len(lines) <= _WINDOW:
        return text
    frame = [line for line in lines if line[:1] in ("*", "") or line == "COMMIT"][:3]
    chains = [line for line in lines if line[:1] == ":"][:_WINDOW]
    start = chance.randrange(len(lines) - _WINDOW // 2)
    some = [line for line in lines[start : start + _WINDOW] if line[:1] not in ("*", ":")]
    return "\n".join([*frame[:1], *chains, *some, "COMMIT", ""])


# ---- what must hold


def _dump(text: str) -> bool:
    _written_again(text, read(text))
    return True


def _lenient_dump(text: str) -> bool:
    problems: list[NatcError] = []
    ruleset = read(text, problems=problems)
    for problem in problems:
        problem.render()
    save(ruleset)
    return not problems


def _written_again(text, ruleset):
    """What is written reads as the same rules, except for a word that iptables' own save does not survive."""
    for order in ("kept", "legacy", "nft"):
        save(ruleset, order=order)
    restore(ruleset)
    shown = save(ruleset)
    if not any(sign in text for sign in '"\\\r'):
        assert save(read(shown, family=ruleset.family)) == shown


def _sets(text: str) -> bool:
    shown = write_sets(read_sets(text))
    assert write_sets(read_sets(shown)) == shown
    return True


def _connections(text: str) -> bool:
    shown = write_connections(read_connections(text))
    assert write_connections(read_connections(shown)) == shown
    return True


def _cluster(text: str) -> bool:
    cluster = complete(load([Source("manifest", text.encode(**ENCODING))]))
    restore_text(cluster, ProxyConfig())
    return True


def _node(text: str) -> bool:
    handle, name = tempfile.mkstemp()
    with os.fdopen(handle, "w", **ENCODING) as file:
        file.write(text)
    try:
        node_from_file(name)
    finally:
        Path(name).unlink()
    return True


DOORS = (
    Door("dump", _dumps, _dump),
    Door("lenient dump", _dumps, _lenient_dump),
    Door("sets", lambda: (SETS,), _sets),
    Door("connections", lambda: (CONNECTIONS,), _connections),
    Door("manifest", _manifests, _cluster),
    Door("node", _nodes, _node),
)


def rendered(error: NatcError) -> str:
    """Return an error as a person sees it; it must point at a place and not steer the terminal."""
    for each in error.errors if isinstance(error, ErrorList) else (error,):
        assert each.span is None or (each.span.line >= 1 and each.span.column >= 1)
    text = error.render()
    assert text.replace("\n", "").isprintable()
    return text
