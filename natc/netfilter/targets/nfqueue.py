"""``-j NFQUEUE``: hands the packet to a process that decides (net/netfilter/xt_NFQUEUE.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.numbers import Number, NumberRange, Numbers
from natc.netfilter.targets import register_target
from natc.values import frozen

#: Most queues that packets can be spread over; their number is kept in 16 bits.
MOST_QUEUES = 65535


class _Queues(Kind[NumberRange]):
    """``LOW:HIGH``, at least two queues."""

    def parse(self, words: Sequence[str]) -> NumberRange:
        if ":" not in words[0]:
            raise ValueError(f"{words[0]} is not LOW:HIGH")
        queues = Numbers(16, ordered=True).parse(words)
        if not 2 <= queues.high - queues.low + 1 <= MOST_QUEUES:
            raise ValueError(f"{words[0]} is not between 2 and {MOST_QUEUES} queues")
        return queues

    def words(self, value: NumberRange) -> tuple[str, ...]:
        return (str(value),)


@register_target("NFQUEUE")
@frozen
class Nfqueue(Target):
    """The queue, or the queues among which connections (or processors) are spread.

    With ``bypass`` the packet is accepted when nobody listens, else it is dropped.
    """

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("queue", "queues"),)
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu_fanout": ("queues",)}

    queue: int | None = option("--queue-num", Number(0, 0xFFFF))
    queues: NumberRange | None = option("--queue-balance", _Queues())
    bypass: bool = option("--queue-bypass", Flag(), default=False)
    cpu_fanout: bool = option("--queue-cpu-fanout", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Queue 0 unless said."""
        return values if "queues" in values else {"queue": 0, **values}
