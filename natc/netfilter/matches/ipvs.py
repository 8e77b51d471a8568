"""``-m ipvs``: connections of a virtual server (net/netfilter/xt_ipvs.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.header import Protocol
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.ports import resolved_port
from natc.netfilter.kinds.words import Choice
from natc.netfilter.matches import register_match
from natc.values import frozen

_DETAILS = ("protocol", "address", "port", "direction", "method", "control_port")


class _ProtocolNumber(Protocol):
    """A protocol, printed as a number."""

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


class _Upper(Choice):
    """A word in any case."""

    def parse(self, words: Sequence[str]) -> str:
        return super().parse([words[0].upper()])


class _Port(Kind[int]):
    """One port."""

    def parse(self, words: Sequence[str]) -> int:
        return resolved_port(words[0])

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


#: An address or a network, kept as written.
_ADDRESS = NetworkKind(whole=True, short=True, holes=False)


@register_match("ipvs")
@frozen
class Ipvs(Match):
    """Whether the packet belongs to a virtual server, and to which: protocol, address, port, method."""

    one_of: ClassVar[tuple[str, ...]] = ("ipvs", *_DETAILS)

    ipvs: Term[bool] | None = option("--ipvs", Flag(), negatable=True)
    protocol: Term[int] | None = option("--vproto", _ProtocolNumber(), negatable=True)
    address: Term[Network] | None = option("--vaddr", _ADDRESS, negatable=True)
    port: Term[int] | None = option("--vport", _Port(), negatable=True)
    direction: str | None = option("--vdir", _Upper(("ORIGINAL", "REPLY")))
    method: Term[str] | None = option("--vmethod", _Upper(("GATE", "IPIP", "MASQ")), negatable=True)
    control_port: Term[int] | None = option("--vportctl", _Port(), negatable=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Details imply that it is a virtual server's packet."""
        if any(name in values for name in _DETAILS) and "ipvs" in values:
            if values["ipvs"].inverted:
                raise OptionError("! --ipvs goes with no other option")
            del values["ipvs"]
        return values
