"""Traffic to a service's cluster IP (layout section 7 a)."""

from __future__ import annotations

from natc.compile.names import SERVICES
from natc.compile.plan import Plan
from natc.compile.sync import Sync


def jump(sync: Sync, plan: Plan) -> None:
    """Send cluster IP traffic to the chain of the service's internal traffic policy."""
    if plan.has_internal:
        sync.nat_rules.append(
            f'-A {SERVICES} -m comment --comment "{plan.name} cluster IP" {plan.protocol_match} '
            f"-d {plan.service.cluster_ip} --dport {plan.port.port} -j {plan.internal}"
        )
