"""``-m socket``: whether a socket waits for the packet (net/netfilter/xt_socket.c)."""

from __future__ import annotations

from typing import ClassVar

from natc.netfilter.condition import All, Condition, In, Some, Unknown
from natc.netfilter.extension import Match, option
from natc.netfilter.intervals import number, numbers, union
from natc.netfilter.kinds import Flag
from natc.netfilter.matches import register_match
from natc.values import frozen

#: What a socket is looked up for (nf_socket_ipv4.c, nf_socket_ipv6.c): never for SCTP, GRE or an echo.
_MAY_HAVE_ONE = Some(
    (
        In("proto", union([*number(6), *number(17)])),
        All((In("proto", number(1)), In("icmp_type", union([*numbers(3, 5), *numbers(11, 12)])))),
        All((In("proto", number(58)), In("icmp_type", numbers(0, 127)))),
    )
)


@register_match("socket")
@frozen
class Socket(Match):
    """Only transparent ones, also bound to any address; the socket's mark may become the packet's."""

    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING", "INPUT"})

    transparent: bool = option("--transparent", Flag(), default=False)
    no_wildcard: bool = option("--nowildcard", Flag(), default=False)
    restore_mark: bool = option("--restore-skmark", Flag(), default=False)

    def condition(self) -> Condition:
        """Only TCP, UDP and the ICMP errors about them can have a socket; which the node has nobody shows."""
        return All((_MAY_HAVE_ONE, Unknown(f"a socket of the node waits for the packet: {self._said}")))

    @property
    def _said(self) -> str:
        return " ".join(["-m socket", *self.words()])
