"""``-m hashlimit``: a rate for each source, destination or port (net/netfilter/xt_hashlimit.c)."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from natc.netfilter.bucket import Bucket
from natc.netfilter.condition import ALWAYS, Condition, Drops, Remembered, Unknown
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.flow_ports import ports_of
from natc.netfilter.guards import needs_tuple
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.addresses import PrefixLength
from natc.netfilter.kinds.numbers import Number, number
from natc.netfilter.kinds.rates import Rate, RateKind, leading_number
from natc.netfilter.kinds.words import FileName
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.meter import ByteBucket, Window
from natc.netfilter.packet import Packet
from natc.netfilter.rate_table import RateTable
from natc.values import evolve, frozen

#: One second in the units of a rate (XT_HASHLIMIT_SCALE_v2), and how fine bytes are counted.
SCALE = 1_000_000
_BYTE_SHIFT = 4
_UNITS = {"m": 1024 * 1024, "k": 1024, "": 1}
#: Largest burst of packets (XT_HASHLIMIT_BURST_MAX).
MOST_BURST = 1_000_000
#: What is assumed: packets in a burst, and milliseconds between collections of garbage.
DEFAULT_BURST = 5
_GC_INTERVAL = 1000
#: Seconds after which an idle entry of a byte rate goes, without and with a burst.
_BYTE_EXPIRE = 15
_BYTE_EXPIRE_BURST = 60
_BYTES = re.compile(r".*?([mk]?)b/s")


@frozen
class ByteRate:
    """A rate of bytes a second, as the cost of sixteen bytes that the kernel keeps."""

    cost: int

    @property
    def bytes(self) -> int:
        """Bytes a second."""
        return ((0xFFFFFFFF // self.cost if self.cost else 0xFFFFFFFF) - 1) << _BYTE_SHIFT

    @classmethod
    def of(cls, count: int) -> ByteRate:
        return cls(0xFFFFFFFF // ((count >> _BYTE_SHIFT & 0xFFFFFFFF) + 1))

    def __str__(self) -> str:
        """The largest unit that reads back to the same cost; libxt_hashlimit tries that with 32 bits."""
        cut = self.bytes & 0xFFFFFFFF
        for unit, size in _UNITS.items():
            if size == 1 or (self.bytes >= size and ByteRate.of(cut & ~(size - 1)) == self):
                return f"{self.bytes // size}{unit}b/s"
        raise AssertionError


class _AnyRate(Kind[Rate | ByteRate]):
    """``NUMBER[/UNIT]`` of packets, or ``NUMBER[k|m]b/s`` of bytes."""

    def parse(self, words: Sequence[str]) -> Rate | ByteRate:
        found = _BYTES.match(words[0])
        if found is None:
            return RateKind(SCALE).parse(words)
        rate = ByteRate.of(leading_number(words[0]) * _UNITS[found.group(1)])
        if rate.cost == 0:
            raise ValueError(f"rate {words[0]} is too fast")
        return rate

    def words(self, value: Rate | ByteRate) -> tuple[str, ...]:
        return (str(value),)


class _Burst(Kind[int]):
    """``NUMBER[k|m][b]``."""

    def parse(self, words: Sequence[str]) -> int:
        found = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+?)([mk]?)b?", words[0])
        count = number(found.group(1)) if found else 0
        if found is None or count == 0:
            raise ValueError(f"{words[0]!r} is not a burst")
        return count * _UNITS[found.group(2)]

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


class _Limited(Number):
    """A size that the kernel cuts down without a word (HASHLIMIT_MAX_SIZE)."""

    @property
    def plain(self) -> str | None:
        return None

    def parse(self, words: Sequence[str]) -> int:
        return min(super().parse(words), 1 << 20)


class _Mode(Kind[tuple[str, ...]]):
    """A list out of srcip, srcport, dstip and dstport, printed in this order."""

    order = ("srcip", "srcport", "dstip", "dstport")

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        chosen = [word for word in re.split("[,|]", words[0]) if word]
        for word in chosen:
            if word not in self.order:
                raise ValueError(f"{word!r} is none of {', '.join(self.order)}")
        return tuple(word for word in self.order if word in chosen)

    def words(self, value: tuple[str, ...]) -> tuple[str, ...]:
        return (",".join(value),)


class _Interval(Number):
    """Seconds as C's ``atoi`` reads them: what follows the digits is passed over, a carry is lost."""

    @property
    def plain(self) -> str:
        return r"[1-9]\d{0,8}"

    def parse(self, words: Sequence[str]) -> int:
        digits = re.match(r"\+?(\d+)", words[0])
        seconds = int(digits.group(1)) & 0xFFFFFFFF if digits else 0
        if not self.low <= seconds <= self.high:
            raise ValueError(f"{words[0]!r} is no decimal number between {self.low} and {self.high}")
        return seconds


@register_match("hashlimit")
@frozen
class Hashlimit(Match):
    """A bucket for each combination of what ``mode`` names; true while it has room, or (above) has none.

    ``burst`` is in packets, or in multiples of a second's bytes for a byte rate (0 for none given).
    Expiry and garbage collection are in milliseconds, the interval of ``rate_match`` in seconds.
    """

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("upto", "above"),)
    one_of: ClassVar[tuple[str, ...]] = ("upto", "above")

    upto: Term[Rate | ByteRate] | None = option(
        "--hashlimit-upto", _AnyRate(), also=("--hashlimit",), negatable=True
    )
    above: Term[Rate | ByteRate] | None = option("--hashlimit-above", _AnyRate(), negatable=True)
    burst: int = option("--hashlimit-burst", _Burst(), default=DEFAULT_BURST)
    mode: tuple[str, ...] = option("--hashlimit-mode", _Mode(), default=(), omit=())
    table_name: str | None = option("--hashlimit-name", FileName(254), required=True)
    size: int = option("--hashlimit-htable-size", _Limited(), default=0, omit=0)
    most: int = option("--hashlimit-htable-max", _Limited(), default=0, omit=0)
    gc_interval: int = option(
        "--hashlimit-htable-gcinterval", Number(1), default=_GC_INTERVAL, omit=_GC_INTERVAL
    )
    expire: int | None = option("--hashlimit-htable-expire", Number(1))
    srcmask: int | None = option("--hashlimit-srcmask", PrefixLength())
    dstmask: int | None = option("--hashlimit-dstmask", PrefixLength())
    rate_match: bool = option("--hashlimit-rate-match", Flag(), default=False)
    rate_interval: int | None = option("--hashlimit-rate-interval", _Interval(1, 0x7FFFFFFF), omit=1)

    @property
    def rate(self) -> Rate | ByteRate:
        """The rate, whichever side of it matches."""
        rate = self.upto or self.above
        assert rate is not None
        return rate.value

    @property
    def in_bytes(self) -> bool:
        """Whether bytes count, and not packets."""
        return isinstance(self.rate, ByteRate)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Fill in what libxt_hashlimit does; "not above" becomes "up to" and the other way round."""
        for name, other in (("upto", "above"), ("above", "upto")):
            if name in values and values[name].inverted:
                values[other] = Term(values.pop(name).value)
                break
        rate = (values.get("upto") or values["above"]).value
        longest = 32 if family == 4 else 128
        for mask in ("srcmask", "dstmask"):
            if values.setdefault(mask, longest) > longest:
                raise OptionError(f"--hashlimit-{mask} {values[mask]} is longer than {longest}")
            if values[mask] == longest:
                values[mask] = None
        if isinstance(rate, ByteRate):
            _complete_bytes(values, rate)
        elif values.get("burst", 0) > MOST_BURST:
            raise OptionError(f"--hashlimit-burst {values['burst']} is not between 1 and {MOST_BURST}")
        else:
            values.setdefault("expire", 1000 * rate.written)
        if values.get("rate_match"):
            _complete_rate_match(values, rate)
        else:
            values.pop("rate_interval", None)
        return values

    def words(self) -> list[str]:
        """As declared, but for a byte rate's burst, and an expiry that follows from the printed rate."""
        words = super().words()
        if isinstance(self.rate, ByteRate):
            at = words.index("--hashlimit-burst")
            burst = ["--hashlimit-burst", _in_units(self.rate.bytes * self.burst)] if self.burst else []
            words[at : at + 2] = burst
        if self.expire == self._usual_expiry() and "--hashlimit-htable-expire" in words:
            at = words.index("--hashlimit-htable-expire")
            del words[at : at + 2]
        return words

    def _usual_expiry(self) -> int:
        """Milliseconds that a save leaves out."""
        if isinstance(self.rate, ByteRate):
            return 1000 * (_BYTE_EXPIRE_BURST if self.burst else _BYTE_EXPIRE)
        return 1000 * self.rate.unit[1]

    def guard(self, *, nft: bool) -> Condition:
        return needs_tuple(ports_only=True) if {"srcport", "dstport"} & set(self.mode) else ALWAYS

    def condition(self) -> Condition:
        return Remembered(self, Unknown(f"-m hashlimit {' '.join(self.words())}", "rate"))

    @property
    def kept_at(self) -> Hashable:
        return ("hashlimit", self.table_name)

    def loaded(self, memory: Memory) -> Memory:
        """Return the memory once the rule is loaded: the first of a name makes its table.

        Raises :class:`OptionError` for a table that measures rates where this rule does not, or the other
        way round: Linux 6.18 refuses that.
        """
        table: RateTable | None = memory.get(self.kept_at)
        if table is None:
            return memory.with_value(self.kept_at, RateTable(self))
        if table.first.rate_match is not self.rate_match:
            raise OptionError(f"of the rules of {self.table_name} only some say --hashlimit-rate-match")
        if not self.rate_match and self.in_bytes is not table.first.in_bytes:
            return memory.with_value(self.kept_at, evolve(table, is_mixed=True))
        return memory

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | Drops | None, Memory]:
        """Take the packet out of the bucket of this source, destination or port.

        None where that hangs on whether a bucket that was idle for long has been collected as garbage yet,
        and of a table with rules in packets and others in bytes. A packet that needs a new bucket in a full
        table is dropped.
        """
        assert isinstance(packet.length, int)
        table: RateTable = memory.get(self.kept_at)
        if table.is_mixed:
            return None, memory
        first = table.first
        group, amount = first._group(packet), packet.length if self.in_bytes else 1
        key = table.key(group)
        found = memory.get(key)
        within, left = taken = first._taken(found, amount, memory.now)
        idle = table.idle(found, memory.now)
        if idle > 0:
            within, left = fresh = first._taken(None, amount, memory.now)
            if idle <= first.gc_interval and fresh != taken:
                return None, memory
        if found is None or idle > first.gc_interval:
            if not (room := table.has_room(memory)):
                return None if room is None else Drops.UNMATCHED, memory
            memory = memory.with_value(self.kept_at, table.with_group(group))
        return within is (self.upto is not None), memory.with_value(key, left)

    def _taken(self, found: Any, amount: int, now: float) -> tuple[bool, object]:
        """Return whether one packet, or so many bytes, are within the rate, and what is remembered then."""
        rate = self.rate
        if self.rate_match:
            window = found or Window(now, now)
            return window.taken(*self._allowed(), self.rate_interval or 1, amount, now)
        if isinstance(rate, ByteRate):
            return (found or ByteBucket.full(self.burst, now)).taken(rate.cost, amount, now)
        return (found or Bucket.full(rate, self.burst, now)).taken(rate, self.burst, now)

    def _allowed(self) -> tuple[int, int]:
        """Return what may come in a second, and in an interval, where a rate is measured."""
        if isinstance(self.rate, ByteRate):
            return self.rate.bytes, self.rate.bytes * (self.burst or 1)
        rate = SCALE // self.rate.period
        return rate, rate + self.burst

    def _group(self, packet: Packet) -> tuple[object, ...]:
        """Which bucket a packet belongs to."""
        source, destination = ports_of(packet)
        fields = {
            "srcip": _network(packet.src, self.srcmask, packet.bits),
            "srcport": source,
            "dstip": _network(packet.dst, self.dstmask, packet.bits),
            "dstport": destination,
        }
        return tuple(fields[name] for name in self.mode)


def _complete_bytes(values: dict[str, Any], rate: ByteRate) -> None:
    """Turn a burst of bytes into seconds' worth."""
    burst = values.get("burst")
    if burst is None:
        values["burst"] = 0
    elif not rate.bytes:  # iptables divides by it
        raise OptionError("--hashlimit-burst needs a rate of 16 bytes a second or more")
    elif burst < rate.bytes:
        raise OptionError(f"--hashlimit-burst cannot be smaller than {rate.bytes}b")
    else:
        values["burst"] = -(-burst // rate.bytes)
    values.setdefault("expire", 1000 * (_BYTE_EXPIRE_BURST if values["burst"] else _BYTE_EXPIRE))


def _complete_rate_match(values: dict[str, Any], rate: Rate | ByteRate) -> None:
    """Measure a rate instead of limiting it: the packets of an interval, the rate's unit unless said."""
    if isinstance(rate, Rate):
        side = "upto" if "upto" in values else "above"
        values[side] = Term(evolve(rate, period=rate.period // rate.written))
    values.setdefault("rate_interval", rate.written if isinstance(rate, Rate) else 1)


def _in_units(count: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS.items() if count >= size)
    return f"{count // size}{unit}b"


def _network(address: object, length: int | None, bits: int) -> object:
    return address if length is None or not isinstance(address, int) else address >> (bits - length)
