"""Routes and policy rules, as the arguments of ``ip route add`` and ``ip rule add`` say them.

The same words that ``ip route show`` and ``ip rule show`` print are understood too. Addresses are
integers; the family (4 or 6) comes from outside. What the words mean is in :mod:`natc.netfilter.node.fib`.

Facts: ip-route(8), ip-rule(8), include/uapi/linux/rtnetlink.h, fib_rules.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from natc.errors import NodeError
from natc.values import evolve, field, frozen

#: Routing tables by the names every system knows (rt_tables).
TABLES = {"local": 255, "main": 254, "default": 253}

#: What a route of each type does to a packet that takes it; None where it delivers or forwards it.
ERRORS = {
    "unicast": None,
    "local": None,
    "broadcast": None,
    "anycast": None,
    "multicast": None,
    "blackhole": "EINVAL",
    "unreachable": "EHOSTUNREACH",
    "prohibit": "EACCES",
    "throw": "EAGAIN",
}

_SCOPES = {"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


@frozen
class Prefix:
    """A network: ``address`` has its host bits clear, ``length`` counts the leading ones of the mask."""

    address: int
    length: int
    bits: int

    @property
    def mask(self) -> int:
        return ((1 << self.length) - 1) << (self.bits - self.length)

    def __contains__(self, address: int) -> bool:
        return address & self.mask == self.address

    def __str__(self) -> str:
        family = IPv4Network if self.bits == 32 else IPv6Network
        return str(family((self.address, self.length)))


#: Stands for a realm that has a name, whose number the node's files say.
UNNUMBERED = -1


@frozen
class NextHop:
    """Where a route leads: a device, through a gateway or, without one, directly."""

    device: str | None = None
    gateway: int | None = None
    weight: int = 1
    realms: int = 0
    """The realm that its packets have, above it that of the source; :data:`UNNUMBERED` for a name."""


@frozen
class Route:
    """One line of a routing table."""

    destination: Prefix
    type: str = "unicast"
    hops: tuple[NextHop, ...] = (NextHop(),)
    """Several only for a multipath route; the kernel then picks one by a hash of the flow."""
    source: int | None = None
    """The preferred source address (``src``)."""
    table: int = TABLES["main"]
    metric: int = 0
    tos: int = 0
    scope: int = 0

    @property
    def error(self) -> str | None:
        """The name of the error of a route that refuses, else None."""
        return ERRORS[self.type]


@frozen
class PolicyRule:
    """One line of ``ip rule``: which packets look into which table. A field that is None asks nothing."""

    priority: int | None = None
    """None: the kernel chooses one, before the table main."""
    table: int | None = None
    action: str = "lookup"
    """``lookup``, or the type of an immediate answer: blackhole, unreachable, prohibit, nop, goto."""
    source: Prefix | None = None
    destination: Prefix | None = None
    in_interface: str | None = None
    """``lo`` means packets that the node itself sends."""
    out_interface: str | None = None
    mark: int = 0
    mark_mask: int = 0
    tos: int = 0
    protocol: int | None = None
    sports: tuple[int, int] | None = None
    dports: tuple[int, int] | None = None
    uids: tuple[int, int] | None = None
    inverted: bool = False
    suppress_prefix: int = field(default=-1)
    """Routes this short or shorter do not count (``suppress_prefixlength``)."""
    goto: int | None = None
    realms: int = 0
    """What it gives packets whose route names no realm, as in a next hop."""


# ---- reading


@contextmanager
def _naming(what: str, text: str) -> Iterator[None]:
    """Have errors say which route or rule is meant."""
    try:
        yield
    except NodeError as error:
        raise NodeError(f"{what} {text!r}: {error.message}", error.span, error.expected) from None


def parse_route(text: str, family: int) -> Route:
    """Read one route; raise :class:`NodeError` for words that are none."""
    with _naming("route", text):
        return _route(_Words(text), family)


def _route(words: _Words, family: int) -> Route:
    kind = words.take() if words.peek() in ERRORS else "unicast"
    destination = parse_prefix(words.take(), family)
    values: dict[str, Any] = {"metric": 1024} if family == 6 and kind != "local" else {}
    hops = [NextHop()]
    for word in words:
        if word in ("via", "dev", "nexthop", "weight", "realm", "realms"):
            _add_hop(hops, word, words, family)
        elif word in _ROUTE_WORDS:
            values |= _ROUTE_WORDS[word](words, family)
        elif word in _ROUTE_DETAILS:
            words.skip(1)
        elif word not in _ROUTE_FLAGS:
            raise NodeError(f"{word!r} is no word of a route")
    named = tuple(hop for hop in hops if hop.device or hop.gateway is not None) or (hops[0],)
    values.setdefault("scope", _default_scope(kind, named[0]))
    values.setdefault("table", TABLES["local" if kind in _OWN_KINDS else "main"])
    return Route(destination, kind, named, **values)


#: Types of routes that ``ip route add`` puts into the table ``local`` unless another is named.
_OWN_KINDS = frozenset({"local", "broadcast", "anycast", "nat"})
#: Words of a route that change no decision of natc's, with one word each that belongs to them.
_ROUTE_DETAILS = frozenset({
    "proto", "pref", "mtu", "advmss", "hoplimit", "initcwnd", "initrwnd", "rtt", "rttvar", "window",
    "error", "expires", "quickack", "nhid",
})  # fmt: skip
#: The same, without a further word.
_ROUTE_FLAGS = frozenset(
    ("onlink", "linkdown", "dead", "offload", "trap", "rt_trap", "rt_offload", "pervasive")
)


def _add_hop(hops: list[NextHop], word: str, words: _Words, family: int) -> None:
    """Read one word about a next hop into the last of ``hops``; ``nexthop`` begins another."""
    hop = hops[-1]
    if word == "nexthop":
        hops.append(NextHop())
    elif word == "dev":
        hops[-1] = evolve(hop, device=words.take())
    elif word.startswith("realm"):
        hops[-1] = evolve(hop, realms=_realms_in(words.take()))
    elif word == "weight":
        hops[-1] = evolve(hop, weight=_integer(words.take()))
    else:
        if words.peek() in ("inet", "inet6"):
            words.skip(1)
        hops[-1] = evolve(hop, gateway=parse_address(words.take(), family))


def _default_scope(kind: str, hop: NextHop) -> int:
    """What ``ip route add`` fills in: host for local, link for what needs no gateway, else global."""
    if kind == "local":
        return _SCOPES["host"]
    if kind in ("broadcast", "multicast", "anycast") or (kind == "unicast" and hop.gateway is None):
        return _SCOPES["link"]
    return _SCOPES["global"]


def parse_rule(text: str, family: int) -> PolicyRule:
    """Read one policy rule; raise :class:`NodeError` for words that are none."""
    with _naming("rule", text):
        return _rule(_Words(text), family)


def _rule(words: _Words, family: int) -> PolicyRule:
    values: dict[str, Any] = {}
    first = words.peek()
    if first.endswith(":") and first[:-1].isdecimal():
        values["priority"] = int(words.take()[:-1])
    for word in words:
        if word in _RULE_WORDS:
            values |= _RULE_WORDS[word](words, family)
        elif word in ("blackhole", "unreachable", "prohibit", "nop"):
            values["action"] = word
        elif word == "not":
            values["inverted"] = True
        elif word in ("protocol", "suppress_ifgroup", "proto"):
            words.skip(1)
        else:
            raise NodeError(f"{word!r} is no word of a rule")
    if values.get("action") is None and "table" not in values:
        values["table"] = TABLES["main"]
    return PolicyRule(**values)


#: Reads the words that belong to one word of a rule into fields of :class:`PolicyRule`.
_Reader = Callable[["_Words", int], dict[str, Any]]


def _prefix_field(name: str) -> _Reader:
    def read(words: _Words, family: int) -> dict[str, Any]:
        text = words.take()
        return {} if text == "all" else {name: parse_prefix(text, family)}

    return read


def _word_field(name: str) -> _Reader:
    return lambda words, family: {name: words.take()}


def _number_field(name: str) -> _Reader:
    return lambda words, family: {name: _integer(words.take())}


def _range_field(name: str) -> _Reader:
    def read(words: _Words, family: int) -> dict[str, Any]:
        low, dash, high = words.take().partition("-")
        return {name: (_integer(low), _integer(high if dash else low))}

    return read


def _mark(words: _Words, family: int) -> dict[str, Any]:
    value, slash, mask = words.take().partition("/")
    number = _integer(value)
    # Without a mask the kernel compares all 32 bits, but mark 0 alone asks nothing (fib_rules.c).
    return {"mark": number, "mark_mask": _integer(mask) if slash else (0xFFFFFFFF if number else 0)}


def _lookup(words: _Words, family: int) -> dict[str, Any]:
    return {"table": _table(words.take())}


def _protocol(words: _Words, family: int) -> dict[str, Any]:
    word = words.take()
    names = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58, "sctp": 132}
    return {"protocol": names[word] if word in names else _integer(word)}


def _realms(words: _Words, family: int) -> dict[str, Any]:
    return {"realms": _realms_in(words.take())}


def _realms_in(text: str) -> int:
    """Read ``[SOURCE/]DESTINATION``."""
    try:
        first, *more = (int({"cosmos": "0"}.get(part, part), 0) for part in text.split("/"))
    except ValueError:
        return UNNUMBERED
    return first << 16 | more[0] if more else first


def _goto(words: _Words, family: int) -> dict[str, Any]:
    return {"action": "goto", "goto": _integer(words.take())}


class _Words:
    """The words of one line, taken from the left."""

    def __init__(self, text: str) -> None:
        self._words = text.split()
        self._next = 0

    def __iter__(self) -> Iterator[str]:
        while self._next < len(self._words):
            yield self.take()

    def peek(self) -> str:
        return self._words[self._next] if self._next < len(self._words) else ""

    def take(self) -> str:
        if self._next >= len(self._words):
            raise NodeError("it ends in the middle")
        self._next += 1
        return self._words[self._next - 1]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.take()


_ROUTE_WORDS: dict[str, _Reader] = {
    "metric": _number_field("metric"),
    "preference": _number_field("metric"),
    "priority": _number_field("metric"),
    "tos": _number_field("tos"),
    "dsfield": _number_field("tos"),
    "table": _lookup,
    "src": lambda words, family: {"source": parse_address(words.take(), family)},
    "scope": lambda words, family: {"scope": _scope(words.take())},
}
_RULE_WORDS: dict[str, _Reader] = {
    "from": _prefix_field("source"),
    "to": _prefix_field("destination"),
    "iif": _word_field("in_interface"),
    "dev": _word_field("in_interface"),
    "oif": _word_field("out_interface"),
    "fwmark": _mark,
    "tos": _number_field("tos"),
    "dsfield": _number_field("tos"),
    "priority": _number_field("priority"),
    "preference": _number_field("priority"),
    "pref": _number_field("priority"),
    "order": _number_field("priority"),
    "suppress_prefixlength": _number_field("suppress_prefix"),
    "sup_pl": _number_field("suppress_prefix"),
    "table": _lookup,
    "lookup": _lookup,
    "ipproto": _protocol,
    "sport": _range_field("sports"),
    "dport": _range_field("dports"),
    "uidrange": _range_field("uids"),
    "goto": _goto,
    "realm": _realms,
    "realms": _realms,
}


def parse_address(text: str, family: int) -> int:
    """Read one address of the family as a number."""
    try:
        address = ip_address(text)
    except ValueError:
        raise NodeError(f"{text!r} is not an IP address") from None
    if address.version != family:
        raise NodeError(f"{text!r} is not an address of IPv{family}")
    return int(address)


def parse_prefix(text: str, family: int) -> Prefix:
    """Read ``default``, ``ADDRESS`` or ``ADDRESS/LENGTH``."""
    bits = 32 if family == 4 else 128
    if text in ("default", "any", "all"):
        return Prefix(0, 0, bits)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise NodeError(f"{text!r} is not a network") from None
    if network.version != family:
        raise NodeError(f"{text!r} is not a network of IPv{family}")
    return Prefix(int(network.network_address), network.prefixlen, bits)


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise NodeError(f"{text!r} is not a number") from None


def _table(text: str) -> int:
    return TABLES[text] if text in TABLES else _integer(text)


def _scope(text: str) -> int:
    return _SCOPES[text] if text in _SCOPES else _integer(text)
