"""Which traffic to a service is masqueraded, and the rules that mark it (layout 7 f, history B3)."""

from __future__ import annotations

from natc.compile.names import MARK_MASQ, NODE_PORTS, SERVICES
from natc.compile.plan import Plan
from natc.compile.sync import Sync


def cluster_ip(sync: Sync, plan: Plan) -> None:
    """Mark cluster IP traffic: all of it with ``--masquerade-all``, else what no local pod sent."""
    if not plan.has_internal:
        return
    senders = "" if sync.config.masquerade_all else _not_local(sync)
    if senders is None:
        return
    chain = SERVICES if sync.layout.masquerade_in_services else plan.internal
    sync.nat_rules.append(
        f'-A {chain} -m comment --comment "{plan.name} cluster IP" {plan.protocol_match} '
        f"-d {plan.service.cluster_ip} --dport {plan.port.port}{senders} -j {MARK_MASQ}"
    )


def external_ip(sync: Sync, plan: Plan, match: str, *, spares_pods: bool) -> None:
    """Mark traffic to one external IP, where the layout does so beside the jump.

    ``match`` is everything up to the target; ``spares_pods`` leaves out what local pods sent.
    """
    senders = (_not_local(sync) or "") if spares_pods else ""
    chain = SERVICES if sync.layout.masquerade_in_services else plan.service_chain
    sync.nat_rules.append(f"-A {chain} {match}{senders} -j {MARK_MASQ}")


def node_port(sync: Sync, plan: Plan, match: str) -> None:
    """Mark node port traffic, where the layout does so beside the jump.

    With policy Local only what the node sends to itself is marked: its source would be a loopback
    address.
    """
    if plan.service.external_local:
        loopback = "::1/128" if sync.config.is_ipv6 else "127.0.0.0/8"
        sync.nat_rules.append(f"-A {NODE_PORTS} {match} -s {loopback} -j {MARK_MASQ}")
        return
    chain = NODE_PORTS if sync.layout.masquerade_in_services else plan.service_chain
    sync.nat_rules.append(f"-A {chain} {match} -j {MARK_MASQ}")


def _not_local(sync: Sync) -> str | None:
    return f" {sync.detector.not_local}" if sync.detector else None
