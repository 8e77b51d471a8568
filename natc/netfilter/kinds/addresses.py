"""IP addresses, networks and Ethernet addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar

from natc.netfilter.kinds import Kind
from natc.values import frozen

Address = IPv4Address | IPv6Address


@frozen
class Network:
    """An address and a mask, both as integers of ``bits`` bits; the mask may have holes."""

    address: int
    mask: int
    bits: int

    @property
    def prefix(self) -> int | None:
        """The prefix length, or None when the mask is not a run of ones."""
        hosts = self.mask ^ ((1 << self.bits) - 1)
        return None if hosts & (hosts + 1) else self.bits - hosts.bit_length()

    def __str__(self) -> str:
        prefix = self.prefix
        mask = shown(address_of(self.mask, self.bits)) if prefix is None else prefix
        return f"{shown(address_of(self.address, self.bits))}/{mask}"


def address_of(value: int, bits: int) -> Address:
    """Return the IP address with the number ``value``, IPv4 for 32 bits and IPv6 for 128."""
    return IPv4Address(value) if bits == 32 else IPv6Address(value)


def text_of(value: int, bits: int) -> str:
    """Return what :func:`shown` makes of the address with a number; of IPv4 without making one."""
    if bits != 32:
        return shown(address_of(value, bits))
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def shown(address: Address) -> str:
    """Return an address as inet_ntop(3) of glibc writes it: with an IPv4 address at its end in two cases."""
    if isinstance(address, IPv6Address) and (int(address) >> 32 in (0, 0xFFFF)) and int(address) > 0xFFFF:
        head = "::ffff:" if int(address) >> 32 else "::"
        return f"{head}{IPv4Address(int(address) & 0xFFFFFFFF)}"
    return str(address)


def address(text: str) -> Address:
    """Read one IP address; raise :class:`ValueError` in plain words."""
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


#: An IPv4 address, exactly.
IPV4 = r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"


@frozen
class NetworkKind(Kind[Network]):
    """``ADDRESS[/MASK]``, the mask as a length or as an address.

    The address loses what the mask does not cover, unless the kernel keeps it (``whole``). A mask of
    all ones is printed unless ``short``. Where libxtables reads it (``holes`` is false), a mask with
    holes counts as all ones.
    """

    plain_family: ClassVar[int | None] = 4

    whole: bool = False
    short: bool = False
    holes: bool = True

    @property
    def good(self) -> str | None:
        return None if self.short else rf"{IPV4}(?:/32)?"

    def completed(self, word: str) -> str:
        return word if "/" in word else f"{word}/32"

    def parse(self, words: Sequence[str]) -> Network:
        head, slash, tail = words[0].partition("/")
        base = address(head)
        bits = base.max_prefixlen
        ones = (1 << bits) - 1
        mask = _mask(tail, bits) if slash else ones
        if not self.holes and Network(0, mask, bits).prefix is None:
            mask = ones
        return Network(int(base) if self.whole else int(base) & mask, mask, bits)

    def words(self, value: Network) -> tuple[str, ...]:
        return (str(value).removesuffix(f"/{value.bits}") if self.short else str(value),)

    def family(self, value: Network) -> int | None:
        return 4 if value.bits == 32 else 6


def _mask(text: str, bits: int) -> int:
    if not text.isdecimal():
        mask = address(text)
        if mask.max_prefixlen != bits:
            raise ValueError(f"mask {text!r} is of the other family")
        return int(mask)
    if int(text) > bits:
        raise ValueError(f"/{text} is longer than {bits} bits")
    return ((1 << int(text)) - 1) << (bits - int(text))


class Prefix64(NetworkKind):
    """A prefix of at most 64 bits, without a bit behind them (ip6t_NPT.c)."""

    def parse(self, words: Sequence[str]) -> Network:
        network = super().parse(words)
        if network.prefix is None or network.prefix > 64:
            raise ValueError(f"{words[0]} is longer than 64 bits")
        if network.address & ~network.mask:
            raise ValueError(f"{words[0]} has bits behind its prefix")
        return network


class Host(Kind[Address]):
    """One address, without a mask."""

    def parse(self, words: Sequence[str]) -> Address:
        return address(words[0])

    def family(self, value: Address) -> int | None:
        return value.version

    def words(self, value: Address) -> tuple[str, ...]:
        return (shown(value),)


class PrefixLength(Kind[int]):
    """The length of a network prefix, or a netmask that stands for one; one with holes for the longest."""

    def parse(self, words: Sequence[str]) -> int:
        if words[0].isdecimal():
            if int(words[0]) > 128:
                raise ValueError(f"{words[0]} is longer than an address")
            return int(words[0])
        mask = address(words[0])
        prefix = Network(0, int(mask), mask.max_prefixlen).prefix
        return mask.max_prefixlen if prefix is None else prefix

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


_MAC = r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}\Z"


class MacAddress(Kind[bytes]):
    """An Ethernet address, six bytes; printed in lower case as iptables 1.8 does."""

    @property
    def plain(self) -> str:
        return r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"

    def parse(self, words: Sequence[str]) -> bytes:
        if not re.match(_MAC, words[0]):
            raise ValueError(f"{words[0]!r} is not an Ethernet address")
        return bytes(int(part, 16) for part in words[0].split(":"))

    def words(self, value: bytes) -> tuple[str, ...]:
        return (value.hex(":"),)
