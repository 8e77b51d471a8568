"""What the passes need to know of one service port: its endpoints, chains and where traffic goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from natc.compile.endpoints import ProxyEndpoint
from natc.compile.layouts import Chain, Layout
from natc.compile.names import chain_hashes
from natc.compile.selection import Used
from natc.compile.service_ports import ProxiedPort, ProxiedService
from natc.kube.proxy_names import (
    ENDPOINT_PREFIX,
    EXTERNAL_LOCAL_PREFIX,
    EXTERNAL_PREFIX,
    FIREWALL_PREFIX,
    LOCAL_PREFIX,
    SERVICE_PREFIX,
)
from natc.values import value


@value
class Plan:
    """One service port ready to be written. Chain names are empty for chains that are not made."""

    name: str
    protocol_match: str
    """``-m tcp -p tcp`` and the like."""
    port: ProxiedPort
    service: ProxiedService
    used: Used
    hash: str
    """What the names of its own chains end with."""
    service_chain: str
    local_chain: str
    external_chain: str
    external_local_chain: str
    firewall_chain: str
    endpoint_chains: Sequence[str]
    """Chain of each reachable endpoint, in their order."""
    internal: str
    """The chain that cluster IP traffic goes to."""
    external: str
    """The chain that external traffic ends up in, by the service's external traffic policy."""
    has_internal: bool
    """Whether cluster IP traffic finds an endpoint, or a chain that deals with it."""
    has_external: bool
    """The same for external traffic."""

    def chain(self, kind: Chain) -> str:
        """Return the service port's chain of one kind, empty when it is not made."""
        name: str = getattr(self, _CHAIN_OF[kind.value])
        return name

    def chains_to(self, endpoints: Sequence[ProxyEndpoint]) -> Sequence[str]:
        """Return the chain of each of some reachable endpoints."""
        reachable = self.used.reachable
        if endpoints is reachable:
            return self.endpoint_chains
        by_text = {e.text: chain for e, chain in zip(reachable, self.endpoint_chains, strict=True)}
        return [by_text[endpoint.text] for endpoint in endpoints]


#: The field that holds the chain of a kind; kinds by their text, which hashes faster than a member.
_CHAIN_OF = {
    Chain.SERVICE.value: "service_chain",
    Chain.LOCAL.value: "local_chain",
    Chain.EXTERNAL.value: "external_chain",
    Chain.EXTERNAL_LOCAL.value: "external_local_chain",
    Chain.FIREWALL.value: "firewall_chain",
}


def hashes_of(ports: Sequence[tuple[ProxiedPort, Used]]) -> Iterator[Sequence[str]]:
    """Yield for each service port the hash of its own chains and those of its reachable endpoints' chains.

    All are worked out at once.
    """
    texts: list[str] = []
    for port, used in ports:
        stem = port.name + port.protocol
        texts.append(stem)
        texts += [stem + endpoint.text for endpoint in used.reachable]
    hashes = chain_hashes(texts)
    at = 0
    for _, used in ports:
        first, at = at, at + 1 + len(used.reachable)
        yield hashes[first:at]


def make_plan(port: ProxiedPort, used: Used, layout: Layout, hashes: Sequence[str]) -> Plan:
    """Work out the chains of a service port (layout section 7, history B3 and B4).

    ``hashes`` are as :func:`hashes_of` yields them.
    """
    own = hashes[0]
    service = port.service
    has = used.has_endpoints
    by_policy = Chain.EXTERNAL in layout.chains
    # Where missing local endpoints are dropped in filter, chains without endpoints are not made.
    has_cluster_chain = has and used.uses_cluster and bool(used.cluster or not layout.no_local_drop)
    has_local_chain = by_policy and has and used.uses_local and bool(used.local or not layout.no_local_drop)
    with_firewall = has and service.vips and (layout.firewall_always or service.source_ranges)
    service_chain = SERVICE_PREFIX + own
    local_chain = (LOCAL_PREFIX if by_policy else EXTERNAL_LOCAL_PREFIX) + own
    may_lack_local = layout.no_local_drop and not used.local
    return Plan(
        name=port.name,
        protocol_match=f"-m {port.protocol} -p {port.protocol}",
        port=port,
        service=service,
        used=used,
        hash=own,
        service_chain=service_chain if has_cluster_chain else "",
        local_chain=local_chain if has_local_chain else "",
        external_chain=EXTERNAL_PREFIX + own if by_policy and has and port.externally_accessible else "",
        external_local_chain=local_chain if not by_policy and service.external_local else "",
        firewall_chain=FIREWALL_PREFIX + own if with_firewall else "",
        endpoint_chains=[ENDPOINT_PREFIX + each for each in hashes[1:]],
        internal=local_chain if by_policy and service.internal_local else service_chain,
        external=local_chain if service.external_local else service_chain,
        has_internal=has and not (by_policy and service.internal_local and may_lack_local),
        has_external=has and not (service.external_local and may_lack_local),
    )
