"""The node: its interfaces, addresses, routes, policy rules and the sysctls that decide about packets.

A :class:`Host` is made from a node file (:meth:`Host.from_node`) or from what ``ip -j`` shows of a running
node (:mod:`natc.text.node.ip_json`). It holds one family, 4 or 6; addresses are integers, texts of them come
from :func:`natc.netfilter.kinds.addresses.address_of`. What the kernel adds by itself is here too: the
loopback addresses, the table ``local``, connected routes, the default policy rules. Decisions about a packet
are in :mod:`natc.netfilter.node.routing`.

Facts: net/ipv4/devinet.c (inet_insert_ifa, inet_select_addr), net/ipv4/fib_frontend.c (fib_add_ifaddr),
net/ipv6/addrconf.c, and tables of a running kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any, Self

from natc.errors import NodeError
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.node.fib import Fib, default_rules, numbered
from natc.netfilter.node.iproute import TABLES, NextHop, PolicyRule, Prefix, Route, parse_route, parse_rule
from natc.values import evolve, field, frozen

#: Address scopes (rtnetlink.h): how far an address is valid; larger is narrower.
GLOBAL, SITE, LINK, HOST = 0, 200, 253, 254


@frozen
class InterfaceAddress:
    """One address of an interface, with the length of its network's prefix."""

    address: int
    length: int
    bits: int
    scope: int = GLOBAL
    secondary: bool = False
    """IPv4: another address of the same network was there before."""

    @property
    def network(self) -> Prefix:
        mask = ((1 << self.length) - 1) << (self.bits - self.length)
        return Prefix(self.address & mask, self.length, self.bits)


@frozen
class Interface:
    """A network device. Its addresses are in the kernel's order, which is not always that of adding."""

    name: str
    addresses: tuple[InterfaceAddress, ...] = ()
    kind: str | None = None
    """``bridge``, else None."""
    master: str | None = None
    """The bridge this interface is a port of."""

    @classmethod
    def of(cls, name: str, texts: Iterable[str], family: int, **more: str | None) -> Self:
        """Make an interface of addresses in text form, in the order they were added."""
        addresses: tuple[InterfaceAddress, ...] = ()
        for text in texts:
            added = _interface_address(text, family)
            addresses = _inserted4(addresses, added) if family == 4 else _inserted6(addresses, added)
        return cls(name, addresses, **more)


def _interface_address(text: str, family: int) -> InterfaceAddress:
    try:
        found = ip_interface(text)
    except ValueError:
        raise NodeError(f"{text!r} is not an interface address") from None
    if found.version != family:
        raise NodeError(f"{text!r} is not an address of IPv{family}")
    scope = HOST if found.ip.is_loopback else LINK if family == 6 and found.ip.is_link_local else GLOBAL
    return InterfaceAddress(int(found.ip), found.network.prefixlen, found.max_prefixlen, scope)


def _inserted4(there: tuple[InterfaceAddress, ...], new: InterfaceAddress) -> tuple[InterfaceAddress, ...]:
    """IPv4: an address of a known network is secondary and goes last, others behind those as wide."""
    if any(old.network == new.network for old in there if not old.secondary):
        return (*there, evolve(new, secondary=True))
    as_wide = [i + 1 for i, old in enumerate(there) if not old.secondary and new.scope <= old.scope]
    place = max(as_wide, default=0)
    return (*there[:place], new, *there[place:])


def _inserted6(there: tuple[InterfaceAddress, ...], new: InterfaceAddress) -> tuple[InterfaceAddress, ...]:
    """IPv6: wider scopes first, and of one scope the address that was added last."""
    place = next((i for i, old in enumerate(there) if new.scope <= old.scope), len(there))
    return (*there[:place], new, *there[place:])


_LOOPBACK = {4: "127.0.0.1/8", 6: "::1/128"}


@frozen
class Host:
    """One family of a node."""

    family: int
    interfaces: tuple[Interface, ...]
    """In order of device number; the loopback device ``lo`` first."""
    routes: tuple[Route, ...] = ()
    """The routes of every table that somebody added; the implicit ones only if ``complete``."""
    rules: tuple[PolicyRule, ...] = field()
    """Every policy rule in order of priority, the default ones included."""
    sysctls: Mapping[str, int] = field(factory=dict, hash=False)
    """By their dotted names; what is not given has the kernel's default."""
    ip_forward: bool = True
    complete: bool = False
    """``routes`` holds what the kernel adds by itself, too: it was read off a running node."""
    fib: Fib = field(init=False, eq=False, repr=False)
    realms: frozenset[int] = field(init=False, eq=False, repr=False)
    """The realms that routes and policy rules give to packets; of all others that is 0."""
    _local: frozenset[int] = field(init=False, eq=False, repr=False)

    @rules.default
    def _default_rules(self) -> tuple[PolicyRule, ...]:
        return default_rules(self.family)

    @fib.default
    def _make_fib(self) -> Fib:
        implicit = () if self.complete else implicit_routes(self)
        return Fib((*implicit, *self.routes), self.rules)

    @realms.default
    def _collect_realms(self) -> frozenset[int]:
        named = {hop.realms for route in self.routes for hop in route.hops}
        return frozenset((named | {rule.realms for rule in self.rules}) - {0})

    @_local.default
    def _collect_local(self) -> frozenset[int]:
        return frozenset(a.address for i in self.interfaces for a in i.addresses)

    # ---- making one

    @classmethod
    def from_node(cls, node: Mapping[str, Any]) -> Self:
        """Make a host of a node file's contents; raise :class:`NodeError` when it is not one."""
        family = node.get("family", 4)
        if family not in (4, 6):
            raise NodeError(f"family {family!r} is neither 4 nor 6")
        listed = _list_of(node, "interfaces", Mapping)
        interfaces = [_interface(entry, family) for entry in listed]
        sysctls = node.get("sysctl", {})
        if not isinstance(sysctls, Mapping):
            raise NodeError("sysctl is not a mapping of names to numbers")
        return cls(
            family,
            with_loopback(interfaces, family),
            tuple(parse_route(text, family) for text in _list_of(node, "routes", str)),
            numbered(default_rules(family), (parse_rule(t, family) for t in _list_of(node, "rules", str))),
            {name.replace("/", "."): _sysctl_value(name, value) for name, value in sysctls.items()},
            bool(node.get("ip_forward", 1)),
        )

    # ---- asking it

    @property
    def bits(self) -> int:
        """How many bits an address has."""
        return 32 if self.family == 4 else 128

    def interface(self, name: str | None) -> Interface | None:
        """Return the interface of that name, or None."""
        return next((found for found in self.interfaces if found.name == name), None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of its interfaces in text, those of loopback left out."""
        found = (address_of(a.address, a.bits) for i in self.interfaces for a in i.addresses)
        return tuple(str(address) for address in found if not address.is_loopback)

    def owns(self, address: int) -> bool:
        """Return whether some interface has this very address (127.0.0.2 is none, though local)."""
        return address in self._local

    def sysctl(self, name: str, interface: str | None = None, *, default: int = 0) -> int:
        """Return ``net.ipvN.conf.all`` and ``.INTERFACE`` values of a setting, the larger one.

        That is how the kernel combines rp_filter, route_localnet, accept_local and src_valid_mark
        (inetdevice.h). ``name`` is the last part only.
        """
        base = f"net.ipv{self.family}.conf."
        values = [self.sysctls.get(f"{base}all.{name}", default)]
        if interface is not None:
            standard = self.sysctls.get(f"{base}default.{name}", default)
            values.append(self.sysctls.get(f"{base}{interface}.{name}", standard))
        return max(values)

    def forwards(self, interface: str) -> bool:
        """Return whether packets arriving on ``interface`` may be forwarded."""
        own = self.sysctls.get(f"net.ipv{self.family}.conf.{interface}.forwarding")
        if own is not None and self.family == 4:
            return bool(own)
        general = f"net.ipv{self.family}.{'ip_forward' if self.family == 4 else 'conf.all.forwarding'}"
        return bool(self.sysctls.get(general, self.ip_forward))

    @property
    def has_custom_local_routes(self) -> bool:
        """Whether somebody added a route of type ``local`` to those that follow from the addresses."""
        added = {route.destination for route in self.routes if route.type == "local"}
        if self.complete:
            added -= {route.destination for route in implicit_routes(self)}
        return bool(added)

    @property
    def tcp_loose(self) -> bool:
        """Whether connection tracking picks up TCP connections in their middle."""
        return bool(self.sysctls.get("net.netfilter.nf_conntrack_tcp_loose", 1))

    @property
    def tcp_be_liberal(self) -> bool:
        """Whether connection tracking lets TCP segments outside the window pass as valid."""
        return bool(self.sysctls.get("net.netfilter.nf_conntrack_tcp_be_liberal", 0))

    @property
    def checks_checksums(self) -> bool:
        """Whether connection tracking calls an arriving packet with a bad checksum invalid."""
        return bool(self.sysctls.get("net.netfilter.nf_conntrack_checksum", 1))

    @property
    def counts_connections(self) -> bool:
        """Whether connections count the packets and bytes they carry."""
        return bool(self.sysctls.get("net.netfilter.nf_conntrack_acct", 0))


def _list_of(node: Mapping[str, Any], key: str, kind: type) -> list[Any]:
    found = node.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, kind) for entry in found):
        raise NodeError(f"{key} of the node is not a list of {'texts' if kind is str else 'objects'}")
    return found


def _interface(entry: Mapping[str, Any], family: int) -> Interface:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise NodeError("an interface of the node has no name")
    texts = _list_of(entry, "addrs", str)
    return Interface.of(name, texts, family, kind=entry.get("kind"), master=entry.get("master"))


def _sysctl_value(name: str, value: object) -> int:
    try:
        return int(str(value), 0)
    except ValueError:
        raise NodeError(f"sysctl {name} is {value!r}, not a number") from None


def with_loopback(interfaces: Sequence[Interface], family: int) -> tuple[Interface, ...]:
    """Put ``lo`` first, with the loopback address that every system has."""
    given = next((found for found in interfaces if found.name == "lo"), Interface("lo"))
    standard = _interface_address(_LOOPBACK[family], family)
    addresses = given.addresses
    if all(found.address != standard.address for found in addresses):
        own: tuple[InterfaceAddress, ...] = (standard,)
        for found in addresses:
            own = (_inserted4 if family == 4 else _inserted6)(own, evolve(found, secondary=False))
        addresses = own
    others = [found for found in interfaces if found.name != "lo"]
    return (evolve(given, addresses=addresses), *others)


# ---- what the kernel adds by itself


def implicit_routes(host: Host) -> tuple[Route, ...]:
    """Return the table ``local`` and the connected routes that follow from the addresses."""
    make = _implicit4 if host.family == 4 else _implicit6
    routes = [route for interface in host.interfaces for route in make(host, interface)]
    return tuple(dict.fromkeys(routes))


def _implicit4(host: Host, interface: Interface) -> list[Route]:
    primaries = {a.network: a for a in interface.addresses if not a.secondary}
    routes = []
    for address in interface.addresses:
        source = primaries[address.network].address if address.secondary else address.address
        routes.append(_own(address.address, 32, "local", interface, source, HOST))
        if address.length == 32 or address.secondary:
            continue
        routes += _connected4(interface, address)
    return routes


def _connected4(interface: Interface, address: InterfaceAddress) -> list[Route]:
    network, hop = address.network, (NextHop(interface.name),)
    source = address.address
    kind, table, scope = ("local", "local", HOST) if interface.name == "lo" else ("unicast", "main", LINK)
    routes = [Route(network, kind, hop, source, TABLES[table], scope=scope)]
    if address.length < 31:
        last = network.address | ~network.mask & 0xFFFFFFFF
        routes.append(_own(last, 32, "broadcast", interface, source, LINK))
    return routes


def _implicit6(host: Host, interface: Interface) -> list[Route]:
    routes = []
    for address in interface.addresses:
        routes.append(_own(address.address, 128, "local", interface, None, HOST))
        connected = Route(address.network, "unicast", (NextHop(interface.name),), metric=256, scope=LINK)
        routes.append(connected)
        if address.length < 127 and host.forwards(interface.name) and interface.name != "lo":
            routes.append(_own(address.network.address, 128, "anycast", interface, None, LINK))
    if interface.name != "lo":
        everything = Prefix(0xFF << 120, 8, 128)
        hop = (NextHop(interface.name),)
        routes.append(Route(everything, "multicast", hop, None, TABLES["local"], 256, scope=LINK))
    return routes


def _own(address: int, bits: int, kind: str, interface: Interface, source: int | None, scope: int) -> Route:
    """Return a route of the table ``local`` for one address."""
    hop = (NextHop(interface.name),)
    return Route(Prefix(address, bits, bits), kind, hop, source, TABLES["local"], scope=scope)
