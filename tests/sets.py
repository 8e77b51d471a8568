"""Sets made by chance, in the spellings ipset takes, for comparing natc with ipset and the kernel."""

import random
from ipaddress import ip_address

from natc.netfilter.ipset.members import TYPES
from natc.netfilter.ipset.probe import Probe
from natc.values import frozen

Chance = random.Random
#: Numbers of the protocols that members name.
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmpv6": 58}
_PORTS = (
    "tcp:80",
    "80",
    "udp:53",
    "6:22",
    "17:5-7",
    "9-7",
    "tcp:http",
    "sctp:80",
    "esp:0",
    "47:0",
    "47:1",
    "tcp:65536",
)


@frozen
class SetCase:
    """A set, the members that are added to it one by one, and what is looked for in it."""

    kind: str
    family: int
    create: str
    adds: tuple[str, ...]
    asked: tuple[str, ...]

    def probe(self, member: str) -> tuple[Probe, tuple[str, ...]]:
        """Return a packet that shows ``member``, and the directions of a rule that looks at it so."""
        shown: dict[str, object] = {"proto": 6}
        directions: list[str] = []
        for dimension, word in zip(TYPES[self.kind], member.split(","), strict=True):
            addresses = dimension in ("ip", "net")
            directions.append("dst" if addresses and "src" in shown else "src")
            if addresses:
                shown[directions[-1]] = int(ip_address(word))
            elif dimension == "port":
                shown |= _port_shown(word)
            elif dimension == "mac":
                shown["link_src"] = bytes(int(part, 16) for part in word.split(":"))
            elif dimension == "mark":
                shown["mark"] = int(word, 0)
            elif word.startswith("physdev:"):
                shown |= {"bridge_port_in": word[8:], "in_interface": "br0"}
            else:
                shown["in_interface"] = word
        return Probe(self.family, **{"src": 0, "dst": 0, **shown}), tuple(directions)


def _port_shown(word: str) -> dict[str, object]:
    name, _, port = word.rpartition(":")
    if "/" in port:
        kind, code = port.split("/")
        return {"proto": _PROTOCOLS[name], "icmp": int(kind) << 8 | int(code)}
    return {"proto": _PROTOCOLS.get(name, 6), "sport": int(port)}


def set_case(chance: Chance) -> SetCase:
    """Return a set of any type that holds no other sets."""
    kind = chance.choice([kind for kind in TYPES if kind != "list:set"])
    hashed = kind.startswith("hash:") and kind != "hash:mac"
    family = chance.choice((4, 4, 6)) if hashed else 4
    options = [f"family {'inet6' if family == 6 else 'inet'}"] if hashed else []
    if kind.startswith("bitmap:"):
        ports, hosts = ("0-100", "50-120"), ("10.0.0.0/23", "10.0.0.1-10.0.0.9", "10.0.0.0-10.0.1.255")
        options.append(f"range {chance.choice(ports if kind == 'bitmap:port' else hosts)}")
    if kind in ("hash:ip", "bitmap:ip") and chance.random() < 0.4:
        options.append(f"netmask {chance.choice((28, 30, 31) if family == 4 else (64, 126))}")
    more = [word for word in ("timeout 600", "counters", "comment", "forceadd") if chance.random() < 0.25]
    options += [word for word in more if hashed or word != "forceadd"]
    adds = tuple(_added(kind, family, options, chance) for _ in range(chance.randrange(1, 7)))
    asked = tuple(_member(kind, family, chance, plain=True) for _ in range(5))
    return SetCase(kind, family, " ".join((kind, *options)), adds, asked)


def _added(kind: str, family: int, options: list[str], chance: Chance) -> str:
    words = [_member(kind, family, chance, plain=False)]
    words += ["timeout 500"] if "timeout 600" in options and chance.random() < 0.5 else []
    words += ["nomatch"] if "net" in kind and chance.random() < 0.2 else []
    words += ["wildcard"] if "iface" in kind and chance.random() < 0.2 else []
    words += ["packets 5 bytes 600"] if "counters" in options and chance.random() < 0.5 else []
    words += ['comment "a b"'] if "comment" in options and chance.random() < 0.5 else []
    return " ".join(words)


def _member(kind: str, family: int, chance: Chance, *, plain: bool) -> str:
    parts = [_part(kind, dimension, family, chance, plain) for dimension in TYPES[kind]]
    short = kind == "bitmap:ip,mac" and not plain and chance.random() < 0.4
    return ",".join(parts[:1] if short else parts)


def _part(kind: str, dimension: str, family: int, chance: Chance, plain: bool) -> str:
    if dimension in ("ip", "net"):
        address = _address(family, chance)
        return address if plain or chance.random() < 0.5 else _wide(address, dimension, family, chance)
    if kind == "bitmap:port":
        port = chance.randrange(125)
        return (
            str(port) if plain or chance.random() < 0.6 else chance.choice((f"{port}-60", "tcp:80", "99-90"))
        )
    if dimension == "port":
        icmp = ("icmp:8/0", "icmp:3/1") if family == 4 else ("icmpv6:128/0", "icmpv6:1/4")
        shown = ("tcp:80", "udp:53", "tcp:22", "udp:6", "tcp:8", "sctp:80", *icmp)
        return chance.choice(shown if plain else (*_PORTS, *icmp, f"{icmp[0].split(':')[0]}:ping"))
    if dimension == "mac":
        return ":".join(f"{chance.choice((0, 2, 171)):02X}" for _ in range(6))
    if dimension == "mark":
        return chance.choice(("0x1", "0x10", "0x110"))
    return chance.choice(("eth0", "eth1", "physdev:eth0", "eth"))


def _address(family: int, chance: Chance) -> str:
    if family == 4:
        return f"10.{chance.randrange(2)}.{chance.randrange(2)}.{chance.choice((1, 2, 3, 5, 8, 127, 255))}"
    return chance.choice(
        (f"fd00::{chance.randrange(1, 8):x}", f"fd00:0:0:1::{chance.randrange(4)}", "::ffff:10.0.0.1")
    )


def _wide(address: str, dimension: str, family: int, chance: Chance) -> str:
    """An address with a length behind it, or a range, which may be given from its end."""
    if family == 6:
        lengths: tuple[int, ...] = (0, 1, 48, 64, 126, 128) if dimension == "net" else (128,)
    else:
        lengths = (0, 8, 16, 24, 30, 32) if dimension == "net" else (24, 29, 31, 32)
    span = f"{address}-{address.rpartition('.')[0]}.{chance.choice((1, 9, 200))}"
    return span if family == 4 and chance.random() < 0.3 else f"{address}/{chance.choice(lengths)}"
