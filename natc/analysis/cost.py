"""How many rules the first packet of a connection is compared with, for every service of a dump.

Counted from PREROUTING, where a packet arrives from the network, to its verdict: through every table
and hook, and behind a translation on to the endpoint. Whatever the rules ask of anything but the
destination (the source, interfaces, marks, chance) makes the count a range, and so does whether an
endpoint is on the node itself. Packets to NodePorts go to an address of the node, those to a network
to its first host, those to a range of ports to the first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_pton

from natc.analysis.audit import Service, audit
from natc.analysis.own_address import ANY_NODE, own_address
from natc.analysis.sheets import Folder
from natc.analysis.walk_cost import END, ON, Range, Walker
from natc.netfilter.condition import All, Condition, In, Not, Some
from natc.netfilter.hooks import SEQUENCES
from natc.netfilter.intervals import Intervals
from natc.netfilter.kinds.ports import Ports
from natc.netfilter.packet import Number, Open, Packet, question_packet
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.trace.program import Program
from natc.values import define, evolve, field, frozen

#: A port as iptables-save writes it.
_NUMBER = re.compile("0|[1-9][0-9]*").fullmatch
#: The hooks behind PREROUTING of a packet for another machine and of one for the node.
_FORWARDED = ("FORWARD", "POSTROUTING")
_DELIVERED = ("INPUT",)


@frozen
class Cost:
    """What one service destination costs its first packet."""

    dst: str
    proto: str
    name: str
    rule: Rule = field(eq=False)
    least: int
    """Rules compared on the shortest way."""
    most: int
    """Rules compared on the longest."""


def costs(ruleset: Ruleset, *, backend: str = "legacy") -> tuple[Cost, ...]:
    """Return the cost of every service destination, the worst first.

    ``backend`` is ``legacy`` or ``nft``: the order of the tables.
    """
    counter = Counter(ruleset, backend)
    found = [counter.cost(service) for service in audit(ruleset, counter.folder)]
    return tuple(sorted(found, key=lambda cost: (-cost.most, -cost.least, cost.rule.line)))


@define
class Counter:
    """Counts for one ruleset; what many packets have in common is worked out once."""

    ruleset: Ruleset
    backend: str = "legacy"
    _walkers: dict[str, Walker] = field(factory=dict)
    _classes: dict[str, list[int]] = field(factory=dict)
    """Where the values of a field that rules behind PREROUTING tell apart begin."""
    _behind: dict[tuple[int | None, ...], Range] = field(factory=dict)
    """What is left to pass behind PREROUTING, by class of packets."""
    _addresses: dict[str, str] = field(factory=dict)
    """An address of the node, by the chain of NodePorts it leads to."""
    folder: Folder = field(init=False)
    """The chains as they are written."""
    _program: Program = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.folder = Folder(self.ruleset)
        self._program = Program(self.ruleset)

    def cost(self, service: Service) -> Cost:
        """Return the cost of one destination."""
        ours = not service.address
        host = self._node_address(service.rule.chain) if ours else self._first(service.address)
        port = int(service.port) if _NUMBER(service.port) else Ports().parse([service.port]).low
        packet = question_packet(host, port, proto=service.proto, ctstate="NEW")
        least, most = self.of(packet, True if ours else None)
        return Cost(service.dst, service.proto, service.name, service.rule, least, most)

    def _node_address(self, chain: str) -> str:
        if chain not in self._addresses:
            self._addresses[chain] = own_address(self.ruleset, None, chain)
        return self._addresses[chain]

    def _first(self, address: str) -> str:
        """Return an address, or the first host of a network; for a host's name any address stands."""
        if "/" not in address:
            with suppress(OSError):
                inet_pton(AF_INET6 if ":" in address else AF_INET, address)
                return address
        with suppress(ValueError):
            network = ip_network(address, strict=False)
            return str(network[min(1, network.num_addresses - 1)])
        return ANY_NODE[self.ruleset.family]

    def of(self, packet: Packet, local: bool | None) -> Range:
        """Return with how many rules a packet from the network is compared, at least and at most.

        ``local`` says whether its destination is an address of the node, None where that is open.
        """
        ends: dict[str, Range] = {}
        on: Range | None = (0, 0)
        for table in self._tables("PREROUTING"):
            on = self._through(table, "PREROUTING", packet, local, on, ends)
        if on is not None:
            _note(ends, END, on, self._behind_of(packet, local))
        all_of = list(ends.values())
        return min(low for low, _ in all_of), max(high for _, high in all_of)

    def _through(
        self,
        table: str,
        hook: str,
        packet: Packet,
        local: bool | None,
        so_far: Range | None,
        ends: dict[str, Range],
    ) -> Range | None:
        """Pass one table; note what ends there, return what is counted of the packets that go on."""
        if so_far is None:
            return None
        ways = self._walker(table).ways(hook, packet, local)
        on = ways.through
        for end, cost in ways.ends.items():
            if end == ON:
                on = cost if on is None else (min(on[0], cost[0]), max(on[1], cost[1]))
            elif end == END:
                _note(ends, END, so_far, cost)
            else:
                _note(ends, end, _sum(so_far, cost), self._behind_of(packet, None, end))
        return None if on is None else _sum(so_far, on)

    def _behind_of(self, packet: Packet, local: bool | None, to: str = "") -> Range:
        """Return the comparisons behind PREROUTING, worked out once for packets no rule tells apart.

        ``to`` is where a translation sends the packet, empty for none.
        """
        address, port = _sent(packet, to) if to else (packet.dst, packet.dport)
        key = (
            self._class("dst", address),
            self._class("dport", port),
            packet.proto if isinstance(packet.proto, int) else None,
            None if local is None else int(local),
        )
        if key not in self._behind:
            self._behind[key] = self._behind_walked(evolve(packet, dst=address, dport=port), local)
        return self._behind[key]

    def _behind_walked(self, packet: Packet, local: bool | None) -> Range:
        ends: dict[str, Range] = {}
        for hooks in (_DELIVERED,) if local else (_DELIVERED, _FORWARDED):
            on: Range | None = (0, 0)
            for hook in hooks:
                for table in self._tables(hook):
                    on = self._through(table, hook, packet, local, on, ends)
            if on is not None:
                _note(ends, END, on, (0, 0))
        return min(low for low, _ in ends.values()), max(high for _, high in ends.values())

    def _tables(self, hook: str) -> list[str]:
        return [table for table in SEQUENCES[self.backend][hook] if table in self.ruleset.tables]

    def _walker(self, table: str) -> Walker:
        if table not in self._walkers:
            sheets = self.folder.table(table)
            assert sheets is not None
            self._walkers[table] = Walker(self._program, table, sheets)
        return self._walkers[table]

    def _class(self, name: str, value: object) -> int | None:
        """Return which class a value belongs to, by the constants of the rules behind PREROUTING."""
        if name not in self._classes:
            self._classes[name] = sorted(set(self._constants(name)))
        return bisect_right(self._classes[name], value) if isinstance(value, int) else None

    def _constants(self, name: str) -> Iterator[int]:
        behind = self._nat_behind()
        for table in self.ruleset.tables:
            sheets = self.folder.table(table)
            assert sheets is not None
            for chain in behind if table == "nat" else sheets.names:
                for rule in sheets.rules(chain):
                    yield from _bounds(rule.condition, name)

    def _nat_behind(self) -> frozenset[str]:
        """Return the chains of nat that are reached behind PREROUTING."""
        found: set[str] = set()
        waiting = ["POSTROUTING", "INPUT"]
        while waiting:
            name = waiting.pop()
            chain = self._program.chain("nat", name)
            if chain is not None and name not in found:
                found.add(name)
                waiting += [r.values[r.shape.jump] for r in chain.rules if r.shape.jump is not None]
        return frozenset(found)


def _sent(packet: Packet, to: str) -> tuple[int | Open, Number]:
    """Return the address and port that a translation gives a packet."""
    host, colon, port = to.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        host, port = to, ""
    address: int | Open = packet.dst
    with suppress(OSError, ValueError):  # a port alone leaves the address
        address = _number(host)
    return address, int(port) if port else packet.dport


def _number(host: str) -> int:
    """Return the number of an address, of a range the first; ip_address takes eight times as long."""
    first = host.strip("[]").partition("-")[0]
    return int.from_bytes(inet_pton(AF_INET6 if ":" in first else AF_INET, first))


def _bounds(condition: Condition, name: str) -> Iterator[int]:
    """Yield where a condition begins or ceases to hold for values of a field."""
    if isinstance(condition, All | Some):
        for part in condition.parts:
            yield from _bounds(part, name)
    elif isinstance(condition, Not):
        yield from _bounds(condition.body, name)
    elif isinstance(condition, In) and condition.field == name and isinstance(condition.values, Intervals):
        for low, high in condition.values:
            yield from (low, high)


def _note(ends: dict[str, Range], end: str, so_far: Range, cost: Range) -> None:
    low, high = _sum(so_far, cost)
    known = ends.get(end, (low, high))
    ends[end] = min(known[0], low), max(known[1], high)


def _sum(one: Range, other: Range) -> Range:
    return one[0] + other[0], one[1] + other[1]
