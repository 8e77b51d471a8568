"""The chains that lead to endpoints and those of the endpoints themselves.

Layout section 7 i to k, history B3 e to g and B4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from natc.compile import affinity
from natc.compile.endpoints import ProxyEndpoint
from natc.compile.layouts import Chain, ServiceComment
from natc.compile.names import MARK_DROP, MARK_MASQ
from natc.compile.plan import Plan
from natc.compile.sync import Sync
from natc.values import evolve


def chain_lines(sync: Sync, plan: Plan) -> None:
    """Write the chain lines of a service port, each kind in the layout's order.

    Where every load balancer IP has its firewall rules, it has their chain line too, up to 1.23.
    """
    lines = sync.nat_chains
    for kind in sync.layout.chains:
        if kind is Chain.ENDPOINT:
            lines += [f":{name} - [0:0]" for name in plan.endpoint_chains]
        elif name := plan.chain(kind):
            again = kind is Chain.FIREWALL and sync.layout.firewall_always
            lines += [f":{name} - [0:0]"] * (len(plan.service.vips) if again else 1)


def chain_lines_without_endpoints(sync: Sync, plan: Plan) -> None:
    """Write the chain lines of a service port whose rules end early (history D)."""
    chain_lines(sync, evolve(plan, endpoint_chains=(), used=evolve(plan.used, reachable=[])))


def service_chain(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-SVC- rules: affinity first, then the balancing rules."""
    if not plan.service_chain:
        return
    used, name = plan.used, plan.service_chain
    if plan.service.affinity is not None:
        affinity.send_back(sync, plan, name, used.cluster, _comments(sync, plan, used.cluster))
    comments = _comments(sync, plan, used.balanced)
    sync.nat_rules += _balancing_rules(sync, plan, name, used.balanced, comments)


def local_chain(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-SVL- rules; a chain without endpoints marks its traffic for dropping."""
    if not plan.local_chain:
        return
    if not plan.used.local:
        _mark_drop(sync, plan, plan.local_chain)
        return
    comments = _comments(sync, plan, plan.used.local)
    affinity.send_back(sync, plan, plan.local_chain, plan.used.local, comments)
    sync.nat_rules += _balancing_rules(sync, plan, plan.local_chain, plan.used.local, comments)


def external_local_chain(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-XLB- rules of external traffic with policy Local (history B3 g)."""
    chain = plan.external_local_chain
    if not chain or not plan.used.has_endpoints:
        return
    _divert_local_traffic(sync, plan)
    local = plan.used.local
    if not local:
        _mark_drop(sync, plan, chain)
        return
    if sync.layout.numbered_balancing:
        affinity.send_back(sync, plan, chain, local, [_named(plan)] * len(local))
        numbered = [f'-m comment --comment "Balancing rule {i} for {plan.name}" ' for i in range(len(local))]
        sync.nat_rules += _balancing_rules(sync, plan, chain, local, numbered)
        return
    comments = _comments(sync, plan, local)
    affinity.send_back(sync, plan, chain, local, comments)
    sync.nat_rules += _balancing_rules(sync, plan, chain, local, comments)


def _divert_local_traffic(sync: Sync, plan: Plan) -> None:
    rule = f"-A {plan.external_local_chain} -m comment --comment"
    if sync.detector:
        sync.nat_rules.append(
            f'{rule} "Redirect pods trying to reach external loadbalancer VIP to clusterIP" '
            f"{sync.detector.local} -j {plan.service_chain}"
        )
    if sync.layout.route_local:
        from_node = "-m addrtype --src-type LOCAL"
        sync.nat_rules += (
            f'{rule} "masquerade LOCAL traffic for {plan.name} LB IP" {from_node} -j {MARK_MASQ}',
            f'{rule} "route LOCAL traffic for {plan.name} LB IP to service chain" {from_node} '
            f"-j {plan.service_chain}",
        )


def _mark_drop(sync: Sync, plan: Plan, chain: str) -> None:
    sync.nat_rules.append(
        f'-A {chain} -m comment --comment "{plan.name} has no local endpoints" -j {MARK_DROP}'
    )


def endpoint_chains(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-SEP- rules of every reachable endpoint."""
    sync.nat_rules.extend(chain.from_iterable(_endpoint_rules(sync, plan, plan.used.reachable)))


def service_and_endpoint_chains(sync: Sync, plan: Plan) -> None:
    """Write the KUBE-SVC- rules, each balancing rule followed by its endpoint's chain (up to 1.21)."""
    used = plan.used.cluster
    comments = _comments(sync, plan, used)
    affinity.send_back(sync, plan, plan.service_chain, used, comments)
    balancing = _balancing_rules(sync, plan, plan.service_chain, used, comments)
    for rule, own in zip(balancing, _endpoint_rules(sync, plan, used), strict=True):
        sync.nat_rules += (rule, *own)


def _balancing_rules(
    sync: Sync, plan: Plan, name: str, endpoints: Sequence[ProxyEndpoint], comments: Sequence[str]
) -> list[str]:
    """Spread traffic evenly: each endpoint takes its share of what the ones before it left."""
    odds = _odds(len(endpoints), sync.layout.probability_digits)
    ways = zip(comments, odds, plan.chains_to(endpoints), strict=True)
    return [f"-A {name} {comment}{chance}-j {to}" for comment, chance, to in ways]


@lru_cache(maxsize=4096)
def _odds(count: int, digits: int) -> tuple[str, ...]:
    """Return the match for the chance of each of ``count`` endpoints; the last one takes everything."""
    shares = [f"{1 / left:.{digits}f}" for left in range(count, 1, -1)]
    return (*[f"-m statistic --mode random --probability {share} " for share in shares], "")[:count]


def _endpoint_rules(sync: Sync, plan: Plan, endpoints: Sequence[ProxyEndpoint]) -> list[tuple[str, str]]:
    """Return the two rules of each endpoint's own chain: against hairpins, and DNAT."""
    commented = not sync.large and sync.layout.service_comment is not ServiceComment.NONE
    named = _named(plan) if commented else ""
    protocol = plan.protocol_match
    remembers = plan.service.affinity is not None
    return [
        (
            f"-A {name} {named}-s {endpoint.source} -j {MARK_MASQ}",
            f"-A {name} {named}{affinity.remember(name) if remembers else ''}{protocol} "
            f"-j DNAT --to-destination {endpoint.text}",
        )
        for endpoint, name in zip(endpoints, plan.chains_to(endpoints), strict=True)
    ]


def _named(plan: Plan) -> str:
    return f"-m comment --comment {plan.name} "


def _comments(sync: Sync, plan: Plan, endpoints: Sequence[ProxyEndpoint]) -> list[str]:
    """Return the comment match on the rule to each endpoint; nothing in large-cluster mode."""
    style = sync.layout.service_comment
    if sync.large or style is ServiceComment.NONE:
        return [""] * len(endpoints)
    if style is ServiceComment.NAME:
        return [_named(plan)] * len(endpoints)
    return [f'-m comment --comment "{plan.name} -> {e.text}" ' for e in endpoints]
