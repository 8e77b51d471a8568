"""An address of the node, where a question is about any of them and one has to be traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.ruleset import Ruleset

if TYPE_CHECKING:
    from natc.netfilter.node.host import Host

#: Stands for an address of the node where every one takes NodePorts (RFC 5737, RFC 3849).
ANY_NODE = {4: "192.0.2.1", 6: "2001:db8::1"}


def own_address(ruleset: Ruleset, host: Host | None, chain: str = "KUBE-NODEPORTS") -> str:
    """Return an address of the node that takes NodePorts: one that rules ask for, else its foremost.

    Without a host any address stands for it. ``chain`` is the one that packets to NodePorts come to.
    """
    named = _asked_for(ruleset, chain)
    if named or host is None:
        return named or ANY_NODE[ruleset.family]
    foremost = _by_default_route(host)
    addresses = [
        address
        for interface in sorted(host.interfaces, key=lambda one: one.name not in foremost)
        for address in interface.addresses
        if address.scope == 0
    ]
    return str(address_of(addresses[0].address, host.bits)) if addresses else ANY_NODE[ruleset.family]


def _asked_for(ruleset: Ruleset, chain: str) -> str:
    """Return the address that the first jump to a chain asks for, empty if it asks for none."""
    nat = ruleset.tables.get("nat")
    services = nat.chain("KUBE-SERVICES") if nat else None
    for rule in services.rules if services else ():
        to = rule.header.destination if rule.jump == chain else None
        if to is not None and not to.inverted:
            return str(to.value).split("/")[0]
    return ""


def _by_default_route(host: Host) -> set[str]:
    """Return the devices by which the node reaches everybody."""
    return {
        hop.device
        for route in host.fib.routes
        if route.destination.length == 0 and route.type == "unicast"
        for hop in route.hops
        if hop.device
    }
