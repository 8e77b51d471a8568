"""``-j TCPMSS``: changes the maximum segment size of a TCP SYN (net/netfilter/xt_TCPMSS.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from natc.netfilter.effect import Change, Effect
from natc.netfilter.extension import OptionError, Target, option
from natc.netfilter.hooks import WITH_OUT_INTERFACE
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.packet import Packet
from natc.netfilter.targets import register_target
from natc.values import changed, frozen


@register_target("TCPMSS")
@frozen
class SetTcpMss(Target):
    """A size in bytes, or what fits through the path."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("set", "clamp_to_pmtu"),)
    one_of: ClassVar[tuple[str, ...]] = ("set", "clamp_to_pmtu")
    hooks_by_option: ClassVar[Mapping[str, frozenset[str]]] = {"clamp_to_pmtu": WITH_OUT_INTERFACE}

    set: int | None = option("--set-mss", Number(0, 65535 - 20))
    clamp_to_pmtu: bool = option("--clamp-mss-to-pmtu", Flag(), default=False)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """IPv6 leaves less room."""
        if family == 6 and values.get("set", 0) > _MOST_IPV6:
            raise OptionError(f"--set-mss {values['set']} is not between 0 and {_MOST_IPV6}")
        return values

    def effect(self) -> Effect:
        return Change(("tcp_options", "payload", "length"), self._changed)

    def _changed(self, packet: Packet) -> Packet | None:
        """Lower the size a SYN announces; one that announces none gets the usual one (xt_TCPMSS.c)."""
        if packet.malformed is not None:
            return None
        assert isinstance(packet.tcp_options, tuple) and isinstance(packet.length, int)
        headers = 40 if packet.family == 4 else 60
        size = _MTU - headers if self.set is None else self.set
        options = packet.tcp_options
        for place, (kind, data) in enumerate(options):
            if (kind, len(data)) == (_MSS, 2):
                lower = (_MSS, min(size, int.from_bytes(data, "big")).to_bytes(2, "big"))
                return changed(packet, tcp_options=(*options[:place], lower, *options[place + 1 :]))
        if packet.payload:
            return packet
        usual = (_MSS, min(size, _USUAL[packet.family]).to_bytes(2, "big"))
        return changed(packet, tcp_options=(usual, *options), length=packet.length + 4)


_MSS = 2
#: The largest size that leaves room for an IPv6 header (libip6t TCPMSS).
_MOST_IPV6 = 65535 - 40
#: The path's largest packet, in bytes: routes and devices with another one are not modelled.
_MTU = 1500
#: What a host that announces no size is taken to accept.
_USUAL = {4: 536, 6: 1220}
