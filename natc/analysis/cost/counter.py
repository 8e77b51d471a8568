"""The rules a packet is compared with from PREROUTING to its verdict, table by table and hook by hook."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from natc.analysis.audit import Service
from natc.analysis.chains.sheets import Folder
from natc.analysis.cost.classes import Classes
from natc.analysis.cost.truths import Arrival
from natc.analysis.cost.walk import Walker
from natc.analysis.cost.ways import ON, Range, either, total
from natc.analysis.own_address import ANY_NODE, own_address
from natc.netfilter.hooks import SEQUENCES
from natc.netfilter.kinds.ports import Ports
from natc.netfilter.packet import Number, Open, Packet, question_packet
from natc.netfilter.ruleset import Ruleset
from natc.values import define, evolve, field, fields

#: A port as iptables-save writes it.
_NUMBER = re.compile("0|[1-9][0-9]*").fullmatch
#: The hooks behind PREROUTING of a packet for another machine and of one for the node.
_FORWARDED = ("FORWARD", "POSTROUTING")
_DELIVERED = ("INPUT",)


@define
class Counter:
    """Counts for one ruleset; what many packets have in common is worked out once."""

    ruleset: Ruleset
    backend: str = "legacy"
    folder: Folder = field(init=False)
    """The chains as they are written."""
    _classes: Classes = field(init=False)
    _walkers: dict[str, Walker] = field(factory=dict)
    _behind: dict[tuple[int | None, int | None, int, bool | None], Range] = field(factory=dict)
    """What is left to pass behind PREROUTING, by class of packets."""
    _packets: dict[tuple[bool, str], dict[str, Any]] = field(factory=dict)
    """The fields of a first packet of each family and protocol."""
    _addresses: dict[str, str] = field(factory=dict)
    """An address of the node, by the chain of NodePorts it leads to."""

    def __attrs_post_init__(self) -> None:
        self.folder = Folder(self.ruleset)
        self._classes = Classes(self.folder)

    def of_service(self, service: Service) -> Range:
        """Return the count of the first packet to a service."""
        ours = not service.address
        host = self._node_address(service.rule.chain) if ours else self._first(service.address)
        port = int(service.port) if _NUMBER(service.port) else Ports().parse([service.port]).low
        return self.of(self._packet(host, port, service.proto), True if ours else None)

    def _packet(self, host: str, port: int, proto: str) -> Packet:
        """Return the first packet to a destination: a copy of one to another, a fifth of the time."""
        key = ":" in host, proto
        if key not in self._packets:
            packet = question_packet(host, port, proto=proto, ctstate="NEW")
            self._packets[key] = {each.name: getattr(packet, each.name) for each in fields(Packet)}
        return Packet(**self._packets[key] | {"dst": _number(host), "dport": port})

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
        arrival = Arrival(packet, local)
        ended, on = self._through("PREROUTING", arrival, (0, 0))
        if on is not None:
            ended = either(ended, total(on, self._behind_of(arrival)))
        assert ended is not None, "a packet goes on or ends"
        return ended

    def _through(self, hook: str, arrival: Arrival, on: Range) -> tuple[Range | None, Range | None]:
        """Pass a hook's tables; return what is counted of packets that end there, and of those that go on."""
        ended: Range | None = None
        left: Range | None = on
        for table in SEQUENCES[self.backend][hook]:
            if table not in self.ruleset.tables or left is None:
                continue
            ways, places = self._walker(table).ways(hook, arrival)
            so_far, left = left, total(ways.through, left)
            for end, cost in ways.ends.items():
                here = so_far[0] + cost[0], so_far[1] + cost[1]
                if end == ON:
                    left = either(left, here)
                else:
                    ended = either(ended, here)
            for number, cost in ways.sent:
                behind = self._behind_endpoint(arrival, places[number])
                low, high = so_far[0] + cost[0] + behind[0], so_far[1] + cost[1] + behind[1]
                ended = (low, high) if ended is None else (min(ended[0], low), max(ended[1], high))
        return ended, left

    def _behind_endpoint(self, arrival: Arrival, to: str) -> Range:
        """Return the comparisons behind a translation to an endpoint.

        Most are IPv4 addresses with a port, told apart without a packet: of 55,000 that saves 0.09 s of CPU.
        """
        host, _, port = to.rpartition(":")
        try:
            address, number = int.from_bytes(inet_pton(AF_INET, host)), int(port)
            found = self._behind.get((*self._classes.of(address, number), arrival.proto, None))
        except (OSError, ValueError):
            found = None
        if found is None:
            dst, dport = _sent(arrival.packet, to)
            return self._behind_of(Arrival(evolve(arrival.packet, dst=dst, dport=dport), None))
        return found

    def _behind_of(self, arrival: Arrival) -> Range:
        """Return the comparisons behind PREROUTING, worked out once for packets no rule tells apart."""
        packet = arrival.packet
        key = (*self._classes.of(packet.dst, packet.dport), arrival.proto, arrival.local)
        if key not in self._behind:
            self._behind[key] = self._behind_walked(arrival)
        return self._behind[key]

    def _behind_walked(self, arrival: Arrival) -> Range:
        ended: Range | None = None
        for hooks in (_DELIVERED,) if arrival.local else (_DELIVERED, _FORWARDED):
            on: Range | None = (0, 0)
            for hook in hooks:
                if on is not None:
                    there, on = self._through(hook, arrival, on)
                    ended = either(ended, there)
            ended = either(ended, on)
        assert ended is not None, "a packet goes on or ends"
        return ended

    def _walker(self, table: str) -> Walker:
        if table not in self._walkers:
            sheets = self.folder.table(table)
            assert sheets is not None
            self._walkers[table] = Walker(sheets)
        return self._walkers[table]


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
