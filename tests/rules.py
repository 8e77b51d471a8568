"""Rules of every extension, made by chance from what its class declares, in every spelling there is.

Most are good rules: options that go together, values in range. Some are not, on purpose: a value just
outside, an option too many, one that is missing.
"""

import random
from collections.abc import Callable, Iterator

from attrs import frozen

from natc.netfilter.extension import Extension, Option
from natc.netfilter.icmp import ICMP_NAMES, ICMPV6_NAMES
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.dscp import DSCP_CLASSES
from natc.netfilter.kinds.masked import TOS_NAMES
from natc.netfilter.matches import match_class
from natc.netfilter.matches.ipv6header import HEADERS
from natc.netfilter.matches.mh import TYPES as MH_TYPES
from natc.netfilter.matches.policy import Policy, PolicyElement
from natc.netfilter.matches.sctp import CHUNKS
from natc.netfilter.targets import target_class
from natc.netfilter.targets.log import LEVELS
from natc.netfilter.targets.reject import ANSWERS
from natc.netfilter.targets.tcpoptstrip import TCP_OPTIONS

Chance = random.Random
Words = list[str]


@frozen
class Place:
    """Where the kernel lets an extension in, and what else the rule must ask."""

    table: str = "filter"
    chain: str = "INPUT"
    asks: str = ""


_TCP = Place(asks="-p tcp")
_MANGLE = Place("mangle", "PREROUTING")
_PLACES = {
    "CLASSIFY": Place("mangle", "POSTROUTING"), "CT": Place("raw", "PREROUTING", "-p tcp"),
    "DNAT": Place("nat", "PREROUTING", "-p tcp"), "DNPT": _MANGLE, "DSCP": _MANGLE,
    "ECN": Place("mangle", "PREROUTING", "-p tcp"), "HL": _MANGLE, "HMARK": _MANGLE,
    "CHECKSUM": _MANGLE, "CONNSECMARK": _MANGLE, "MARK": _MANGLE, "SECMARK": _MANGLE,
    "MASQUERADE": Place("nat", "POSTROUTING", "-p tcp"), "NETMAP": Place("nat", "PREROUTING"),
    "NOTRACK": Place("raw", "PREROUTING"), "REDIRECT": Place("nat", "PREROUTING", "-p udp"),
    "REJECT": _TCP, "SNAT": Place("nat", "POSTROUTING", "-p tcp"), "SNPT": Place("mangle", "POSTROUTING"),
    "SYNPROXY": _TCP, "TCPMSS": Place("mangle", "FORWARD", "-p tcp --syn"),
    "TCPOPTSTRIP": Place("mangle", "PREROUTING", "-p tcp"), "TEE": _MANGLE, "TOS": _MANGLE,
    "TPROXY": Place("mangle", "PREROUTING", "-p tcp"), "TRACE": Place("raw", "PREROUTING"),
    "TTL": _MANGLE, "addrtype": Place(chain="FORWARD"), "ah": Place(asks="-p ah"), "dccp": Place(asks="-p dccp"),
    "devgroup": Place(chain="FORWARD"), "ecn": _TCP, "esp": Place(asks="-p esp"), "icmp": Place(asks="-p icmp"),
    "icmp6": Place(asks="-p ipv6-icmp"), "ipcomp": Place(asks="-p 108"), "mh": Place(asks="-p mh"),
    "multiport": _TCP, "osf": _TCP, "owner": Place(chain="OUTPUT"), "physdev": Place(chain="FORWARD"),
    "policy": Place(chain="FORWARD"), "rpfilter": Place("raw", "PREROUTING"), "sctp": Place(asks="-p sctp"),
    "socket": _MANGLE, "tcp": _TCP, "tcpmss": _TCP, "udp": Place(asks="-p udp"),
}  # fmt: skip


def place_of(block: str) -> Place:
    """Return where a rule of ``matches/NAME`` or ``targets/NAME`` may stand."""
    return _PLACES.get(block.split("/")[1], Place())


def class_of(block: str) -> type[Extension]:
    """Return the class of an extension by its block of the grammar."""
    kind, name = block.split("/")
    cls = match_class(name) if kind == "matches" else target_class(name)
    assert cls is not None
    return cls


def rule(block: str, family: int, chance: Chance) -> str:
    """Return a rule that uses an extension, without the command and the chain."""
    kind, name = block.split("/")
    cls = class_of(block)
    asks = place_of(block).asks
    if family == 6:
        asks = asks.replace("-p icmp", "-p ipv6-icmp")
    if name == "multiport":
        asks = "-p " + chance.choice(("tcp", "udp", "sctp", "udplite", "dccp"))
    options = _policy(family, chance) if cls is Policy else _options(cls, family, chance)
    words = [asks, *_header(family, chance), "-m" if kind == "matches" else "-j", name]
    words += [word for option in options for word in option]
    return " ".join(filter(None, words))


# ---- which options

#: Options that are left alone: Android's, older kernels', objects in the kernel, and what has to come last.
_NOT_MADE = {
    "CT": {"timeout"},
    "IDLETIMER": {"netlink"},
    "owner": {"pid", "sid", "command", "suppl_groups"},
}


def _options(cls: type[Extension], family: int, chance: Chance) -> list[Words]:
    """Choose options that go together, nine times out of ten."""
    chosen = {a for a, declared in cls.options if declared.required or chance.random() < 0.35}
    if cls.one_of and not chosen & set(cls.one_of):
        chosen.add(chance.choice(cls.one_of))
    if chance.random() < 0.95:
        for attribute, others in cls.needs.items():
            if attribute in chosen and not chosen & set(others):
                chosen.add(chance.choice(others))
        _make_fit(cls.name, chosen, chance)
        for group in cls.exclusive:
            given = [attribute for attribute in group if attribute in chosen]
            chosen -= set(given[1:] if chance.random() < 0.5 else given[:-1])
    chosen -= _NOT_MADE.get(cls.name, set())
    out = [_option(cls.name, declared, family, chance) for a, declared in cls.options if a in chosen]
    chance.shuffle(out)
    if out and chance.random() < 0.02:
        out.append(chance.choice(out))
    return out


def _make_fit(name: str, chosen: set[str], chance: Chance) -> None:
    """What goes together in ways that a class checks by itself."""
    if name == "statistic":
        chosen -= {"probability", "every", "packet"}
        chosen |= {"probability"} if chance.random() < 0.5 else {"every", "packet"}
    elif name == "recent" and "set" in chosen:
        chosen -= {"seconds", "hitcount", "reap", "rttl", "rcheck", "update", "remove"}
    elif name == "HMARK":
        chosen.add("parts")
    elif name == "owner":
        chosen |= {"uid"}
    elif name in ("hashlimit", "recent"):
        chosen.add("list_name")
    elif name == "CONNMARK" and "xmark" in chosen:
        chosen -= {"nfmask", "ctmask", "mask", "save", "restore"}


def _policy(family: int, chance: Chance) -> list[Words]:
    strict = chance.random() < 0.7
    out = [
        ["--dir", chance.choice(("in", "out"))],
        ["--pol", chance.choice(("ipsec", "none") if not strict else ("ipsec",))],
    ]
    out += [["--strict"]] * strict
    for number in range(chance.randrange(1, 5) if strict else 1):
        out += [["--next"]] if number else []
        attributes = [option for option in PolicyElement.options if chance.random() < 0.5]
        out += [_option("policy", declared, family, chance) for _, declared in attributes]
    return out


def _option(name: str, declared: Option, family: int, chance: Chance) -> Words:
    """Spell one option: one of its names, perhaps cut short or with an equals sign, perhaps negated."""
    spelling = chance.choice([declared.name, *declared.spellings])
    arguments = words_of(declared.spellings[spelling], f"{name} {spelling}", family, chance)
    negated = ["!"] * (chance.random() < (0.3 if declared.negatable else 0.02))
    if chance.random() < 0.03:
        cut = spelling[: chance.randrange(4, len(spelling) + 1)]
        spelling = spelling if "--help".startswith(cut) else cut  # that prints a page and leaves
    if arguments and chance.random() < 0.03:
        return [*negated, f"{spelling}={arguments[0]}", *arguments[1:]]
    return [*negated, spelling, *arguments]


def _header(family: int, chance: Chance) -> Words:
    """Now and then something that the rule asks by itself."""
    out: Words = []
    if chance.random() < 0.1:
        out += ["!"] * chance.randrange(2) + ["-s", _peer(family, chance)]
    if chance.random() < 0.05:
        out += ["!"] * chance.randrange(2) + ["-d", _peer(family, chance)]
    return out


def _peer(family: int, chance: Chance) -> str:
    """A network other than that of every address, which nf_tables takes no negation of."""
    network = _network(family, chance)
    return _address(family, chance) if network.endswith(("/0", "/0.0.0.0")) else network


# ---- what stands behind an option


def words_of(kind: Kind[object], option: str, family: int, chance: Chance) -> Words:
    """Return argument words for an option, given as ``NAME --option``."""
    special = _SPECIAL.get(option)
    if special:
        return special(family, chance)
    for cls in type(kind).__mro__:
        if made := _BY_KIND.get(cls.__name__):
            return made(kind, family, chance)
    raise AssertionError(f"no words for {option}: {kind}")


def _spelled(value: int, chance: Chance) -> str:
    """A number in one of C's three bases."""
    return chance.choice((str(value), str(value), hex(value), f"0x{value:08X}", f"0{value:o}"))


def _between(low: int, high: int, chance: Chance) -> int:
    """A number in a range, often at its ends or a round one, now and then one past it."""
    edges = [
        low,
        high,
        min(high, low + 1),
        max(low, high - 1),
        min(high, 1 << chance.randrange(high.bit_length() + 1)),
    ]
    if chance.random() < 0.02:
        return high + 1
    small = chance.randrange(low, min(high, low + 200) + 1)
    return max(low, chance.choice((*edges, small, small, chance.randrange(low, high + 1))))


def _number(kind, _family, chance):
    return [_spelled(_between(kind.low, kind.high, chance), chance)]


def _numbers(kind, _family, chance):
    top = (1 << kind.bits) - 1
    return [_range(0, top, ":", chance)]


def _range(low: int, high: int, sign: str, chance: Chance) -> str:
    ends = sorted((_between(low, high, chance), _between(low, high, chance)))
    if chance.random() < 0.03:
        ends.reverse()
    first, last = (_spelled(end, chance) for end in ends)
    return chance.choice(
        (first, f"{first}{sign}{last}", f"{first}{sign}{last}", f"{sign}{last}", f"{first}{sign}")
    )


def _masked(kind, _family, chance):
    top = (1 << kind.bits) - 1
    value = _spelled(_between(0, top, chance), chance)
    masks = kind.make is None or kind.make.__name__ in ("_set_mark", "_set_xmark")
    return [
        f"{value}/{_spelled(_between(0, top, chance), chance)}" if masks and chance.random() < 0.6 else value
    ]


def _masked_or_name(kind, _family, chance):
    named = chance.choice([*kind.names, _spelled(_between(0, 0xFFFFFFFF, chance), chance)])
    return [named if chance.random() < 0.6 else f"{chance.randrange(1 << 16)}/{chance.randrange(1 << 16):#x}"]


def _text(chance: Chance, most: int) -> str:
    letters = chance.choice(("abcXYZ019_-", "abc .:/", 'a b"', "a'\\\"", "ab|,;", "é a", "%s {}", "-"))
    count = chance.choice((1, 2, 5, 9, most, most + 1)) if chance.random() < 0.3 else chance.randrange(1, 12)
    return "".join(chance.choice(letters) for _ in range(count))


def _quoted(text: str, chance: Chance) -> str:
    if text.isalnum() and chance.random() < 0.5:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _name(kind, _family, chance):
    count = chance.choice((1, 3, 8, kind.longest, kind.longest + (chance.random() < 0.2)))
    return ["".join(chance.choice("abcdeXYZ0189_") for _ in range(count))]


def _choice(kind, _family, chance):
    word = chance.choice([*kind.allowed, *kind.aliases])
    return [word.upper() if chance.random() < 0.1 else word]


def _answer(_kind, family, chance):
    word = chance.choice([word for pair in ANSWERS[family].items() for word in pair])
    return [chance.choice((word, word, word.upper(), word[: chance.randrange(1, len(word) + 1)]))]


def _word_set(kind, _family, chance):
    some = chance.sample(kind.order, chance.randrange(1, min(5, len(kind.order)) + 1))
    joined = ",".join(some)
    return [chance.choice((joined, joined, joined.lower(), joined.upper()))]


def _address(family: int, chance: Chance) -> str:
    if family == 4:
        return ".".join(
            str(chance.choice((0, 1, 10, 127, 192, 255, chance.randrange(256)))) for _ in range(4)
        )
    return chance.choice(
        ("::", "::1", f"fd00::{chance.randrange(65536):x}", "2001:DB8:0:0:1::", "::ffff:10.0.0.1", "fe80::1:0:0:2",
         "::10.1.2.3", ":".join(f"{chance.randrange(65536):x}" for _ in range(8)))
    )  # fmt: skip


def _network(family: int, chance: Chance) -> str:
    address, length = _address(family, chance), chance.randrange(33 if family == 4 else 129)
    masks = (
        ("255.255.255.0", "255.0.255.0", "0.0.0.0", "255.255.255.255")
        if family == 4
        else ("ffff::", "ffff:0:ffff::")
    )
    return chance.choice(
        (address, f"{address}/{length}", f"{address}/{length}", f"{address}/{chance.choice(masks)}")
    )


def _address_range(_kind, family, chance):
    first, last = _address(family, chance), _address(family, chance)
    return [chance.choice((first, f"{first}-{last}", f"{first}-{last}"))]


def _prefix_length(_kind, family, chance):
    if family == 4 and chance.random() < 0.1:
        return [chance.choice(("255.255.255.0", "255.255.0.255", "0.0.0.0"))]
    return [str(chance.randrange(33 if family == 4 else 129))]


_PORT_NAMES = ("http", "https", "domain", "ssh", "ftp-data", "kerberos", "sip")


def _port(chance: Chance) -> str:
    if chance.random() < 0.12:
        return chance.choice(_PORT_NAMES)
    return _spelled(_between(0, 65535, chance), chance)


def _ports(sign: str) -> Callable[[object, int, Chance], Words]:
    def ports(_kind: object, _family: int, chance: Chance) -> Words:
        ends = sorted((_between(0, 65535, chance), _between(0, 65535, chance)))
        opened = [f"{sign}{ends[1]}", f"{ends[0]}{sign}"] if sign == ":" else []
        return [
            chance.choice((_port(chance), f"{ends[0]}{sign}{ends[1]}", f"{ends[0]}{sign}{ends[0]}", *opened))
        ]

    return ports


def _port_list(_kind, _family, chance):
    part = _ports(":")
    return [",".join(part(None, 4, chance)[0] for _ in range(chance.choice((1, 2, 3, 7, 15, 16))))]


def _nat(_kind, family, chance):
    first, last = _address(family, chance), _address(family, chance)
    ends = sorted((chance.randrange(1, 65536), chance.randrange(1, 65536)))
    ports = chance.choice(("", "", f":{ends[0]}", f":{ends[0]}-{ends[1]}", f":{chance.choice(_PORT_NAMES)}"))
    both = chance.choice((first, first, f"{first}-{last}", f"{first}-{first}"))
    if family == 6 and (ports or chance.random() < 0.1):
        both = f"[{both}]"
    return [chance.choice((both + ports, both + ports, both + ports, ports or both))]


def _mac(_kind, _family, chance):
    octets = [f"{chance.randrange(256):02x}" for _ in range(6)]
    return [":".join(octets) if chance.random() < 0.7 else ":".join(octets).upper()]


def _icmp(kind, _family, chance):
    names = [*ICMP_NAMES] if "ping" in kind.names and "any" in kind.names else [*ICMPV6_NAMES]
    number = str(chance.randrange(256))
    return [
        chance.choice(
            (chance.choice(names), chance.choice(names), number, f"{number}/{chance.randrange(256)}")
        )
    ]


def _tcp_flags(_kind, _family, chance):
    flags = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")

    def some() -> str:
        return chance.choice(("ALL", "NONE", ",".join(chance.sample(flags, chance.randrange(1, 6)))))

    mask = some()
    return [mask, "NONE" if mask == "NONE" else some()]


def _rate(_kind, _family, chance):
    unit = chance.choice(
        ("", "/s", "/sec", "/second", "/m", "/min", "/minute", "/h", "/hour", "/d", "/day", "/DAY", "/sECo")
    )
    return [
        f"{chance.choice((1, 2, 3, 5, 7, 10, 59, 60, 100, 999, 10000, chance.randrange(1, 20000)))}{unit}"
    ]


def _hash_rate(_kind, _family, chance):
    if chance.random() < 0.5:
        return _rate(None, 4, chance)
    return [
        f"{chance.choice((1, 2, 16, 512, 1000, 1024, chance.randrange(1, 1 << 20)))}{chance.choice(('', 'k', 'm'))}b/s"
    ]


def _burst(_kind, _family, chance):
    number = chance.choice((1, 5, 100, chance.randrange(1, 10000)))
    return [f"{number}{chance.choice(('', '', 'b', 'kb', 'mb', 'k', 'm'))}"]


def _some(words: tuple[str, ...], most: int, signs: str = ",") -> Callable[[object, int, Chance], Words]:
    def some(_kind: object, _family: int, chance: Chance) -> Words:
        return [chance.choice(signs).join(chance.sample(words, chance.randrange(1, most + 1)))]

    return some


def _date(_kind, _family, chance):
    parts = [f"{chance.randrange(1970, 2039)}"]
    if chance.random() < 0.8:
        parts.append(f"-{chance.randrange(1, 13):0{chance.choice((1, 2))}}")
        if chance.random() < 0.8:
            parts.append(f"-{chance.randrange(1, 32):02}")
            if chance.random() < 0.8:
                parts.append(f"T{chance.randrange(24):02}")
                if chance.random() < 0.8:
                    parts.append(f":{chance.randrange(60):02}")
                    parts += [f":{chance.randrange(60):02}"] * (chance.random() < 0.6)
    return ["".join(parts)]


def _day_time(_kind, _family, chance):
    seconds = chance.choice(("", ":00", f":{chance.randrange(60)}", f":{chance.randrange(60):02}"))
    return [f"{chance.randrange(24):0{chance.choice((1, 2))}}:{chance.randrange(60):02}{seconds}"]


def _u32(_kind, _family, chance):
    def number() -> str:
        return _spelled(_between(0, 0xFFFFFFFF, chance), chance)

    def test() -> str:
        steps = "".join(
            chance.choice(
                (f"&{number()}", f"@{number()}", f">>{chance.randrange(32)}", f"<<{chance.randrange(32)}")
            )
            for _ in range(chance.randrange(4))
        )
        values = ",".join(
            chance.choice((number(), f"{number()}:{number()}")) for _ in range(chance.randrange(1, 4))
        )
        return f"{number()}{steps}={values}"

    text = "&&".join(test() for _ in range(chance.randrange(1, 4)))
    return [f'"{text}"' if chance.random() < 0.7 else text]


def _hex_pattern(_kind, _family, chance):
    block = chance.choice((" ", "")).join(
        f"{chance.randrange(256):02x}" for _ in range(chance.randrange(1, 9))
    )
    return [
        _quoted(
            chance.choice((f"|{block}|", f"GET |{block}|", f"|{block}|abc", f"|{block.upper()}|x|{block}|")),
            chance,
        )
    ]


def _ids(_kind, _family, chance):
    ends = sorted((_between(0, 0xFFFFFFFE, chance), _between(0, 0xFFFFFFFE, chance)))
    return [chance.choice((str(ends[0]), _spelled(ends[0], chance), f"{ends[0]}-{ends[1]}", "root"))]


def _chunks(_kind, _family, chance):
    def one() -> str:
        name = chance.choice(list(CHUNKS))
        flags = {"DATA": "IUBE", "ABORT": "T", "SHUTDOWN_COMPLETE": "T"}.get(name, "")
        letters = "".join(
            chance.choice((letter, letter.lower())) for letter in flags if chance.random() < 0.5
        )
        return f"{name}:{letters}" if letters else name

    listed = chance.choice(("ALL", "NONE", ",".join(one() for _ in range(chance.randrange(1, 5)))))
    return [chance.choice(("any", "all", "only")), listed]


def _set_lookup(_kind, family, chance):
    directions = [chance.choice(("src", "dst")) for _ in range(chance.choice((1, 1, 2, 3)))]
    return [f"{chance.choice(('ip', 'port'))}{family}", ",".join(directions)]


def _events(kind, _family, chance):
    return [",".join(chance.sample(kind.order, chance.randrange(1, len(kind.order) + 1)))]


def _ipv6_options(_kind, _family, chance):
    def one() -> str:
        length = chance.choice(("", f":{chance.randrange(256)}"))
        return f"{chance.randrange(256)}{length}"

    return [",".join(one() for _ in range(chance.choice((1, 2, 3, 16))))]


def _bpf(_kind, _family, chance):
    """A program the kernel lets through: loads and jumps that end in a return."""
    count = chance.randrange(1, 5)
    loads = [
        f"{chance.choice((0x30, 0x28, 0x20))} 0 0 {_between(0, 0xFFFF, chance)}" for _ in range(count - 1)
    ]
    return [f'"{count},{",".join([*loads, f"6 0 0 {chance.randrange(1 << 32)}"])}"']


def _probability(_kind, _family, chance):
    return [
        chance.choice(
            (
                f"{chance.random():.{chance.randrange(1, 12)}f}",
                "0",
                "1",
                ".5",
                "1e-3",
                "0.33333333349",
                "1.0",
                "0x.8p0",
                "0.00000000047",
                str(chance.random()),
            )
        )
    ]


def _bit_rate(_kind, _family, chance):
    unit = chance.choice(
        (
            "",
            "bit",
            "kbit",
            "mbit",
            "gbit",
            "tbit",
            "kibit",
            "mibit",
            "bps",
            "kbps",
            "KBps",
            "mbps",
            "kibps",
            "Mbit",
        )
    )
    return [f"{chance.choice((1, 8, 64, 100, '1.5', chance.randrange(1, 100000)))}{unit}"]


def _time(_kind, _family, chance):
    return [
        chance.choice(
            ("250ms", "500ms", "1s", "2s", "4s", "0.5s", "300msec", "250000us", "1500ms", "7secs", "8s")
        )
    ]


def _cut_name(most: int) -> Callable[[int, Chance], Words]:
    return lambda _family, chance: [
        "".join(chance.choice("abcXYZ019") for _ in range(chance.choice((1, 6, most))))
    ]


def _plain(*words: str) -> Callable[[object, int, Chance], Words]:
    return lambda _kind, _family, chance: [chance.choice(words)]


_BY_KIND: dict[str, Callable[..., Words]] = {
    "Flag": lambda *_: [],
    "Number": _number,
    "Numbers": _numbers,
    "MaskedHex": _masked,
    "_Bits": lambda _kind, _family, chance: [_spelled(chance.randrange(256), chance)],
    "MaskedOrName": _masked_or_name,
    "Probability": _probability,
    "Text": lambda kind, _family, chance: [_quoted(_text(chance, kind.longest), chance)],
    "_Prefix": lambda kind, _family, chance: [_quoted(_text(chance, kind.longest), chance)],
    "Name": _name,
    "Choice": _choice,
    "WordSet": _word_set,
    "_Statuses": lambda kind, family, chance: (
        ["NONE"] if chance.random() < 0.1 else _word_set(kind, family, chance)
    ),
    "NetworkKind": lambda _kind, family, chance: [_network(family, chance)],
    "Ports": _ports(":"),
    "DashedPorts": _ports("-"),
    "NatTarget": _nat,
    "AddressRangeKind": _address_range,
    "Host": lambda _kind, family, chance: [_address(family, chance)],
    "PrefixLength": _prefix_length,
    "MacAddress": _mac,
    "Tos": lambda _kind, _family, chance: [
        chance.choice(
            (
                *TOS_NAMES,
                "Minimize-Delay",
                _spelled(chance.randrange(256), chance),
                f"{chance.randrange(256):#x}/{chance.randrange(256)}",
            )
        )
    ],
    "DscpClass": lambda _kind, _family, chance: [chance.choice((*DSCP_CLASSES, "ef", "cs3", "Af11"))],
    "RateKind": _rate,
    "TcpFlagPair": _tcp_flags,
    "_Syn": lambda *_: [],
    "IcmpKind": _icmp,
    "Protocol": _plain("tcp", "udp", "6", "ESP", "ah", "0", "255", "ipcomp"),
    "_ProtocolNumber": _plain("tcp", "udp", "6"),
    "SetLookupKind": _set_lookup,
    "Ipv6Options": _ipv6_options,
    "_Program": _bpf,
    "_Amount": lambda _kind, _family, chance: [_range(0, (1 << 64) - 1, ":", chance)],
    "_Label": lambda _kind, _family, chance: [str(_between(0, 127, chance))],
    "_AnyRate": _hash_rate,
    "_Burst": _burst,
    "_Mode": _some(("srcip", "srcport", "dstip", "dstport"), 4, ",|"),
    "_Headers": _some(tuple(word for name, others in HEADERS.items() for word in (name, *others)), 4),
    "_Types": lambda _kind, _family, chance: [
        chance.choice(
            (*MH_TYPES, f"{chance.randrange(8)}:{chance.randrange(8)}", ":3", "bu:", "brr:coti", "255", "BU")
        )
    ],
    "PortList": _port_list,
    "_Ids": _ids,
    "_BitRate": _bit_rate,
    "_PacketRate": lambda _kind, _family, chance: [str(_between(0, 0xFFFFFFFF, chance))],
    "_Addresses": lambda _kind, _family, chance: [
        ",".join(_address(6, chance) for _ in range(chance.choice((1, 2, 16))))
    ],
    "_Chunks": _chunks,
    "_HexPattern": _hex_pattern,
    "_Pattern": lambda _kind, _family, chance: [_quoted(_text(chance, 128), chance)],
    "_Date": _date,
    "_DayTime": _day_time,
    "_MonthDays": lambda _kind, _family, chance: [
        ",".join(str(chance.randrange(1, 32)) for _ in range(chance.randrange(1, 6)))
    ],
    "_WeekDays": _some(("Mon", "Tu", "3", "Thursday", "5", "Sat", "Su", "7", "mo"), 4),
    "_Tests": _u32,
    "_TrafficClass": lambda _kind, _family, chance: [
        f"{chance.randrange(65536):x}:{chance.randrange(65536):X}"
    ],
    "_Zone": lambda _kind, _family, chance: [
        chance.choice(("mark", _spelled(_between(0, 65535, chance), chance)))
    ],
    "_Parts": _some(("src", "dst", "sport", "dport", "spi", "ct", "proto"), 4),
    "_Level": lambda _kind, _family, chance: [chance.choice((*LEVELS, *"012345678"))],
    "_Queues": lambda _kind, _family, chance: [f"{chance.randrange(300)}:{chance.randrange(65536)}"],
    "_Time": _time,
    "_Options": _some((*TCP_OPTIONS, "3", "19", "0x1e", "255"), 4),
    "_Port": lambda _kind, _family, chance: [_port(chance)],
    "_Events": _events,
    "_Upper": _choice,
    "_Answer": _answer,
    "_Delay": _plain("inf", "500", "0"),
}


def _serial(prefix: str) -> Callable[[int, Chance], Words]:
    """A name that no other rule has: the kernel ties state to it."""
    return lambda _family, chance: [f"{prefix}{chance.randrange(1 << 40):x}"]


_SPECIAL: dict[str, Callable[[int, Chance], Words]] = {
    "recent --seconds": lambda _family, chance: [str(_between(1, 0x7FFFFFFF, chance))],
    "string --algo": lambda _family, chance: [chance.choice(("bm", "kmp"))],
    "TEE --gateway": lambda family, chance: [_address(family, chance)],
    "policy --proto": lambda _family, chance: [chance.choice(("esp", "ah", "ipcomp", "50", "tcp"))],
    "conntrack --ctproto": lambda _family, chance: [
        chance.choice(("tcp", "udp", "sctp", "6", "0x11", "255", "icmp"))
    ],
    "hashlimit --hashlimit-name": _serial("h"),
    "recent --name": _serial("r"),
    "RATEEST --rateest-name": _serial("e"),
    "IDLETIMER --label": _serial("t"),
    "rateest --rateest1": lambda _family, _chance: ["est1"],
    "rateest --rateest": lambda _family, _chance: ["est1"],
    "rateest --rateest2": lambda _family, _chance: ["est2"],
    "cgroup --path": lambda _family, chance: [chance.choice(("/", '"/"'))],
    "CT --helper": lambda _family, chance: [chance.choice(("ftp", "irc"))],
    "recent --hitcount": lambda _family, chance: [str(_between(1, 255, chance))],
    "IDLETIMER --timeout": lambda _family, chance: [str(chance.randrange(1, 1000))],
    "hashlimit --hashlimit-htable-size": lambda _family, chance: [str(chance.randrange(1, 1000))],
}


def rules(block: str, family: int, count: int, seed: object) -> Iterator[str]:
    """Yield so many rules, the same for the same seed."""
    for number in range(count):
        yield rule(block, family, random.Random(f"{seed}:{block}:{family}:{number}"))
