"""``-m tcp``: ports, flags and options of a TCP header (net/netfilter/xt_tcpudp.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from attrs import frozen

from natc.netfilter.condition import Computed, Condition, both, port_condition, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import ALL_PORTS, Kind, Number, PortRange, Ports, TcpFlagPair, TcpFlags
from natc.netfilter.matches import register_match
from natc.netfilter.packet import Packet


class _Syn(Kind[TcpFlags]):
    """``--syn``: the first packet of a connection, short for four flags of which SYN alone is set."""

    def parse(self, words: Sequence[str]) -> TcpFlags:
        return TcpFlags(frozenset({"FIN", "SYN", "RST", "ACK"}), frozenset({"SYN"}))


@register_match("tcp")
@frozen
class Tcp(Match):
    """What must be true of a packet's TCP header; never true of a fragment that has none."""

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

    def condition(self) -> Condition:
        return both(
            port_condition("sport", self.sport),
            port_condition("dport", self.dport),
            term(self.flags, self._flags_set),
            term(self.tcp_option, self._has_option),
        )

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
