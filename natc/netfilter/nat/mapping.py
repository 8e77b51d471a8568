"""What a NAT target asks for, and which address of a range that comes to: a hash tells, never chance.

Facts: net/netfilter/nf_nat_core.c, xt_NETMAP.c of Linux 6.18; the hash is Bob Jenkins' lookup3 as in
include/linux/jhash.h, on a little-endian machine.
"""

from __future__ import annotations

from natc.netfilter.conntrack.connection import Tuple
from natc.netfilter.kinds.nat import NatRange
from natc.netfilter.kinds.ports import PortRange
from natc.values import frozen

_WORD = 0xFFFFFFFF


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


def hashed_address(current: Tuple, side: str, wanted: Mapping, zone: int) -> int:
    """Return the address of the range that the hash of source and destination points at.

    IPv6 addresses are chosen by four words, each within the range as long as those before it are at the
    end of the range (find_best_ips_proto).
    """
    count = 1 if current.family == 4 else 4
    source = words_of(current.src, count)
    destination = words_of(current.dst, count)
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


def words_of(address: int, count: int) -> list[int]:
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
