"""``-m pkttype``: how the link layer addressed the packet (net/netfilter/xt_pkttype.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.condition import Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.values import frozen


class _PacketType(Choice):
    """A packet type in any case."""

    def parse(self, words: Sequence[str]) -> str:
        return super().parse([words[0].lower()])


@register_match("pkttype")
@frozen
class PacketType(Match):
    """To this node, to all, to a group, or to somebody else."""

    type: Term[str] | None = option(
        "--pkt-type",
        _PacketType(
            ("unicast", "broadcast", "multicast", "otherhost"),
            {"host": "unicast", "bcast": "broadcast", "mcast": "multicast"},
        ),
        negatable=True,
        required=True,
    )

    def condition(self) -> Condition:
        return both(term(self.type, lambda kind: In("link_type", frozenset({kind}))))
