"""The arithmetic that TTL and HL share: one field under two names (net/netfilter/xt_HL.c)."""

from __future__ import annotations

from natc.netfilter.effect import Change
from natc.netfilter.packet import Packet
from natc.values import changed


def hop_change(value: int | None, increase: int | None, decrease: int | None) -> Change:
    """Return the effect of setting, raising or lowering the field; it stays between 0 and 255."""

    def after(packet: Packet) -> Packet:
        assert isinstance(packet.ttl, int)
        if value is not None:
            return changed(packet, ttl=value)
        moved = packet.ttl + (increase or 0) - (decrease or 0)
        return changed(packet, ttl=max(0, min(255, moved)))

    return Change(("ttl",), after)
