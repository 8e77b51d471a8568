"""``-j ECN``: removes explicit congestion notification from TCP (net/ipv4/netfilter/ipt_ECN.c)."""

from __future__ import annotations

from typing import Any, ClassVar

from natc.netfilter.effect import Change, Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.malformed import lacks_header
from natc.netfilter.packet import Packet
from natc.netfilter.targets import register_target
from natc.values import changed, frozen


@register_target("ECN")
@frozen
class SetEcn(Target):
    """Clears both bits of the TCP header, or sets one of them or the two bits of the IP header."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6})
    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})
    families: ClassVar[frozenset[int]] = frozenset({4})
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("remove", "ece"), ("remove", "cwr"))
    one_of: ClassVar[tuple[str, ...]] = ("remove", "ece", "cwr", "ip_ect")

    remove: bool = option("--ecn-tcp-remove", Flag(), default=False)
    ece: int | None = option("--ecn-tcp-ece", Number(0, 1))
    cwr: int | None = option("--ecn-tcp-cwr", Number(0, 1))
    ip_ect: int | None = option("--ecn-ip-ect", Number(0, 3))

    def needs_protocol(self, family: int) -> bool:
        return self.remove or self.ece is not None or self.cwr is not None

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Clearing both bits one by one is removing them."""
        if "remove" in values and "ip_ect" in values:  # the one given later decides
            late = list(values)[-1] == "ip_ect"
            return {"ece": 0, "cwr": 0, "ip_ect": values["ip_ect"]} if late else {"remove": True}
        if values.get("ece") == 0 and values.get("cwr") == 0 and "ip_ect" not in values:
            return {"remove": True}
        return values

    def effect(self) -> Effect:
        return Change(("flags", "tos"), self._changed)

    def _changed(self, packet: Packet) -> Packet | None:
        assert isinstance(packet.tos, int)
        tos = packet.tos if self.ip_ect is None else packet.tos & 0xFC | self.ip_ect
        wanted = {"ECE": 0 if self.remove else self.ece, "CWR": 0 if self.remove else self.cwr}
        if wanted == {"ECE": None, "CWR": None}:
            return changed(packet, tos=tos)
        if lacks_header(packet):
            return None
        flags = packet.flags
        assert isinstance(flags, frozenset)
        for name, value in wanted.items():
            if value is not None:
                flags = flags | {name} if value else flags - {name}
        return changed(packet, flags=flags, tos=tos)
