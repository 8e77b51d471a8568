"""Traffic to node ports, and health checks of nodes (layout section 7 d and e, history B3 d)."""

from __future__ import annotations

from natc.compile import masquerade
from natc.compile.layouts import Chain
from natc.compile.names import NODE_PORTS
from natc.compile.plan import Plan
from natc.compile.sync import Sync

_LOCALHOST_COUNTER = "-m nfacct --nfacct-name localhost_nps_accepted_pkts"


def jump(sync: Sync, plan: Plan) -> None:
    """Send node port traffic to the service."""
    number = plan.port.node_port
    if not number or not plan.used.has_endpoints:
        return
    to_port = f"-m comment --comment {plan.name} {plan.protocol_match}"
    if Chain.EXTERNAL not in sync.layout.chains:
        match = f"{to_port} --dport {number}"
        masquerade.node_port(sync, plan, match)
        sync.nat_rules.append(f"-A {NODE_PORTS} {match} -j {plan.external}")
        return
    target = plan.external_chain
    if sync.nfacct and sync.localhost_node_ports:
        sync.nat_rules.append(
            f"-A {NODE_PORTS} {to_port} -d 127.0.0.0/8 --dport {number} {_LOCALHOST_COUNTER} -j {target}"
        )
    sync.nat_rules.append(f"-A {NODE_PORTS} {to_port} --dport {number} -j {target}")


def health_check(sync: Sync, plan: Plan) -> None:
    """Let load balancers ask this node whether it has local endpoints."""
    if plan.service.health_check_port:
        sync.filter_rules.append(
            f'-A {NODE_PORTS} -m comment --comment "{plan.name} health check node port" -m tcp -p tcp '
            f"--dport {plan.service.health_check_port} -j ACCEPT"
        )
