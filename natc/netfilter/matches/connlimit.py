"""``-m connlimit``: how many connections one network has (net/netfilter/xt_connlimit.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.condition import Condition, Remembered, Unknown
from natc.netfilter.conntrack.datagrams import TABLE, datagram_of
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.addresses import PrefixLength
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import frozen


@register_match("connlimit")
@frozen
class Connlimit(Match):
    """At most ``upto`` or more than ``above`` connections of the source's or destination's network."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("upto", "above"), ("saddr", "daddr"))
    one_of: ClassVar[tuple[str, ...]] = ("upto", "above")

    upto: Term[int] | None = option("--connlimit-upto", Number(), negatable=True)
    above: Term[int] | None = option("--connlimit-above", Number(), negatable=True)
    mask: int | None = option("--connlimit-mask", PrefixLength())
    saddr: bool = option("--connlimit-saddr", Flag(), default=False)
    daddr: bool = option("--connlimit-daddr", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Not above is up to, and the other way round; source and whole addresses unless said."""
        for name, other in (("upto", "above"), ("above", "upto")):
            if name in values and values[name].inverted:
                return cls.completed(
                    {k: v for k, v in values.items() if k != name} | {other: Term(values[name].value)}, family
                )
        values.setdefault("mask", 32 if family == 4 else 128)
        values.setdefault("saddr", "daddr" not in values)
        return values

    def condition(self) -> Condition:
        return Remembered(self, Unknown(f"-m connlimit {' '.join(self.words())}", "rate"))

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | None, Memory]:
        """Count the connections of the packet's network that this rule has seen and that still exist."""
        table = memory.get(TABLE)
        if table is None:
            return None, memory
        here = datagram_of(packet).key()
        address = packet.dst if self.daddr else packet.src
        assert isinstance(address, int) and self.mask is not None
        key = ("connlimit", rule, address >> (packet.bits - self.mask))
        alive = tuple(seen for seen in memory.get(key, ()) if seen != here and table.find(seen))
        counted = (*alive, here)
        limit = self.above or self.upto
        assert limit is not None
        over = len(counted) > limit.value
        return over is (self.above is not None), memory.with_value(key, counted)
