"""``-m tcp``: ports, flags and options of a TCP header (net/netfilter/xt_tcpudp.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

from natc.netfilter.condition import Computed, Condition, both, port_condition, term
from natc.netfilter.extension import Match, Term, option, ports_as_nft
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.ports import ALL_PORTS, PortRange, Ports
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet
from natc.values import evolve, frozen

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


class _Syn(Kind[TcpFlags]):
    """``--syn``: the first packet of a connection, short for four flags of which SYN alone is set."""

    def parse(self, words: Sequence[str]) -> TcpFlags:
        return TcpFlags(frozenset({"FIN", "SYN", "RST", "ACK"}), frozenset({"SYN"}))


#: What asks nothing of a packet.
_NOTHING = (Term(ALL_PORTS), Term(TcpFlags(frozenset(), frozenset())))


@register_match("tcp")
@frozen
class Tcp(Match):
    """What must be true of a packet's TCP header; never true of a fragment that has none."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    header_size: ClassVar[int] = 20
    negated_protocol: ClassVar[bool] = True
    completes_words: ClassVar[bool] = False

    sport: Term[PortRange] | None = option(
        "--sport",
        Ports(),
        also=("--source-port", "--source-ports"),
        negatable=True,
        hides=ALL_PORTS,
    )
    dport: Term[PortRange] | None = option(
        "--dport",
        Ports(),
        also=("--destination-port", "--destination-ports"),
        negatable=True,
        hides=ALL_PORTS,
    )
    tcp_option: Term[int] | None = option("--tcp-option", Number(1, 255), negatable=True)
    flags: Term[TcpFlags] | None = option(
        "--tcp-flags", TcpFlagPair(), also={"--syn": _Syn()}, negatable=True
    )

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Forget what asks nothing: the kernel stores no difference and a save shows none."""
        return {name: value for name, value in values.items() if value not in _NOTHING}

    def as_nft(self) -> Self | None:
        """Ports become expressions unless an option is asked for; of no port at all none is left."""
        if self.tcp_option is not None:
            return self
        shown = evolve(self, sport=ports_as_nft(self.sport), dport=ports_as_nft(self.dport))
        return shown if shown.words() or self == type(self)() else None

    def condition(self) -> Condition:
        return both(
            port_condition("sport", self.sport),
            port_condition("dport", self.dport),
            term(self.flags, self._flags_set),
            term(self.tcp_option, self._has_option),
        )

    def guard(self, *, nft: bool) -> Condition:
        from natc.netfilter.guards import needs_fields, needs_options

        if self.tcp_option is not None:
            return needs_options()
        if not nft or not self.words():
            return super().guard(nft=nft)
        return needs_fields(sport=self.sport, dport=self.dport, flags=self.flags)

    @staticmethod
    def _flags_set(flags: TcpFlags) -> Condition:
        def holds(packet: Packet) -> bool:
            return isinstance(packet.flags, frozenset) and packet.flags & flags.mask == flags.set

        return Computed(("flags",), holds, f"TCP flags {sorted(flags.set)} of {sorted(flags.mask)}")

    @staticmethod
    def _has_option(number: int) -> Condition:
        def holds(packet: Packet) -> bool:
            return any(kind == number for kind, _ in cast(tuple[tuple[int, bytes], ...], packet.tcp_options))

        return Computed(("tcp_options",), holds, f"TCP option {number}")
