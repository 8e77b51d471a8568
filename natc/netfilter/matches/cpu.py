"""``-m cpu``: the processor that handles the packet (net/netfilter/xt_cpu.c)."""

from __future__ import annotations

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("cpu")
@frozen
class Cpu(Match):
    """Its number, from 0."""

    cpu: Term[int] | None = option("--cpu", Number(), negatable=True, required=True)
