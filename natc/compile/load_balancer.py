"""Load balancer addresses and the source ranges that may reach them (layout 7 c and h, history B3 c)."""

from __future__ import annotations

from natc.compile.addresses import contains
from natc.compile.layouts import Chain, FirewallEnd
from natc.compile.names import MARK_DROP, MARK_MASQ, PROXY_FIREWALL, SERVICES
from natc.compile.plan import Plan
from natc.compile.sync import Sync
from natc.errors import ManifestError
from natc.kube.addresses import parse_network


def ips(sync: Sync, plan: Plan) -> None:
    """Send traffic to each load balancer IP on, by way of the firewall chain where there is one.

    Up to 1.24 the firewall chain's rules are written again for every one of the IPs.
    """
    if not plan.used.has_endpoints:
        return
    target = plan.firewall_chain or plan.external_chain
    for vip in plan.service.vips:
        sync.nat_rules.append(
            f'-A {SERVICES} -m comment --comment "{plan.name} loadbalancer IP" {plan.protocol_match} '
            f"-d {vip} --dport {plan.port.port} -j {target}"
        )
        if plan.firewall_chain and sync.layout.firewall_end is FirewallEnd.MARK_DROP:
            _marking_firewall(sync, plan, vip)


def _marking_firewall(sync: Sync, plan: Plan, vip: str) -> None:
    rule = f'-A {plan.firewall_chain} -m comment --comment "{plan.name} loadbalancer IP"'
    target = plan.external_chain
    if Chain.EXTERNAL not in sync.layout.chains:
        target = plan.external
        if not plan.service.external_local:
            sync.nat_rules.append(f"{rule} -j {MARK_MASQ}")
    if plan.service.source_ranges:
        _allow(sync, plan, rule, target, (vip,))
    else:
        sync.nat_rules.append(f"{rule} -j {target}")
    sync.nat_rules.append(f"{rule} -j {MARK_DROP}")


def proxy_firewall(sync: Sync, plan: Plan) -> None:
    """Drop in filter what the firewall chain did not let through."""
    if plan.firewall_chain:
        for vip in plan.service.vips:
            sync.filter_rules.append(
                f'-A {PROXY_FIREWALL} -m comment --comment "{plan.name} traffic not accepted by '
                f'{plan.firewall_chain}" {plan.protocol_match} -d {vip} --dport {plan.port.port} -j DROP'
            )


def firewall_chain(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-FW- chain once, as from 1.25: it lets the source ranges through."""
    if not plan.firewall_chain:
        return
    rule = f"-A {plan.firewall_chain} -m comment --comment"
    _allow(sync, plan, f'{rule} "{plan.name} loadbalancer IP"', plan.external_chain, plan.service.vips)
    if sync.layout.firewall_end is FirewallEnd.COMMENT:
        sync.nat_rules.append(f'{rule} "other traffic to {plan.name} will be dropped by {PROXY_FIREWALL}"')


def _allow(sync: Sync, plan: Plan, rule: str, target: str, vips: tuple[str, ...]) -> None:
    """Let the source ranges through, and the node itself where a range holds its address.

    The node's own traffic to a load balancer IP leaves with that IP as its source.
    """
    allows_node = False
    for source in plan.service.source_ranges:
        network = parse_network(source)
        if network is None:
            raise ManifestError(
                f"{plan.name}: kube-proxy {sync.config.kube_version} crashes on the load balancer source "
                f"range {source!r}",
                expected="ADDRESS/LENGTH without white space",
            )
        sync.nat_rules.append(f"{rule} -s {source} -j {target}")
        allows_node = allows_node or contains(network, sync.config.node_address)
    if allows_node:
        sync.nat_rules += [f"{rule} -s {vip} -j {target}" for vip in vips]
