"""``-m time``: date and time of day (net/netfilter/xt_time.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from natc.netfilter.condition import Condition, Remembered, Unknown
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import frozen

#: Weekdays by number from 1.
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_WEEKDAYS = frozenset(range(1, 8))
ALL_MONTHDAYS = frozenset(range(1, 32))
#: The last second of a day, and the last second a date can name.
END_OF_DAY = 86399
END_OF_TIME = 0x7FFFFFFF
_DATE = re.compile(r"(\d{4})(?:-(\d+)(?:-(\d+)(?:T(\d+)(?::(\d+)(?::(\d+))?)?)?)?)?\Z")
_TIME = re.compile(r"(\d+):(\d+)(?::(\d+))?\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Date(Kind[int]):
    """``YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`` as seconds since 1970, in UTC or the kernel's zone."""

    def parse(self, words: Sequence[str]) -> int:
        found = _DATE.match(words[0])
        if found is None:
            raise ValueError(f"{words[0]!r} is not YYYY[-MM[-DD[Thh[:mm[:ss]]]]]")
        fields = [int(part) for part in found.groups() if part is not None]
        year, month, day, *clock = fields + [1] * (3 - len(fields))
        hour, minute, second = (clock + [0] * 3)[:3]
        if not (1970 <= year <= 2038 and 1 <= month <= 12 and 1 <= day <= 31):
            raise ValueError(f"{words[0]} is not a date from 1970 to 2038")
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{words[0]} has no such time of day")
        start = datetime(year, month, 1, tzinfo=UTC)
        moment = start + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
        return int((moment - _EPOCH).total_seconds())

    def words(self, value: int) -> tuple[str, ...]:
        return ((_EPOCH + timedelta(seconds=value)).strftime("%Y-%m-%dT%H:%M:%S"),)


class _DayTime(Kind[int]):
    """``hh:mm[:ss]`` as seconds since midnight."""

    def parse(self, words: Sequence[str]) -> int:
        found = _TIME.match(words[0])
        hour, minute, second = (int(part or 0) for part in found.groups()) if found else (24, 0, 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{words[0]!r} is not a time of day hh:mm[:ss]")
        return hour * 3600 + minute * 60 + second

    def words(self, value: int) -> tuple[str, ...]:
        return (f"{value // 3600:02}:{value // 60 % 60:02}:{value % 60:02}",)


class _MonthDays(Kind[frozenset[int]]):
    """A list of days of the month."""

    def parse(self, words: Sequence[str]) -> frozenset[int]:
        days = [number(part) for part in words[0].split(",")]
        if max(days) > 31:
            raise ValueError(f"{max(days)} is not a day of a month")
        return frozenset(days)

    def words(self, value: frozenset[int]) -> tuple[str, ...]:
        return (",".join(str(day) for day in sorted(value & ALL_MONTHDAYS)),)


class _WeekDays(Kind[frozenset[int]]):
    """A list of weekdays by number, 1 being Monday, or by the first two letters of the name."""

    def parse(self, words: Sequence[str]) -> frozenset[int]:
        return frozenset(self._day(part) for part in words[0].split(","))

    @staticmethod
    def _day(text: str) -> int:
        if text.isdecimal() and 1 <= int(text) <= 7:
            return int(text)
        for day, name in enumerate(WEEKDAYS, 1):
            if len(text) > 1 and text[:2] == name[:2]:
                return day
        raise ValueError(f"{text!r} is none of {', '.join(WEEKDAYS)}")

    def words(self, value: frozenset[int]) -> tuple[str, ...]:
        return (",".join(WEEKDAYS[day - 1] for day in sorted(value)),)


@register_match("time")
@frozen
class Time(Match):
    """When the packet is seen: seconds of the day, days of month and week, seconds since 1970.

    Everything is in UTC unless ``kernel_zone``. A day that ends before it starts runs over midnight,
    and with ``contiguous`` the weekday is that of its start.
    """

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("kernel_zone", "utc"),)

    start: int = option("--timestart", _DayTime(), default=0)
    stop: int = option("--timestop", _DayTime(), default=END_OF_DAY)
    month_days: Term[frozenset[int]] = option(
        "--monthdays", _MonthDays(), default=Term(ALL_MONTHDAYS), omit=Term(ALL_MONTHDAYS), negatable=True
    )
    week_days: Term[frozenset[int]] = option(
        "--weekdays", _WeekDays(), default=Term(ALL_WEEKDAYS), omit=Term(ALL_WEEKDAYS), negatable=True
    )
    date_start: int = option("--datestart", _Date(), default=0, omit=0)
    date_stop: int = option("--datestop", _Date(), default=END_OF_TIME, omit=0)
    kernel_zone: bool = option("--kerneltz", Flag(), default=False, also=("--localtz",))
    utc: bool = option("--utc", Flag(), default=False, omit=True)
    contiguous: bool = option("--contiguous", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Turn days that are negated into the others, as the kernel keeps them."""
        for name, everything in (("month_days", ALL_MONTHDAYS), ("week_days", ALL_WEEKDAYS)):
            if name in values and values[name].inverted:
                values[name] = Term(everything - values[name].value)
        if values.get("contiguous") and values.get("start", 0) < values.get("stop", END_OF_DAY):
            raise OptionError("--contiguous is for a time that ends before it starts")
        return values

    def words(self) -> list[str]:
        """The whole day is left out."""
        words = super().words()
        return words[4:] if (self.start, self.stop) == (0, END_OF_DAY) else words

    def condition(self) -> Condition:
        return Remembered(self, Unknown(f"-m time {' '.join(self.words())}", "clock"), changes=False)

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | None, Memory]:
        """Ask the clock (xt_time.c, time_mt); None without one, or where the node's own zone decides."""
        if memory.clock is None or self.kernel_zone:
            return None, memory
        return self._holds(int(memory.clock)), memory

    def _holds(self, now: int) -> bool:
        if not self.date_start <= now <= self.date_stop:
            return False
        day, seconds = now - now % _DAY, now % _DAY
        if self.start < self.stop:
            if not self.start <= seconds <= self.stop:
                return False
        else:
            if self.stop < seconds < self.start:
                return False
            if self.contiguous and seconds <= self.stop:
                day -= _DAY
        date = datetime.fromtimestamp(day, UTC)
        return date.isoweekday() in self.week_days.value and date.day in self.month_days.value


_DAY = 86400
