"""``-m connlimit``: how many connections one network has (net/netfilter/xt_connlimit.c)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from natc.netfilter.condition import Condition, Drops, Remembered, Unknown
from natc.netfilter.conntrack.datagrams import TABLE, datagram_of, has_no_tuple
from natc.netfilter.conntrack.zone import NO_ZONE
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.guards import needs_tuple
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.addresses import PrefixLength
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.netfilter.memory import Memory
from natc.netfilter.packet import Packet
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.connection import Connection

#: States of TCP in which a connection no longer counts (already_closed).
_OVER = frozenset({"TIME_WAIT", "CLOSE"})


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

    def guard(self, *, nft: bool) -> Condition:
        return needs_tuple()

    def condition(self) -> Condition:
        unknown = Unknown(f"-m connlimit {' '.join(self.words())}", "rate")
        return Remembered(_Count(self), unknown, of_connection=partial(_Count, self))

    def network_of(self, packet: Packet) -> int:
        """Return the network that a packet's connection counts for, as the packet's header says by now."""
        address = packet.dst if self.daddr else packet.src
        assert isinstance(address, int) and self.mask is not None
        return address >> (packet.bits - self.mask)

    def holds(self, count: int) -> bool:
        """Tell whether so many connections are as many as asked for."""
        limit = self.above or self.upto
        assert limit is not None
        return (count > limit.value) is (self.above is not None)


@frozen
class _Count:
    """Counts the connection of one packet among those that a rule has seen (net/netfilter/nf_conncount.c)."""

    limit: Connlimit
    connection: Connection | None = None
    """What the packet belongs to; a packet of none counts by its own header."""

    def consult(self, memory: Memory, packet: Packet, rule: object) -> tuple[bool | Drops | None, Memory]:
        """Count the connections of the packet's network that this rule has seen and that still exist.

        The kernel clears its list of those that are gone once in a tick of its clock (1 to 10 ms), and not
        before: packets are taken to come further apart. Where none is left, the packet's own being over, the
        kernel drops the packet.
        """
        table = memory.get(TABLE)
        if table is None:
            return None, memory
        own = self.connection
        if own is None and has_no_tuple(packet):
            return Drops.UNMATCHED, memory
        here = (own.original, own.zone) if own else (datagram_of(packet).key(), NO_ZONE)
        key = ("connlimit", rule, self.limit.network_of(packet))
        known = memory.get(key)
        counted = tuple(seen for seen in known or () if seen != here and _is_open(table.find(*seen)))
        entry = table.find(*here)
        if known is None or entry is None or _is_open(entry):  # a list is not looked through as it begins
            counted = (*counted, here)
        found = self.limit.holds(len(counted)) if counted else Drops.UNMATCHED
        return found, memory.with_value(key, counted)


def _is_open(found: tuple[Connection, int] | None) -> bool:
    """Tell whether there is an entry of a connection, and not one of TCP that is over."""
    protocol = found[0].protocol if found else None
    return found is not None and (protocol is None or protocol.state not in _OVER)
