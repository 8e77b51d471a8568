"""``-j SYNPROXY``: answers TCP handshakes for a server (net/netfilter/xt_SYNPROXY.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import CutNumber, Flag
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("SYNPROXY")
@frozen
class Synproxy(Target):
    """The TCP options the server is known to have."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"INPUT", "FORWARD"})

    sack: bool = option("--sack-perm", Flag(), default=False)
    timestamp: bool = option("--timestamp", Flag(), default=False)
    window_scale: int | None = option("--wscale", CutNumber(bits=8))
    mss: int | None = option("--mss", CutNumber(bits=16))
    ecn: bool = option("--ecn", Flag(), default=False)
