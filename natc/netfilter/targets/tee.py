"""``-j TEE``: sends a copy of the packet to another host (net/netfilter/xt_TEE.c)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.netfilter.effect import Copy, Effect
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds.addresses import Address, Host
from natc.netfilter.kinds.words import Name
from natc.netfilter.targets import register_target
from natc.values import frozen


class _Gateway(Host):
    """One address, not that of none."""

    def parse(self, words: Sequence[str]) -> Address:
        gateway = super().parse(words)
        if not int(gateway):
            raise ValueError(f"{words[0]} is the address of no host")
        return gateway


@register_target("TEE")
@frozen
class Tee(Target):
    """A host on a network of this node, and the device that leads to it.

    The packet goes on as if there were no such rule. The copy is sent as the node's own, untracked: it passes
    OUTPUT and POSTROUTING with the mark it has by then and without nat, and one that arrives has lost a hop
    (nf_dup_ipv4.c; seen in the kernel). A copy that leads to this node itself comes in again over lo, to be
    copied once more.
    """

    gateway: Address | None = option("--gateway", _Gateway(), required=True)
    device: str | None = option("--oif", Name(15, cut=True))

    def effect(self) -> Effect:
        assert self.gateway is not None
        return Copy(int(self.gateway), self.words()[1], self.device)
