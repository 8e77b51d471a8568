"""Traffic from outside: external IPs, and the chain every external address leads to.

Layout section 7 b and g, history B3 b.
"""

from __future__ import annotations

from natc.compile import masquerade
from natc.compile.layouts import ExternalIps
from natc.compile.names import MARK_MASQ, SERVICES
from natc.compile.plan import Plan
from natc.compile.sync import Sync
from natc.kube.proxy_names import SERVICE_PREFIX


def ips(sync: Sync, plan: Plan) -> None:
    """Write the rules of each external IP."""
    if not plan.used.has_endpoints:
        return
    write = _WRITERS[sync.layout.external_ips]
    for ip in plan.service.external_ips:
        match = (
            f'-m comment --comment "{plan.name} external IP" {plan.protocol_match} '
            f"-d {ip} --dport {plan.port.port}"
        )
        write(sync, plan, match)


def _physdev(sync: Sync, plan: Plan, match: str) -> None:
    local = plan.service.external_local and sync.external_ip_policy
    if not local:
        masquerade.external_ip(sync, plan, match, spares_pods=False)
    target = plan.external if local else plan.service_chain
    sync.nat_rules += (
        f"-A {SERVICES} {match} -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL -j {target}",
        f"-A {SERVICES} {match} -m addrtype --dst-type LOCAL -j {target}",
    )


def _masquerade_and_jump(sync: Sync, plan: Plan, match: str) -> None:
    local = plan.service.external_local and sync.external_ip_policy
    if not local:
        masquerade.external_ip(sync, plan, match, spares_pods=True)
    target = plan.external if local else plan.service_chain
    sync.nat_rules.append(f"-A {SERVICES} {match} -j {target}")


def _jump(sync: Sync, plan: Plan, match: str) -> None:
    sync.nat_rules.append(f"-A {SERVICES} {match} -j {plan.external_chain}")


_WRITERS = {
    ExternalIps.PHYSDEV: _physdev,
    ExternalIps.MASQUERADE_AND_JUMP: _masquerade_and_jump,
    ExternalIps.JUMP: _jump,
}


def chain(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-EXT- chain: masquerade by policy, then on to the policy's endpoints."""
    name = plan.external_chain
    if not name:
        return
    if plan.service.external_local:
        _short_circuit(sync, plan)
    else:
        sync.nat_rules.append(
            f'-A {name} -m comment --comment "masquerade traffic for {plan.name} external destinations" '
            f"-j {MARK_MASQ}"
        )
    if plan.has_external:
        sync.nat_rules.append(f"-A {name} -j {plan.external}")


def _short_circuit(sync: Sync, plan: Plan) -> None:
    """Send what local pods and the node itself send straight to the cluster's endpoints."""
    rule = f"-A {plan.external_chain} -m comment --comment"
    about = f"for {plan.name} external destinations"
    to_service = SERVICE_PREFIX + plan.hash
    if sync.detector:
        sync.nat_rules.append(f'{rule} "pod traffic {about}" {sync.detector.local} -j {to_service}')
    sync.nat_rules += (
        f'{rule} "masquerade LOCAL traffic {about}" -m addrtype --src-type LOCAL -j {MARK_MASQ}',
        f'{rule} "route LOCAL traffic {about}" -m addrtype --src-type LOCAL -j {to_service}',
    )
