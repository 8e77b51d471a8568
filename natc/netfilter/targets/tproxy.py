"""``-j TPROXY``: hands the packet to a local socket as it is (net/netfilter/xt_TPROXY.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.effect import Effect, HandOver
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.addresses import Address, Host, address_of
from natc.netfilter.kinds.masked import Masked, MaskedHex
from natc.netfilter.kinds.ports import resolved_port
from natc.netfilter.targets import register_target
from natc.values import frozen


class _Port(Kind[int]):
    """One port."""

    def parse(self, words: Sequence[str]) -> int:
        return resolved_port(words[0])

    def words(self, value: int) -> tuple[str, ...]:
        return (str(value),)


@register_target("TPROXY")
@frozen
class Tproxy(Target):
    """Port and address of the socket, 0 for the packet's own; the mark becomes ``mark & ~mask ^ value``."""

    protocols: ClassVar[frozenset[int] | None] = frozenset({6, 17})
    tables: ClassVar[frozenset[str] | None] = frozenset({"mangle"})
    hooks: ClassVar[frozenset[str] | None] = frozenset({"PREROUTING"})

    port: int | None = option("--on-port", _Port(), required=True)
    address: Address | None = option("--on-ip", Host())
    mark: Masked = option("--tproxy-mark", MaskedHex(always_mask=True), default=Masked(0, 0))

    def effect(self) -> Effect:
        port = f"port {self.port}" if self.port else "the packet's own port"
        return HandOver(f"a process here takes what TPROXY sends to {port}", self.mark.value, self.mark.mask)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """The packet's own address unless said."""
        return {"address": address_of(0, 32 if family == 4 else 128), **values}
