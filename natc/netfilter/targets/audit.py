"""``-j AUDIT``: writes an audit record (net/netfilter/xt_AUDIT.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.words import Choice
from natc.netfilter.targets import register_target
from natc.values import frozen


class _Type(Choice):
    """A verdict in any case."""

    def parse(self, words: Sequence[str]) -> str:
        return super().parse([words[0].lower()])


@register_target("AUDIT")
@frozen
class Audit(Target):
    """What the record says has been done with the packet."""

    type: str | None = option("--type", _Type(("accept", "drop", "reject")), required=True)

    def effect(self) -> Effect:
        """The packet goes on as it came."""
        return Nothing()
