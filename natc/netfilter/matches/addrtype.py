"""``-m addrtype``: what kind of address the routing table takes an address for (xt_addrtype.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from natc.netfilter.condition import AddressType, Condition, both, term
from natc.netfilter.extension import Match, OptionError, Term, option
from natc.netfilter.hooks import WITH_IN_INTERFACE, WITH_OUT_INTERFACE
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.words import WordSet
from natc.netfilter.matches import register_match
from natc.values import frozen

#: The order in which libxt_addrtype prints types (include/uapi/linux/netfilter/xt_addrtype.h).
TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST",
    "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE",
)  # fmt: skip
#: The types that IPv6 has.
_IPV6_TYPES = frozenset({"UNSPEC", "UNICAST", "LOCAL", "ANYCAST", "MULTICAST", "UNREACHABLE"})


@register_match("addrtype")
@frozen
class Addrtype(Match):
    """The address types of source and destination, perhaps as seen by one interface."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("limit_iface_in", "limit_iface_out"),)
    one_of: ClassVar[tuple[str, ...]] = ("src_type", "dst_type")
    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {
        "limit_iface_in": WITH_IN_INTERFACE,
        "limit_iface_out": WITH_OUT_INTERFACE,
    }

    src_type: Term[frozenset[str]] | None = option("--src-type", WordSet(TYPES), negatable=True)
    dst_type: Term[frozenset[str]] | None = option("--dst-type", WordSet(TYPES), negatable=True)
    limit_iface_in: bool = option("--limit-iface-in", Flag(), default=False)
    limit_iface_out: bool = option("--limit-iface-out", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Refuse the types that IPv6 does not know (xt_addrtype.c)."""
        for name in ("src_type", "dst_type"):
            strange = sorted(values[name].value - _IPV6_TYPES) if name in values and family == 6 else []
            if strange:
                raise OptionError(f"IPv6 has no addresses of type {strange[0]}")
        return values

    def condition(self) -> Condition:
        device = "in" if self.limit_iface_in else "out" if self.limit_iface_out else ""
        return both(
            term(self.src_type, lambda types: AddressType("src", types, device)),
            term(self.dst_type, lambda types: AddressType("dst", types, device)),
        )
