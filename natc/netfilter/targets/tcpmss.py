"""``-j TCPMSS``: changes the maximum segment size of a TCP SYN (net/netfilter/xt_TCPMSS.c)."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag, Number
from natc.netfilter.targets import register_target


@register_target("TCPMSS")
@frozen
class SetTcpMss(Target):
    """A size in bytes, or what fits through the path."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("set", "clamp_to_pmtu"),)
    one_of: ClassVar[tuple[str, ...]] = ("set", "clamp_to_pmtu")

    set: int | None = option("--set-mss", Number(0, 65535 - 20))
    clamp_to_pmtu: bool = option("--clamp-mss-to-pmtu", Flag(), default=False)
