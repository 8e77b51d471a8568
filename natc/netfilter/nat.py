"""What NAT makes of a connection: the mapping it chooses, and how later packets are rewritten.

* :class:`Mapping` says what a target wants; :func:`bind` chooses within it for a new connection, and
  :func:`bind_nothing` does what the kernel does when no target said anything.
* :func:`rewrite` tells what a hook changes in a packet of a known connection, :func:`rewrite_error` in an
  ICMP error about one.
* ``side`` is ``dst`` at PREROUTING and OUTPUT, ``src`` at INPUT and POSTROUTING (``NAT_SIDE``).

Where the kernel picks a port by chance the :class:`Binding` names the range it picks from, and the
connection holds a free port high up in it as a stand-in. Addresses are never left to chance: a range of
them is divided by a hash.

Facts: net/netfilter/nf_nat_core.c, nf_nat_proto.c, nf_nat_masquerade.c, xt_NETMAP.c of Linux 6.18;
the hash is Bob Jenkins' lookup3 as in include/linux/jhash.h, on a little-endian machine.
"""

from __future__ import annotations

from natc.netfilter.connection import ICMP, ICMPV6, Connection, Status, Tuple
from natc.netfilter.conntrack import MAY_CLASH, PORTED, Connections
from natc.netfilter.kinds.nat import NatRange
from natc.netfilter.kinds.ports import PortRange
from natc.values import evolve, frozen

#: How many ports of a range are tried one after the other before a fresh random start.
_ATTEMPTS = 128
_WORD = 0xFFFFFFFF

_STATUS = {"src": Status.SNAT, "dst": Status.DNAT}
_DONE = {"src": Status.SNAT_DONE, "dst": Status.DNAT_DONE}
_OTHER = {"src": "dst", "dst": "src"}


@frozen
class Mapping:
    """What a NAT target asks for. Addresses are integers, None where they are left as they are."""

    first: int | None = None
    last: int | None = None
    ports: PortRange | None = None
    base_port: int | None = None
    """The original port that is mapped to the lowest of ``ports``, and so on upwards."""
    random: bool = False
    """``--random`` or ``--random-fully``: the port is by chance even if the old one is free."""
    persistent: bool = False
    """The same source gets the same address of the range towards every destination."""

    @classmethod
    def of(cls, wanted: NatRange, *, random: bool = False, persistent: bool = False) -> Mapping:
        """Return the mapping of DNAT's or SNAT's argument."""
        first = None if wanted.first is None else int(wanted.first)
        last = first if wanted.last is None else int(wanted.last)
        return cls(first, last, wanted.ports, wanted.base_port, random, persistent)

    @classmethod
    def to(cls, address: int, ports: PortRange | None = None, *, random: bool = False) -> Mapping:
        """Return the mapping to one address: what MASQUERADE and REDIRECT come down to."""
        return cls(address, address, ports, random=random)

    @classmethod
    def netmap(cls, address: int, network: int, mask: int) -> Mapping:
        """Return the mapping of NETMAP: the network's part of ``address`` replaced, the rest kept."""
        return cls.to(network & mask | address & ~mask)


@frozen
class Binding:
    """A connection after one side of its translation was settled."""

    connection: Connection
    chance: PortRange | None = None
    """The ports (or ICMP identifiers) one of which the kernel picks by chance; None: it is certain."""


@frozen
class Rewrite:
    """One change to a packet's header."""

    side: str
    """``src`` or ``dst``."""
    address: int
    port: int | None
    """The port; for ICMP queries the identifier; None for protocols that have neither."""


# ---- choosing


def bind(table: Connections, connection: Connection, side: str, wanted: Mapping) -> Binding:
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
    return Binding(evolve(connection, reply=reply, status=status | _STATUS[side]), chance)


def bind_nothing(table: Connections, connection: Connection, side: str) -> Binding:
    """Settle a side that no rule translated; a source port that is taken changes all the same."""
    address = connection.reply.dst if side == "src" else connection.reply.src
    return bind(table, connection, side, Mapping.to(address))


def settled(connection: Connection, side: str) -> bool:
    """Return whether this side was settled before, so that no rule is asked again."""
    return _DONE[side] in connection.status


def _choose(
    table: Connections, connection: Connection, side: str, current: Tuple, wanted: Mapping
) -> tuple[Tuple, PortRange | None]:
    if side == "src" and not wanted.random:
        known = _kept_source(table, connection, current, wanted)
        if known:
            return known, None
    mapped = _with_address(current, side, wanted, connection.zone.id)
    if not wanted.random and _port_may_stay(table, connection, side, mapped, wanted):
        return mapped, None
    return _with_port(table, connection, side, mapped, wanted)


def _kept_source(table: Connections, connection: Connection, current: Tuple, wanted: Mapping) -> Tuple | None:
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


def _used(table: Connections, connection: Connection, candidate: Tuple) -> bool:
    reply = candidate.inverted()
    return reply is not None and table.taken(reply, connection.zone, connection)


def _used_by_another(table: Connections, connection: Connection, candidate: Tuple) -> bool:
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
    table: Connections, connection: Connection, side: str, mapped: Tuple, wanted: Mapping
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
    table: Connections, connection: Connection, side: str, mapped: Tuple, wanted: Mapping
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


# ---- an address out of a range


def hashed_address(current: Tuple, side: str, wanted: Mapping, zone: int) -> int:
    """Return the address of the range that the hash of source and destination points at.

    IPv6 addresses are chosen by four words, each within the range as long as those before it are at the
    end of the range (find_best_ips_proto).
    """
    count = 1 if current.family == 4 else 4
    source = _words(current.src, count)
    destination = _words(current.dst, count)
    first, last = _numbers(wanted.first or 0, count), _numbers(wanted.last or 0, count)
    start = 0 if wanted.persistent else destination[-1] ^ zone
    value = jenkins([*source, *[0] * (4 - count)], start)
    chosen, free = [], False
    for i in range(count):
        low, size = (0, _WORD) if free else (first[i], last[i] - first[i] + 1 & _WORD)
        word = low + (value * size >> 32) & _WORD
        chosen.append(word)
        free = free or word != last[i]
        if not wanted.persistent:
            value ^= _swapped(word) if side == "dst" else destination[i]
    return sum(word << 32 * (count - 1 - i) for i, word in enumerate(chosen))


def _numbers(address: int, count: int) -> list[int]:
    """Return the 32-bit words of an address as the numbers they stand for."""
    return [address >> 32 * (count - 1 - i) & _WORD for i in range(count)]


def _words(address: int, count: int) -> list[int]:
    """Return the words of an address as a little-endian machine reads them from the packet."""
    return [_swapped(word) for word in _numbers(address, count)]


def _swapped(word: int) -> int:
    return int.from_bytes(word.to_bytes(4, "big"), "little")


def jenkins(words: list[int], start: int) -> int:
    """Return the lookup3 hash of 32-bit words."""
    a = b = c = 0xDEADBEEF + (len(words) << 2) + start & _WORD
    position = 0
    while len(words) - position > 3:
        a, b, c = (x + words[position + i] & _WORD for i, x in enumerate((a, b, c)))
        a, b, c = _mixed(a, b, c)
        position += 3
    rest = [*words[position:], 0, 0, 0][:3]
    a, b, c = (x + y & _WORD for x, y in zip((a, b, c), rest, strict=True))
    return _finished(a, b, c) if len(words) > position else c


def _turned(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & _WORD


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    """One round of lookup3: the three words trade places after each of the six steps."""
    for by in (4, 6, 8, 16, 19, 4):
        a = (a - c & _WORD) ^ _turned(c, by)
        c = c + b & _WORD
        a, b, c = b, c, a
    return a, b, c


def _finished(a: int, b: int, c: int) -> int:
    """The last round of lookup3."""
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _turned(b, by) & _WORD
        a, b, c = b, c, a
    return b


# ---- rewriting


def rewrite(connection: Connection, direction: int, side: str) -> Rewrite | None:
    """Return what a hook of that side changes in a packet of the connection, None for nothing."""
    if not _applies(connection, direction, side):
        return None
    target = connection.tuple_of(1 - direction).inverted()
    assert target is not None, "every tracked tuple has an inverse"
    return _rewritten(target, side)


def rewrite_error(connection: Connection, direction: int, side: str) -> tuple[Rewrite, Rewrite] | None:
    """Return what a hook changes in an ICMP error about the connection, None for nothing.

    First the error's own header, then that of the packet it quotes. ``direction`` is that of the error,
    as :meth:`Connections.track` says.
    """
    if not _applies(connection, direction, side):
        return None
    quoted = connection.tuple_of(1 - direction)
    target = quoted.inverted()
    assert target is not None, "every tracked tuple has an inverse"
    outer = evolve(_rewritten(target, side), port=None)
    return outer, _rewritten(quoted, _OTHER[side])


def redirect_dropped(connection: Connection) -> bool:
    """Return whether an ICMP redirect about the connection is dropped: it is translated, or may yet be."""
    done = Status.SNAT_DONE | Status.DNAT_DONE
    return done not in connection.status or bool(connection.status & (Status.SNAT | Status.DNAT))


def leaves_elsewhere(connection: Connection, direction: int, out: str) -> bool:
    """Return whether a masqueraded connection's packet leaves by another device than its first did.

    Such a packet is dropped at POSTROUTING and the connection forgotten.
    """
    return direction == 0 and connection.masquerade_out not in (None, out)


def _applies(connection: Connection, direction: int, side: str) -> bool:
    """The source is rewritten where the original direction was; replies are undone on the other side."""
    return _STATUS[_OTHER[side] if direction else side] in connection.status


def _rewritten(target: Tuple, side: str) -> Rewrite:
    address = target.src if side == "src" else target.dst
    if target.proto in (ICMP, ICMPV6):
        return Rewrite(side, address, target.sport)
    if target.proto not in PORTED:
        return Rewrite(side, address, None)
    return Rewrite(side, address, target.sport if side == "src" else target.dport)
