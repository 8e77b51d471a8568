"""Traffic no endpoint can take: rejected without any, dropped without a local one (layout section 7)."""

from __future__ import annotations

from natc.compile.names import EXTERNAL_SERVICES, SERVICES
from natc.compile.plan import Plan
from natc.compile.sync import Sync


def _refuse(sync: Sync, plan: Plan, chain: str, to: str) -> None:
    target = "DROP" if plan.used.has_endpoints else "REJECT"
    reason = "has no local endpoints" if plan.used.has_endpoints else "has no endpoints"
    sync.filter_rules.append(f'-A {chain} -m comment --comment "{plan.name} {reason}" {to} -j {target}')


def _to_address(plan: Plan, address: str) -> str:
    return f"{plan.protocol_match} -d {address} --dport {plan.port.port}"


def cluster_ip(sync: Sync, plan: Plan) -> None:
    """Refuse cluster IP traffic."""
    if not plan.has_internal:
        _refuse(sync, plan, SERVICES, _to_address(plan, plan.service.cluster_ip))


def external_ips(sync: Sync, plan: Plan) -> None:
    """Refuse traffic to the external IPs."""
    if not plan.has_external:
        for ip in plan.service.external_ips:
            _refuse(sync, plan, EXTERNAL_SERVICES, _to_address(plan, ip))


def load_balancer_ips(sync: Sync, plan: Plan) -> None:
    """Refuse traffic to the load balancer IPs."""
    if not plan.has_external:
        for vip in plan.service.vips:
            _refuse(sync, plan, sync.layout.vip_refusal_chain, _to_address(plan, vip))


def node_port(sync: Sync, plan: Plan) -> None:
    """Refuse traffic to the node port."""
    if not plan.has_external and plan.port.node_port:
        to = f"-m addrtype --dst-type LOCAL {plan.protocol_match} --dport {plan.port.node_port}"
        _refuse(sync, plan, EXTERNAL_SERVICES, to)
