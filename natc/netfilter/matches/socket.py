"""``-m socket``: whether a socket waits for the packet (net/netfilter/xt_socket.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.extension import Match, option
from natc.netfilter.kinds import Flag
from natc.netfilter.matches import register_match
from natc.values import frozen


@register_match("socket")
@frozen
class Socket(Match):
    """Only transparent ones, also bound to any address; the socket's mark may become the packet's."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT"})

    transparent: bool = option("--transparent", Flag(), default=False)
    no_wildcard: bool = option("--nowildcard", Flag(), default=False)
    restore_mark: bool = option("--restore-skmark", Flag(), default=False)
