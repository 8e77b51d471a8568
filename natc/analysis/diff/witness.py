"""The smallest packet of a cell: a value for whatever that leaves open, and the words for ``natc trace``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from natc.analysis.diff.classes import smallest_address
from natc.analysis.diff.fates import Known, is_question, says_yes
from natc.analysis.diff.spoken import expression_of
from natc.netfilter.intervals import Intervals, number
from natc.netfilter.packet import Domain, Open, Packet
from natc.trace.chain.lists import FirstList
from natc.values import evolve, frozen

#: States and types of addresses, the plainest first.
_WORDS = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNICAST", "LOCAL", "BROADCAST")
#: Interfaces as nodes have them, for a packet that comes in by any.
_INTERFACES = ("eth0", "eth1", "ens3", "cni0", "docker0")


@frozen(eq=False)
class Witness:
    """One packet, said by what sets it apart from the smallest packet of all."""

    packet: Packet
    """The packet with everything open."""
    origin: str
    known: Known
    """What it has to be to tell the rulesets apart."""
    point: dict[Any, Any]
    """What it is."""

    @property
    def rank(self) -> tuple[object, ...]:
        """Sorts witnesses: the plainest first."""
        asked = [
            value for value, chosen in self.point.items() if is_question(value) and says_yes(value, chosen)
        ]
        words = [_WORDS.index(chosen) for chosen in self.point.values() if chosen in _WORDS]
        marked = self._mark(self.point)
        numbers = [self.point.get(value, 0) for value in (self.packet.src, self.packet.sport)]
        return (
            len(asked), sum(words), marked, len(self.known), self.origin != "network",
            *(number if isinstance(number, int) else 0 for number in numbers),
        )  # fmt: skip

    @property
    def as_asked(self) -> Packet:
        """The packet that the line for ``natc trace`` is about: what it need not be stays open."""
        packet, fields = self.packet, dict[str, Any](mark=self._mark(self.point))
        if packet.src in self.known or packet.sport in self.known:
            fields["src"] = self._source
        for name in ("sport", "in_interface", "uid", "gid", "length"):
            if getattr(packet, name) in self.known:
                fields[name] = self.point[getattr(packet, name)]
        if isinstance(packet.icmp_type, Open):
            fields |= self._icmp(packet.icmp_type, packet.icmp_code)
        if isinstance(packet.ctstate, Open):
            fields["ctstate"] = self.point.get(packet.ctstate, "NEW")
        return evolve(packet, **fields)

    def _icmp(self, kind: Open, code: int | Open | None) -> dict[str, Any]:
        """Return type and code: those of an echo request unless one of them has to be another."""
        echo = 8 if self.packet.family == 4 else 128
        if kind not in self.known and code not in self.known:
            return {"icmp_type": echo, "icmp_code": 0}
        return {"icmp_type": self.point.get(kind, echo), "icmp_code": self.point.get(code, 0)}

    @property
    def expression(self) -> str:
        """The packet in scapy's words, where no option of trace says what it has to be; else empty."""
        return expression_of(self.as_asked)

    @property
    def _source(self) -> int:
        packet = self.packet
        return smallest_source(self.point.get(packet.src, packet.src), packet)

    @property
    def own(self) -> frozenset[int] | None:
        """The addresses that the node has to have, None where more than these has to be known."""
        if "BROADCAST" in self.point.values():
            return None
        return frozenset(
            int(ip_address(value.subject))
            for value, chosen in self.point.items()
            if value.kind == "address type" and chosen == "LOCAL"
        )

    def needs_own(self, address: str) -> bool:
        """Tell whether an address has to be one of the node's."""
        return any(
            value.kind == "address type" and value.subject == address and self.point[value] == "LOCAL"
            for value in self.known
        )

    def _mark(self, values: Iterable[Open]) -> int:
        """Return the bits that have to be set in the mark it comes with, as far as values say."""
        return sum(int(one.subject, 16) for one in values if one.kind == "mark bit" and self.point[one])

    @property
    def options(self) -> tuple[str, ...]:
        """The words for ``natc trace`` that say what the packet has to be, its destination aside."""
        return tuple(self._options())

    def _options(self) -> Iterator[str]:
        packet = self.packet
        port = packet.sport
        if (packet.src in self.known or port in self.known) and not self.expression:
            chosen = self.point[port] if port in self.known else None
            yield from ("--src", _joined(packet.show(self._source), chosen))
        if self.origin == "local":
            yield "--local"
        elif packet.in_interface in self.known:
            yield from ("--in", self.point[packet.in_interface])
        mark = self._mark(self.known)
        if mark:
            yield from ("--mark", f"{mark:#x}")
        if isinstance(packet.ctstate, Open) and self.point.get(packet.ctstate, "NEW") != "NEW":
            yield from ("--ctstate", self.point[packet.ctstate])
        for value in self.known:
            if value.kind == "address type" and self.point[value] == "LOCAL":
                yield from ("--node-ip", value.subject)


def witness_of(packet: Packet, origin: str, known: Known, values: Sequence[Open]) -> Witness:
    """Return the smallest packet of which something is known; ``values`` are all that are asked about."""
    point = {
        value: smallest(packet, value, known.get(value, value.domain))  # type: ignore[arg-type]
        for value in (*values, *known)
    }
    return Witness(packet, origin, known, point)


def smallest(packet: Packet, value: Open, domain: Domain) -> Any:
    """Return the smallest value of a domain that a packet usually has."""
    if isinstance(domain, Intervals):
        if isinstance(value, FirstList) and len(value.questions) in domain:
            return len(value.questions)
        if isinstance(domain.spans[0][0], str):
            return _name(domain)
        if value == packet.src:
            return smallest_address(domain, packet.family)
        usual = domain - number(0) if value == packet.sport else domain  # no process sends from port 0
        return (usual or domain).spans[0][0]
    return min(domain, key=lambda word: (_WORDS.index(word) if word in _WORDS else 0, str(word)))


def smallest_source(source: int | Open, packet: Packet) -> int:
    """Return the smallest address that a packet comes from whose source makes no difference."""
    if not isinstance(source, Open):
        return source
    assert isinstance(source.domain, Intervals)
    return smallest_address(source.domain, packet.family)


def _name(domain: Intervals) -> str:
    """Return the name of an interface: one that nodes have, else the shortest that is in the domain."""
    usual = (name for name in _INTERFACES if name in domain)
    starts = (low.rstrip("\0") for low, _ in domain)
    longer = (start + letter for start in starts for letter in ("", "0", "a") if start + letter in domain)
    return next(usual, None) or next(longer, None) or str(domain.spans[0][0])


def _joined(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
