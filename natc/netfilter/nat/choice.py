"""The translation that NAT chooses for a new connection.

:func:`bind` chooses within what a target wants (:mod:`natc.netfilter.nat.mapping`), and :func:`bind_nothing`
does what the kernel does when no target said anything. ``side`` is ``dst`` at PREROUTING and OUTPUT, ``src``
at INPUT and POSTROUTING (``NAT_SIDE``). What that makes of packets is :mod:`natc.netfilter.nat.rewrite`.

Where the kernel picks a port by chance the :class:`Binding` names the range it picks from, and the
connection holds a free port high up in it as a stand-in.

Facts: net/netfilter/nf_nat_core.c, nf_nat_proto.c of Linux 6.18.
"""

from __future__ import annotations

from natc.netfilter.conntrack.connection import (
    ICMP,
    ICMPV6,
    MAY_CLASH,
    PORTED,
    TRANSLATED,
    Connection,
    Status,
    Tuple,
)
from natc.netfilter.conntrack.table import ConnectionTable
from natc.netfilter.kinds.ports import PortRange
from natc.netfilter.nat.mapping import Mapping, hashed_address
from natc.values import evolve, frozen

#: How many ports of a range are tried one after the other before a fresh random start.
_ATTEMPTS = 128

_DONE = {"src": Status.SNAT_DONE, "dst": Status.DNAT_DONE}


@frozen
class Binding:
    """A connection after one side of its translation was settled."""

    connection: Connection
    chance: PortRange | None = None
    """The ports (or ICMP identifiers) one of which the kernel picks by chance; None: it is certain."""


def bind(table: ConnectionTable, connection: Connection, side: str, wanted: Mapping) -> Binding:
    """Settle one side of a new connection's translation within ``wanted``.

    A mapping that changes nothing leaves no trace in the status but that this side is settled.
    """
    current = connection.reply.inverted()
    assert current is not None, "every tracked tuple has an inverse"
    chosen, chance = _choose(table, connection, side, current, wanted)
    status = connection.status | _DONE[side]
    if chosen == current:
        return Binding(evolve(connection, status=status), chance)
    reply = chosen.inverted()
    assert reply is not None, "translation keeps the protocol and the ICMP type"
    return Binding(evolve(connection, reply=reply, status=status | TRANSLATED[side]), chance)


def bind_nothing(table: ConnectionTable, connection: Connection, side: str) -> Binding:
    """Settle a side that no rule translated; a source port that is taken changes all the same."""
    address = connection.reply.dst if side == "src" else connection.reply.src
    return bind(table, connection, side, Mapping.to(address))


def settled(connection: Connection, side: str) -> bool:
    """Return whether this side was settled before, so that no rule is asked again."""
    return _DONE[side] in connection.status


def _choose(
    table: ConnectionTable, connection: Connection, side: str, current: Tuple, wanted: Mapping
) -> tuple[Tuple, PortRange | None]:
    if side == "src" and not wanted.random:
        known = _kept_source(table, connection, current, wanted)
        if known:
            return known, None
    mapped = _with_address(current, side, wanted, connection.zone.id)
    if not wanted.random and _port_may_stay(table, connection, side, mapped, wanted):
        return mapped, None
    return _with_port(table, connection, side, mapped, wanted)


def _kept_source(
    table: ConnectionTable, connection: Connection, current: Tuple, wanted: Mapping
) -> Tuple | None:
    """The source as it is, or as another connection of the same source was mapped, if that will do."""
    if _allowed(current, wanted):
        return None if _used_by_another(table, connection, current) else current
    for other in table.of_source(current, connection.zone):
        mapped = other.reply.inverted()
        if mapped is None:
            continue
        same = evolve(mapped, dst=current.dst, dport=current.dport)
        if _allowed(same, wanted):
            return None if _used(table, connection, same) else same
    return None


def _allowed(candidate: Tuple, wanted: Mapping) -> bool:
    """Whether a source is within what the mapping asks for."""
    if wanted.first is not None and not wanted.first <= candidate.src <= (wanted.last or 0):
        return False
    return wanted.ports is None or _port_within(candidate, "src", wanted.ports)


def _port_within(candidate: Tuple, side: str, ports: PortRange) -> bool:
    if candidate.proto in (ICMP, ICMPV6):
        return candidate.sport in ports
    if candidate.proto not in PORTED:
        return True
    return (candidate.sport if side == "src" else candidate.dport) in ports


def _used(table: ConnectionTable, connection: Connection, candidate: Tuple) -> bool:
    reply = candidate.inverted()
    return reply is not None and table.taken(reply, connection.zone, connection)


def _used_by_another(table: ConnectionTable, connection: Connection, candidate: Tuple) -> bool:
    """Whether a tuple is taken, and not just by this very flow seen from its other end.

    That happens when the answer is tracked in another zone than its question; protocols that cannot bear
    two entries for one flow change the port even then (nf_nat_used_tuple_new).
    """
    if not _used(table, connection, candidate):
        return False
    translated = Status.SNAT | Status.DNAT | Status.SEQ_ADJUST
    if candidate.proto not in MAY_CLASH or connection.status & translated:
        return True
    reply = candidate.inverted()
    assert reply is not None, "a tuple that is used has an inverse"
    found = table.find(candidate, connection.zone) or table.find(reply, connection.zone)
    if found is None or found[0].status & translated:
        return found is not None
    other = found[0]
    return (other.original, other.reply) != (connection.reply, connection.original)


def _port_may_stay(
    table: ConnectionTable, connection: Connection, side: str, mapped: Tuple, wanted: Mapping
) -> bool:
    if wanted.ports is None:
        return not _used(table, connection, mapped)
    if wanted.base_port is not None or not _port_within(mapped, side, wanted.ports):
        return False
    return wanted.ports.low == wanted.ports.high or not _used(table, connection, mapped)


def _with_address(current: Tuple, side: str, wanted: Mapping, zone: int) -> Tuple:
    if wanted.first is None or wanted.last is None:
        return current
    address = wanted.first
    if wanted.first != wanted.last:
        address = hashed_address(current, side, wanted, zone)
    return evolve(current, src=address) if side == "src" else evolve(current, dst=address)


def _with_port(
    table: ConnectionTable, connection: Connection, side: str, mapped: Tuple, wanted: Mapping
) -> tuple[Tuple, PortRange | None]:
    """Find a free port in the range that is allowed; the last one tried when all are taken."""
    allowed = _port_range(mapped, side, wanted)
    if allowed is None:
        return mapped, None
    certain = wanted.base_port is not None or (side == "dst" and not wanted.random)
    size = allowed.high - allowed.low + 1
    # Rules name low ports, so a port high up tells better than the lowest what a port by chance meets.
    start = 0 if certain else size * 3 // 4
    if wanted.base_port is not None:
        start = (_port(mapped, side) - wanted.base_port) & 0xFFFF
    candidate = mapped
    for step in range(min(size, _ATTEMPTS)):
        candidate = _at_port(mapped, side, allowed.low + (start + step & 0xFFFF) % size)
        stands_in = not certain and size > 1  # for a port by chance: one that shows it was translated
        if not _used(table, connection, candidate) and not (stands_in and candidate == mapped):
            break
    return candidate, None if certain or size == 1 else allowed


def _port(candidate: Tuple, side: str) -> int:
    """The port that is mapped; for ICMP the identifier, which is the same either way."""
    return candidate.sport if side == "src" or candidate.proto in (ICMP, ICMPV6) else candidate.dport


def _at_port(mapped: Tuple, side: str, port: int) -> Tuple:
    if side == "src" or mapped.proto in (ICMP, ICMPV6):
        return evolve(mapped, sport=port)
    return evolve(mapped, dport=port)


def _port_range(mapped: Tuple, side: str, wanted: Mapping) -> PortRange | None:
    """The ports to choose from; None where a port cannot change."""
    if mapped.proto in (ICMP, ICMPV6):
        return wanted.ports or PortRange(0, 65535)
    if mapped.proto not in PORTED:
        return None
    if wanted.ports:
        return wanted.ports
    return port_class(mapped.sport) if side == "src" else None


def port_class(port: int) -> PortRange:
    """Return the source ports from which a new one is taken: privileged ports stay privileged."""
    if port < 512:
        return PortRange(1, 511)
    return PortRange(600, 1023) if port < 1024 else PortRange(1024, 65535)
