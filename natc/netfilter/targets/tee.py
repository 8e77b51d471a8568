"""``-j TEE``: sends a copy of the packet to another host (net/netfilter/xt_TEE.c)."""

from __future__ import annotations

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Address, Host, Name
from natc.netfilter.targets import register_target


@register_target("TEE")
@frozen
class Tee(Target):
    """A host on a network of this node, and the device that leads to it."""

    gateway: Address | None = option("--gateway", Host(), required=True)
    device: str | None = option("--oif", Name(15))
