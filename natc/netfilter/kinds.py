"""How one option's argument is read from words and printed as iptables-save prints it.

A kind is the type of an option: it turns the words behind an option's name into a value with meaning
and back into the words of the save form. ``parse`` raises :class:`ValueError` with a phrase for a
person; the reader adds the place. A kind holds nothing of the rule it is used in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import isnan
from typing import ClassVar, Generic, TypeVar

from attrs import field

from natc.netfilter.services import SERVICES
from natc.values import frozen

T = TypeVar("T")
Address = IPv4Address | IPv6Address


class Kind(Generic[T]):
    """The type of an option's argument."""

    plain_family: ClassVar[int | None] = None
    """The only family for which plain words are good, None for both."""

    @property
    def plain(self) -> str | None:
        """A regular expression of words that are certainly good and that a save prints as they stand.

        None when no expression can tell; then every word has to be read. It speeds the reader up
        (a line of plain words needs no further check) and the writer (it is already in save form).
        """
        return None

    @property
    def good(self) -> str | None:
        """A regular expression of words that are certainly good: plain, or made so by :meth:`completed`."""
        return self.plain

    def completed(self, word: str) -> str:
        """Return a good word as a save prints it."""
        return word

    def parse(self, words: Sequence[str]) -> T:
        """Return the value that ``words`` mean; raise :class:`ValueError` when they mean none."""
        raise NotImplementedError

    def words(self, value: T) -> tuple[str, ...]:
        """Return the words in which iptables-save shows ``value``."""
        raise NotImplementedError

    def family(self, value: T) -> int | None:
        """Return the family, 4 or 6, that ``value`` belongs to; None for either."""
        return None


class Flag(Kind[bool]):
    """An option without an argument."""

    def parse(self, words: Sequence[str]) -> bool:
        return True

    def words(self, value: bool) -> tuple[str, ...]:
        return ()


# ---- numbers


#: A number as C's strtoul(3) reads it in base 0.
C_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)\Z")


def number(text: str) -> int:
    """Read an unsigned number as C's ``strtoul(text, NULL, 0)`` does: decimal, 0x hex or 0 octal."""
    try:
        if text[:2].lower() == "0x":
            return int(text[2:], 16)
        return int(text, 8) if len(text) > 1 and text[0] == "0" else int(text, 10)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


@frozen
class Number(Kind[int]):
    """An unsigned number between ``low`` and ``high``, both included, printed by ``form``."""

    low: int = 0
    high: int = 0xFFFFFFFF
    form: str = "{}"

    @property
    def plain(self) -> str | None:
        return r"[1-9]\d{0,8}" if self.low <= 1 and self.high == 0xFFFFFFFF and self.form == "{}" else None

    def parse(self, words: Sequence[str]) -> int:
        value = number(words[0])
        if not self.low <= value <= self.high:
            raise ValueError(f"{words[0]} is not between {self.low} and {self.high}")
        return value

    def words(self, value: int) -> tuple[str, ...]:
        return (self.form.format(value),)


@frozen
class CutNumber(Number):
    """A number of 32 bits of which a field of ``bits`` bits keeps the lower ones, without a word."""

    bits: int = 16

    @property
    def plain(self) -> str | None:
        return None

    def parse(self, words: Sequence[str]) -> int:
        return super().parse(words) & (1 << self.bits) - 1


@frozen
class Masked:
    """A number and the bits of it that count."""

    value: int
    mask: int


@frozen
class MaskedHex(Kind[Masked]):
    """``VALUE[/MASK]`` of ``bits`` bits in hexadecimal, such as a mark (xt_mark.h).

    ``make`` turns the two numbers that were written, the second None when it was left out, into what
    the kernel stores. The mask is always printed when ``always_mask``, else only when it has a zero.
    """

    bits: int = 32
    always_mask: bool = False
    make: Callable[[int, int | None], Masked] | None = None

    @property
    def ones(self) -> int:
        return (1 << self.bits) - 1

    def parse(self, words: Sequence[str]) -> Masked:
        head, slash, tail = words[0].partition("/")
        value, mask = number(head), number(tail) if slash else None
        for part in (value, mask):
            if part is not None and part > self.ones:
                raise ValueError(f"{part:#x} does not fit in {self.bits} bits")
        if self.make:
            return self.make(value, mask)
        return Masked(value, self.ones if mask is None else mask)

    def words(self, value: Masked) -> tuple[str, ...]:
        if value.mask == self.ones and not self.always_mask:
            return (f"{value.value:#x}",)
        return (f"{value.value:#x}/{value.mask:#x}",)


@frozen
class MaskedOrName(Kind[Masked | str]):
    """``NUMBER[/MASK]``, or a name that only the node can tell unless it is one of ``names``.

    A number without a mask is printed by its name.
    """

    names: Mapping[str, int] = field(hash=False)

    def parse(self, words: Sequence[str]) -> Masked | str:
        if words[0] in self.names:
            return Masked(self.names[words[0]], 0xFFFFFFFF)
        return MaskedHex().parse(words) if words[0][:1].isdecimal() else words[0]

    def words(self, value: Masked | str) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        for name, number in self.names.items():
            if value == Masked(number, 0xFFFFFFFF):
                return (name,)
        return MaskedHex().words(value)


#: What a probability of 1 is for the kernel: it compares with a fresh 31-bit number (xt_statistic.c).
PROBABILITY_ONE = 1 << 31


class Probability(Kind[int]):
    """A probability as the kernel keeps it: an integer P that stands for P / 2^31.

    ``libxt_statistic`` multiplies by 2^31 and rounds halves away from zero; a save prints P / 2^31
    with 11 decimals, which reads back to the same P (kernel semantics, "Probability").
    """

    def parse(self, words: Sequence[str]) -> int:
        text = words[0]
        try:
            value = float.fromhex(text) if "x" in text.lower() else float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a probability") from None
        if isnan(value):  # what the kernel makes of it
            return 0
        if not 0 <= value <= 1:
            raise ValueError(f"probability {text} is not between 0 and 1")
        return int(value * PROBABILITY_ONE + 0.5)

    def words(self, value: int) -> tuple[str, ...]:
        return (f"{value / PROBABILITY_ONE:.11f}",)


# ---- words


_NO_QUOTES = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPED = re.compile(r"([\"\\'])")


def quoted(text: str) -> str:
    """Return ``text`` as iptables-save prints a string: in quotes unless it is plain (xtables.c)."""
    if _NO_QUOTES.match(text):
        return text
    return '"' + _ESCAPED.sub(r"\\\1", text) + '"'


def unquoted(word: str) -> str:
    """Return what iptables-restore makes of ``word``: quotes go, a backslash inside them escapes."""
    if '"' not in word:
        return word
    return "".join(
        re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) if i % 2 else part
        for i, part in enumerate(re.split(r'"((?:[^"\\]|\\.)*)"', word, flags=re.DOTALL))
    )


#: Most bytes of a word that iptables-restore takes (struct xt_param_buf in xshared.c).
LONGEST_WORD = 1023


@frozen
class Text(Kind[str]):
    """A string of at most ``longest`` bytes, quoted in a save where it needs to be.

    A longer one is refused, or cut off where iptables does so without a word (``cut``).
    """

    longest: int = 255
    cut: bool = False

    @property
    def plain(self) -> str:
        """Printable ASCII in quotes, at least one character of which asks for them."""
        return rf'"(?=[\w-]*[^\w"-])(?:[ !#-&(-\[\]-~]){{1,{self.longest}}}"'

    def parse(self, words: Sequence[str]) -> str:
        text = unquoted(words[0])
        raw = text.encode("utf-8", "surrogateescape")
        if len(raw) <= self.longest:
            return text
        if not self.cut or len(raw) > LONGEST_WORD:
            raise ValueError(f"longer than {LONGEST_WORD if self.cut else self.longest} bytes")
        return raw[: self.longest].decode("utf-8", "surrogateescape")

    def words(self, value: str) -> tuple[str, ...]:
        return (quoted(value),)


@frozen
class Name(Kind[str]):
    """A name of at most ``longest`` bytes that a save prints as it is; a longer one is refused or ``cut``."""

    longest: int = 255
    cut: bool = False

    @property
    def plain(self) -> str:
        return rf"[A-Za-z0-9_.+-]{{1,{self.longest}}}"

    def parse(self, words: Sequence[str]) -> str:
        text = unquoted(words[0])
        raw = text.encode("utf-8", "surrogateescape")
        if len(raw) > self.longest:
            if self.cut:
                return raw[: self.longest].decode("utf-8", "surrogateescape")
            raise ValueError(f"{text!r} is longer than {self.longest} bytes")
        return text

    def words(self, value: str) -> tuple[str, ...]:
        return (value,)


@frozen
class FileName(Name):
    """A name that the kernel gives to a file of its own under /proc (xt_recent.c, xt_hashlimit.c)."""

    @property
    def plain(self) -> str:
        return rf"[A-Za-z0-9_+-]{{1,{self.longest}}}"

    def parse(self, words: Sequence[str]) -> str:
        name = super().parse(words)
        if "/" in name or name in (".", ".."):
            raise ValueError(f"{name!r} is no name for a file")
        return name


@frozen
class Choice(Kind[str]):
    """One word out of ``allowed``; ``aliases`` maps further spellings to one of them."""

    allowed: tuple[str, ...]
    aliases: dict[str, str] = field(factory=dict, hash=False)

    def parse(self, words: Sequence[str]) -> str:
        word = self.aliases.get(words[0], words[0])
        if word not in self.allowed:
            raise ValueError(f"{words[0]!r} is none of {', '.join(self.allowed)}")
        return word

    def words(self, value: str) -> tuple[str, ...]:
        return (value,)


@frozen
class WordSet(Kind[frozenset[str]]):
    """A comma list of words out of ``order``, in any case; printed in that order."""

    order: tuple[str, ...]

    def parse(self, words: Sequence[str]) -> frozenset[str]:
        chosen = [word.upper() for word in words[0].split(",")]
        for word in chosen:
            if word not in self.order:
                raise ValueError(f"{word!r} is none of {', '.join(self.order)}")
        return frozenset(chosen)

    def words(self, value: frozenset[str]) -> tuple[str, ...]:
        return (",".join(word for word in self.order if word in value),)


# ---- addresses and ports


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


#: Regular expressions of an IPv4 address and of a port, exactly.
_IPV4 = r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PORT = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3}|0)"


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
        return None if self.short else rf"{_IPV4}(?:/32)?"

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


@frozen
class PortRange:
    """The ports from ``low`` to ``high``, both included; none when they are in the wrong order."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}:{self.high}"

    def __contains__(self, port: int) -> bool:
        return self.low <= port <= self.high


def port(text: str) -> int:
    """Read a port: a number 0-65535 in any of C's bases, or the name of a service."""
    if text in SERVICES:
        return SERVICES[text]
    if not C_NUMBER.match(text):
        raise ValueError(f"{text!r} is not a port")
    if number(text) > 65535:
        raise ValueError(f"port {text} is not between 0 and 65535")
    return number(text)


def resolved_port(text: str) -> int:
    """Read a port as getaddrinfo(3) does: the name of a service, or a decimal number cut to 16 bits."""
    if text in SERVICES:
        return SERVICES[text]
    if not text.isdecimal() or not text.isascii():
        raise ValueError(f"{text!r} is not a port")
    return int(text[-1000:]) & 0xFFFF


@frozen
class Ports(Kind[PortRange]):
    """``PORT`` or ``[LOW]:[HIGH]`` (xt_tcpudp.h).

    Extensions that leave reading to libxtables (``resolved``) ask getaddrinfo for a port, and take a
    range that ends before it begins: no port is in it.
    """

    resolved: bool = False

    @property
    def plain(self) -> str:
        return _PORT

    def parse(self, words: Sequence[str]) -> PortRange:
        read = resolved_port if self.resolved else port
        head, colon, tail = words[0].partition(":")
        if not colon:
            return PortRange(read(head), read(head))
        low, high = read(head or "0"), read(tail or "65535")
        if low > high and not self.resolved:
            raise ValueError(f"port range {words[0]} ends before it begins")
        return PortRange(low, high)

    def words(self, value: PortRange) -> tuple[str, ...]:
        return (str(value),)


@frozen
class NatRange:
    """Where a NAT target maps to: addresses and ports, each None when it is left as it was."""

    first: Address | None = None
    last: Address | None = None
    ports: PortRange | None = None
    base_port: int | None = None
    """With ``--to-destination a:LOW-HIGH/BASE``: the original port that maps to LOW."""


class NatTarget(Kind[NatRange]):
    """``[ADDRESS[-ADDRESS]][:PORT[-PORT][/BASE]]``, IPv6 in brackets when a port follows (nf_nat.h)."""

    plain_family: ClassVar[int | None] = 4

    def family(self, value: NatRange) -> int | None:
        return None if value.first is None else value.first.version

    @property
    def plain(self) -> str:
        return rf"{_IPV4}:{_PORT}"

    def parse(self, words: Sequence[str]) -> NatRange:
        addresses, ports, base = self._split(words[0])
        first, dash, last = addresses.partition("-")
        low = address(first) if first else None
        high = address(last) if dash else low
        if low and high and low.version != high.version:
            raise ValueError(f"{addresses} mixes IPv4 and IPv6")
        return NatRange(low, high, _dashed(ports) if ports else None, port(base) if base else None)

    @staticmethod
    def _split(text: str) -> tuple[str, str, str]:
        if text.startswith("["):
            addresses, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError(f"{text!r} is not [ADDRESS]:PORT")
            ports = rest[1:]
        elif text.count(":") > 1:
            addresses, ports = text, ""
        else:
            addresses, _, ports = text.partition(":")
        ports, _, base = ports.partition("/")
        return addresses, ports, base

    def words(self, value: NatRange) -> tuple[str, ...]:
        out = "" if value.first is None else shown(value.first)
        if value.last is not None and value.last != value.first:
            out += f"-{shown(value.last)}"
        if value.ports is None:
            return (out,)
        if value.first is not None and value.first.version == 6:
            out = f"[{out}]"
        base = "" if value.base_port is None else f"/{value.base_port}"
        return (f"{out}:{str(value.ports).replace(':', '-')}{base}",)


@frozen
class AddressRange:
    """The addresses from ``first`` to ``last``, both included; empty when they are in the wrong order."""

    first: Address
    last: Address

    def __str__(self) -> str:
        return f"{shown(self.first)}-{shown(self.last)}"


class AddressRangeKind(Kind[AddressRange]):
    """``ADDRESS[-ADDRESS]``; a single address is printed as a range of one (libxt_iprange)."""

    plain_family: ClassVar[int | None] = 4

    def family(self, value: AddressRange) -> int | None:
        return value.first.version

    @property
    def plain(self) -> str:
        return rf"{_IPV4}-{_IPV4}"

    def parse(self, words: Sequence[str]) -> AddressRange:
        first, dash, last = words[0].partition("-")
        low = address(first)
        high = address(last) if dash else low
        if low.version != high.version:
            raise ValueError(f"{words[0]} mixes IPv4 and IPv6")
        return AddressRange(low, high)

    def words(self, value: AddressRange) -> tuple[str, ...]:
        return (str(value),)


class Host(Kind[Address]):
    """One address, without a mask."""

    def parse(self, words: Sequence[str]) -> Address:
        return address(words[0])

    def family(self, value: Address) -> int | None:
        return value.version

    def words(self, value: Address) -> tuple[str, ...]:
        return (shown(value),)


@frozen
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


@frozen
class NumberRange:
    """The numbers from ``low`` to ``high``, both included; none when they are in the wrong order."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}:{self.high}"

    def __contains__(self, number: int) -> bool:
        return self.low <= number <= self.high


#: What a field of 32 bits can hold.
EVERY_NUMBER = NumberRange(0, 0xFFFFFFFF)


@frozen
class Numbers(Kind[NumberRange]):
    """``NUMBER`` or ``[LOW]:[HIGH]`` of ``bits`` bits, ends left out being the smallest and the largest.

    A range that ends before it begins is refused only when ``ordered``: libxtables does not mind.
    """

    bits: int = 16
    ordered: bool = False

    @property
    def plain(self) -> str:
        return r"[1-9]\d{0,3}" if self.bits == 16 else r"[1-9]\d{0,8}"

    def parse(self, words: Sequence[str]) -> NumberRange:
        largest = (1 << self.bits) - 1
        head, colon, tail = words[0].partition(":")
        low = number(head) if head else 0
        high = (number(tail) if tail else largest) if colon else low
        if high > largest:
            raise ValueError(f"{words[0]} is not between 0 and {largest}")
        if low > high and self.ordered:
            raise ValueError(f"range {words[0]} ends before it begins")
        return NumberRange(low, high)

    def words(self, value: NumberRange) -> tuple[str, ...]:
        return (str(value),)


_MAC = re.compile(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}\Z")


class MacAddress(Kind[bytes]):
    """An Ethernet address, six bytes; printed in lower case as iptables 1.8 does."""

    @property
    def plain(self) -> str:
        return r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"

    def parse(self, words: Sequence[str]) -> bytes:
        if not _MAC.match(words[0]):
            raise ValueError(f"{words[0]!r} is not an Ethernet address")
        return bytes(int(part, 16) for part in words[0].split(":"))

    def words(self, value: bytes) -> tuple[str, ...]:
        return (value.hex(":"),)


#: The type-of-service names and their values (include/uapi/linux/ip.h, IPTOS_*).
TOS_NAMES = {
    "minimize-delay": 0x10,
    "maximize-throughput": 0x08,
    "maximize-reliability": 0x04,
    "minimize-cost": 0x02,
    "normal-service": 0x00,
}


class Tos(Kind[Masked]):
    """``VALUE[/MASK]`` of eight bits, or a name, which leaves the two bits of ECN alone (xtoptions.c)."""

    @property
    def plain(self) -> str:
        return r"0x[0-9a-f]{2}/0x[0-9a-f]{2}"

    def parse(self, words: Sequence[str]) -> Masked:
        named = TOS_NAMES.get(words[0].lower())
        if named is not None:
            return Masked(named, 0x3F)
        head, slash, tail = words[0].partition("/")
        value, mask = number(head), number(tail) if slash else 0xFF
        if value > 0xFF or mask > 0xFF:
            raise ValueError(f"{words[0]} does not fit in 8 bits")
        return Masked(value, mask)

    def words(self, value: Masked) -> tuple[str, ...]:
        return (f"{value.value:#04x}/{value.mask:#04x}",)


#: The differentiated services classes (RFC 2474, 2597, 3246).
DSCP_CLASSES = (
    {f"CS{i}": 8 * i for i in range(8)}
    | {f"AF{i}{j}": 8 * i + 2 * j for i in range(1, 5) for j in range(1, 4)}
    | {"BE": 0, "EF": 0x2E}
)


class DscpClass(Kind[int]):
    """A code point by its class: BE, EF, CSn or AFnn."""

    def parse(self, words: Sequence[str]) -> int:
        try:
            return DSCP_CLASSES[words[0].upper()]
        except KeyError:
            raise ValueError(f"{words[0]!r} is none of {', '.join(DSCP_CLASSES)}") from None


#: A code point of six bits, printed with two hexadecimal digits.
DSCP = Number(0, 0x3F, "{:#04x}")


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@frozen
class Rate:
    """One packet in ``period`` / ``scale`` seconds: how xt_limit and xt_hashlimit keep a rate."""

    period: int
    scale: int = 10_000
    written: int = field(default=1, eq=False)
    """Seconds of the unit it was written in."""

    @property
    def unit(self) -> tuple[str, int]:
        """The unit a save shows the rate in, and its length in seconds: the largest that fits well."""
        chosen = ("day", 86400)
        for name, seconds in (("hour", 3600), ("min", 60), ("sec", 1)):
            whole = seconds * self.scale
            if self.period > whole or whole // self.period < whole % self.period:
                break
            chosen = (name, seconds)
        return chosen

    def __str__(self) -> str:
        name, seconds = self.unit
        return f"{seconds * self.scale // self.period}/{name}"


@frozen
class RateKind(Kind[Rate]):
    """``NUMBER[/second|/minute|/hour|/day]``, the unit abbreviated at will."""

    scale: int = 10_000

    def parse(self, words: Sequence[str]) -> Rate:
        seconds = rate_unit(words[0])
        period = self.scale * seconds // leading_number(words[0])
        if period == 0:
            raise ValueError(f"rate {words[0]} is too fast")
        return Rate(period, self.scale, seconds)

    def words(self, value: Rate) -> tuple[str, ...]:
        return (str(value),)


def rate_unit(text: str) -> int:
    """Return the seconds of a rate's unit, 1 when it has none."""
    _, slash, unit = text.partition("/")
    if not slash:
        return 1
    for name, seconds in _UNITS.items():
        if unit and name.startswith(unit.lower()):
            return seconds
    raise ValueError(f"{text!r} is not a number per {', '.join(_UNITS)}")


def leading_number(text: str) -> int:
    """Read the decimal number that ``text`` begins with, as C's ``atoi`` does; never 0."""
    digits = re.match(r"\s*\+?(\d+)", text)
    if digits is None or not int(digits.group(1)):
        raise ValueError(f"{text!r} is not a rate")
    return int(digits.group(1))


#: Every port; ``-m tcp`` and ``-m udp`` print it no more than if it were not given.
ALL_PORTS = PortRange(0, 65535)


def _dashed(text: str) -> PortRange:
    head, dash, tail = _halves(text)
    low = port(head)
    high = port(tail) if dash else low
    if low > high:
        raise ValueError(f"port range {text} ends before it begins")
    return PortRange(low, high)


def _halves(text: str) -> tuple[str, str, str]:
    """Split at the dash between two ports, which the names of services may hold too."""
    if text in SERVICES:
        return text, "", ""
    cuts = [place.start() for place in re.finditer("-", text)]
    known = (at for at in cuts if _is_port(text[:at]) and _is_port(text[at + 1 :]))
    at = next(known, cuts[0] if cuts else len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]


def _is_port(text: str) -> bool:
    return text.isdecimal() or text in SERVICES


class DashedPorts(Kind[PortRange]):
    """``PORT`` or ``LOW-HIGH``, as the NAT targets print it."""

    def parse(self, words: Sequence[str]) -> PortRange:
        return _dashed(words[0])

    def words(self, value: PortRange) -> tuple[str, ...]:
        return (str(value).replace(":", "-"),)


_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")


@frozen
class TcpFlags:
    """Which TCP flags are looked at, and which of those must be set."""

    mask: frozenset[str]
    set: frozenset[str]


class TcpFlagPair(Kind[TcpFlags]):
    """``MASK SET``: two comma lists of flags, or ALL or NONE (xt_tcpudp.h)."""

    def parse(self, words: Sequence[str]) -> TcpFlags:
        return TcpFlags(*(self._flags(word) for word in words))

    @staticmethod
    def _flags(text: str) -> frozenset[str]:
        if text.upper() == "ALL":
            return frozenset(_TCP_FLAGS)
        chosen = frozenset() if text.upper() == "NONE" else frozenset(text.upper().split(","))
        if not chosen <= set(_TCP_FLAGS):
            raise ValueError(f"{text!r} has a word that is none of {', '.join(_TCP_FLAGS)}")
        return chosen

    def words(self, value: TcpFlags) -> tuple[str, ...]:
        return tuple(
            ",".join(flag for flag in _TCP_FLAGS if flag in flags) or "NONE"
            for flags in (value.mask, value.set)
        )
