"""``-m multiport``: up to fifteen ports or ranges of ports (net/netfilter/xt_multiport.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.condition import Condition, In, Some, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.intervals import Intervals, union
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.ports import PortRange, port
from natc.netfilter.matches import register_match
from natc.values import frozen

#: How many ports fit; a range takes two places (XT_MULTI_PORTS).
MOST_PORTS = 15


class PortList(Kind[tuple[PortRange, ...]]):
    """``PORT[:PORT],...``."""

    def parse(self, words: Sequence[str]) -> tuple[PortRange, ...]:
        ranges = tuple(self._range(part) for part in words[0].split(","))
        places = sum(1 if ":" not in part else 2 for part in words[0].split(","))
        if places > MOST_PORTS:
            raise ValueError(f"more than {MOST_PORTS} ports, a range counting as two")
        return ranges

    @staticmethod
    def _range(text: str) -> PortRange:
        head, colon, tail = text.partition(":")
        low = port(head)
        high = port(tail) if colon else low
        if colon and low >= high:
            raise ValueError(f"port range {text} ends before it begins")
        return PortRange(low, high)

    def words(self, value: tuple[PortRange, ...]) -> tuple[str, ...]:
        return (",".join(map(str, value)),)


@register_match("multiport")
@frozen
class Multiport(Match):
    """The source ports, the destination ports, or either of the two."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6, 17, 33, 132, 136})
    header_size: ClassVar[int] = 4
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("sports", "dports", "ports"),)
    one_of: ClassVar[tuple[str, ...]] = ("sports", "dports", "ports")

    sports: Term[tuple[PortRange, ...]] | None = option(
        "--sports", PortList(), also=("--source-ports",), negatable=True
    )
    dports: Term[tuple[PortRange, ...]] | None = option(
        "--dports", PortList(), also=("--destination-ports",), negatable=True
    )
    ports: Term[tuple[PortRange, ...]] | None = option("--ports", PortList(), negatable=True)

    def condition(self) -> Condition:
        return both(
            term(self.sports, lambda ports: In("sport", _set(ports))),
            term(self.dports, lambda ports: In("dport", _set(ports))),
            term(self.ports, lambda ports: Some((In("sport", _set(ports)), In("dport", _set(ports))))),
        )


def _set(ports: tuple[PortRange, ...]) -> Intervals:
    return union((span.low, span.high + 1) for span in ports)
