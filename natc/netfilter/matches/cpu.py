"""``-m cpu``: the processor that handles the packet (net/netfilter/xt_cpu.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds import Number
from natc.netfilter.matches import register_match


@register_match("cpu")
@frozen
class Cpu(Match):
    """Its number, from 0."""

    cpu: Term[int] | None = option("--cpu", Number(), negatable=True, required=True)
