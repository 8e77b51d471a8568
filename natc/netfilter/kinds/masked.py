"""Numbers of which only some bits count: marks, realms, groups, the type of service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import number
from natc.values import field, frozen


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
        for name, named in self.names.items():
            if value == Masked(named, 0xFFFFFFFF):
                return (name,)
        return MaskedHex().words(value)


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
