"""``-m cluster``: the share of one node of a cluster (net/netfilter/xt_cluster.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.condition import Condition, OfConnection
from natc.netfilter.conntrack.connection import Connection
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.values import frozen

#: Most nodes of a cluster (XT_CLUSTER_NODES_MAX).
MOST_NODES = 32


class _Node(Number):
    """The number of a node, from 1, as the bit that stands for it."""

    def parse(self, words: Sequence[str]) -> int:
        return 1 << (super().parse(words) - 1)


@register_match("cluster")
@frozen
class Cluster(Match):
    """True when the hash of the connection's source falls to one of the nodes in the mask."""

    one_of: ClassVar[tuple[str, ...]] = ("nodes",)

    nodes: Term[int] | None = option(
        "--cluster-local-nodemask",
        Number(1, form="{:#010x}"),
        also={"--cluster-local-node": _Node(1, MOST_NODES)},
        negatable=True,
    )
    total: int | None = option("--cluster-total-nodes", Number(1, MOST_NODES), required=True)
    seed: int | None = option("--cluster-hash-seed", Number(form="{:#010x}"), required=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Refuse a node beyond the last."""
        if values["nodes"].value >= 1 << values["total"]:
            raise OptionError("--cluster-local-node is larger than --cluster-total-nodes")
        return values

    def condition(self) -> Condition:
        return OfConnection(self._holds, f"-m cluster {' '.join(self.words())} holds")

    def _holds(self, connection: Connection, direction: int) -> bool:
        """Whoever opened the connection decides, in both directions; of IPv6 only the first word."""
        from natc.netfilter.nat.mapping import jenkins, words_of

        assert self.nodes is not None and self.total is not None and self.seed is not None
        original = connection.original
        words = words_of(original.src, 1 if original.family == 4 else 4)
        number = jenkins(words[:1], self.seed)
        node = 1 << (number * self.total >> 32)
        return self.nodes.holds(bool(node & self.nodes.value))
