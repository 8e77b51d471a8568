"""``-j TCPOPTSTRIP``: blanks options of TCP (net/netfilter/xt_TCPOPTSTRIP.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.effect import Change, Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.numbers import number
from natc.netfilter.packet import Packet
from natc.netfilter.targets import register_target
from natc.values import changed, frozen

#: TCP options by name (RFC 9293, 7323, 2018, 2385).
TCP_OPTIONS = {"mss": 2, "wscale": 3, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19}


class _Options(Kind[frozenset[int]]):
    """A list of options by number or name, printed as numbers in order."""

    def parse(self, words: Sequence[str]) -> frozenset[int]:
        options = [TCP_OPTIONS[part] if part in TCP_OPTIONS else number(part) for part in words[0].split(",")]
        for value in options:
            if not 2 <= value <= 255:
                raise ValueError(f"option {value} is not between 2 and 255")
            if options.count(value) > 1:
                raise ValueError(f"option {value} given twice")
        return frozenset(options)

    def words(self, value: frozenset[int]) -> tuple[str, ...]:
        return (",".join(map(str, sorted(value))),)


@register_target("TCPOPTSTRIP")
@frozen
class Tcpoptstrip(Target):
    """The numbers of the options that become no-operations."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})

    options_stripped: frozenset[int] | None = option("--strip-options", _Options())

    def effect(self) -> Effect:
        return Change(("tcp_options",), self._changed)

    def _changed(self, packet: Packet) -> Packet | None:
        """Fill the place of each option with as many bytes that do nothing."""
        if packet.malformed is not None:
            return None
        assert isinstance(packet.tcp_options, tuple)
        blanked: list[tuple[int, bytes]] = []
        for kind, data in packet.tcp_options:
            is_stripped = kind in (self.options_stripped or ())
            blanked += [(_NO_OPERATION, b"")] * (2 + len(data)) if is_stripped else [(kind, data)]
        return changed(packet, tcp_options=tuple(blanked))


_NO_OPERATION = 1
