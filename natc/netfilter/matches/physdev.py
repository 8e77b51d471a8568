"""``-m physdev``: the ports of a bridge that the packet crosses (net/netfilter/xt_physdev.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from natc.netfilter import intervals
from natc.netfilter.condition import All, Condition, In, both, term
from natc.netfilter.extension import Match, Term, option
from natc.netfilter.hooks import WITH_IN_INTERFACE
from natc.netfilter.intervals import names_like
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.words import Name
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("physdev")
@frozen
class Physdev(Match):
    """The bridge port a packet came in by and goes out by, and whether there is one."""

    one_of: ClassVar[tuple[str, ...]] = ("is_in", "physdev_in", "is_out", "physdev_out", "is_bridged")
    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {
        "is_out": WITH_IN_INTERFACE | {"POSTROUTING"},
        "physdev_out": WITH_IN_INTERFACE | {"POSTROUTING"},
    }

    is_in: Term[bool] | None = option("--physdev-is-in", Flag(), negatable=True)
    physdev_in: Term[str] | None = option("--physdev-in", Name(15), negatable=True)
    is_out: Term[bool] | None = option("--physdev-is-out", Flag(), negatable=True)
    physdev_out: Term[str] | None = option("--physdev-out", Name(15), negatable=True)
    is_bridged: Term[bool] | None = option("--physdev-is-bridged", Flag(), negatable=True)

    def checked_hooks(self) -> frozenset[str] | None:
        """Return the chains in which the packet may have a port to leave by (physdev_mt_check)."""
        return None if self.is_bridged == Term(True) else super().checked_hooks()

    def condition(self) -> Condition:
        """Without a bridge port on the packet's way only inverted options hold (xt_physdev.c)."""
        return both(
            term(self.is_in, lambda _: ~_NO_PORT_IN),
            term(self.physdev_in, lambda name: In("bridge_port_in", names_like(name) - _NONE)),
            term(self.is_out, lambda _: ~_NO_PORT_OUT),
            term(self.physdev_out, lambda name: In("bridge_port_out", names_like(name) - _NONE)),
            term(self.is_bridged, lambda _: All((~_NO_PORT_IN, ~_NO_PORT_OUT))),
        )


_NONE = intervals.name("")
_NO_PORT_IN = In("bridge_port_in", _NONE)
_NO_PORT_OUT = In("bridge_port_out", _NONE)
