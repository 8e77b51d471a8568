"""``-m cgroup``: the control group of the process (net/netfilter/xt_cgroup.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, Term, option
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Text
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("cgroup")
@frozen
class Cgroup(Match):
    """A path in the hierarchy, or the class of the older net_cls controller."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "OUTPUT", "POSTROUTING"})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("path", "cgroup"),)
    one_of: ClassVar[tuple[str, ...]] = ("path", "cgroup")

    path: Term[str] | None = option("--path", Text(511), negatable=True)
    cgroup: Term[int] | None = option("--cgroup", Number(), negatable=True)
