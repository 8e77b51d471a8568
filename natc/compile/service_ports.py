"""Services as kube-proxy sees them: one service port per port, with everything its rules need.

Layout section 1 says what is dropped and how each field is read; history D what older versions did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from natc.compile.addresses import host_cidr, is_ipv6
from natc.compile.config import ProxyConfig
from natc.compile.layouts import Addresses, Hints, Layout, SourceRanges
from natc.compile.names import service_port_name
from natc.kube.addresses import canonical_ip, parse_network
from natc.kube.model import Service
from natc.values import value

#: The annotations that turn topology hints on; where the first is present the second is not read.
HINTS_ANNOTATION = "service.kubernetes.io/topology-aware-hints"
MODE_ANNOTATION = "service.kubernetes.io/topology-mode"


@value
class ProxiedService:
    """What the ports of one Service share. Addresses are spelled as the rules show them."""

    cluster_ip: str
    external_ips: tuple[str, ...]
    vips: tuple[str, ...]
    """Load balancer addresses."""
    source_ranges: tuple[str, ...]
    external_local: bool
    """externalTrafficPolicy Local holds."""
    internal_local: bool
    """internalTrafficPolicy Local holds."""
    health_check_port: int
    affinity: int | None
    """Seconds of ClientIP affinity."""
    wants_hints: bool
    """The annotation asks for topology hints."""
    topology_keys: tuple[str, ...]


@value
class ProxiedPort:
    """One port of one Service, for one IP family."""

    key: tuple[str, str, str, str]
    """(namespace, name, port name, protocol): the order of the walk over services."""
    name: str
    """The service port's name in comments and hashes."""
    protocol: str
    """In lower case, as rules and hashes have it."""
    port: int
    node_port: int
    service: ProxiedService

    @property
    def externally_accessible(self) -> bool:
        """Whether any rule is for traffic from outside."""
        return bool(self.node_port or self.service.vips or self.service.external_ips)


def service_ports(services: Iterable[Service], config: ProxyConfig) -> list[ProxiedPort]:
    """Return the service ports of the config's IP family, sorted by their key.

    kube-proxy walks a Go map, so its order is random at each sync; natc fixes it as (namespace,
    name, port name, protocol).
    """
    return sorted(proxied_ports(services, config), key=attrgetter("key"))


def proxied_ports(services: Iterable[Service], config: ProxyConfig) -> Iterable[ProxiedPort]:
    """Return the service ports of the config's IP family in the order of the objects."""
    reader = _Reader(config)
    by_protocol = config.layout.protocol_in_key
    ports: dict[tuple[str, ...], ProxiedPort] = {}
    for service in services:
        cluster_ip = reader.cluster_ip(service)
        if cluster_ip is None:
            continue
        for port in reader.ports(service, cluster_ip):
            key = port.key if by_protocol else port.key[:3]
            ports[key] = port
    return ports.values()


def wants_hints(layout: Layout, annotations: Mapping[str, str]) -> bool:
    """Tell whether a Service's annotations turn topology hints on (layout section 2, history D)."""
    if not annotations:
        return False
    if layout.hint_annotation is Hints.AUTO:
        return annotations.get(HINTS_ANNOTATION) in ("Auto", "auto")
    value = annotations.get(HINTS_ANNOTATION)
    if value is None:
        value = annotations.get(MODE_ANNOTATION, "")
    return value not in ("", "disabled", "Disabled")


class _Reader:
    """Reads Services under one configuration; holds what is the same for all of them."""

    def __init__(self, config: ProxyConfig) -> None:
        self._layout = config.layout
        self._hiding_labels = frozenset(config.layout.hiding_labels)
        self._ipv6 = config.is_ipv6
        self._ip_mode = config.enabled(self._layout.ip_mode)
        self._internal_policy = config.enabled(self._layout.internal_policy)

    def cluster_ip(self, service: Service) -> str | None:
        """Return the service's canonical cluster IP of this family, None when it is passed over."""
        if service.type == "ExternalName" or service.cluster_ip in ("", "None"):
            return None
        if not self._hiding_labels.isdisjoint(service.labels):
            return None
        ip = canonical_ip(self._cluster_ip_of_family(service))
        return ip if ip is not None and is_ipv6(ip) == self._ipv6 else None

    def _cluster_ip_of_family(self, service: Service) -> str:
        if not self._layout.dual_stack or not service.ip_families:
            return service.cluster_ip
        family = "IPv6" if self._ipv6 else "IPv4"
        for wanted, ip in zip(service.ip_families, service.cluster_ips, strict=False):
            if wanted == family:
                return ip
        return ""

    def ports(self, service: Service, cluster_ip: str) -> Iterable[ProxiedPort]:
        """Yield the service ports of a service that is proxied."""
        proxied = self._service(service, cluster_ip)
        for port in service.ports:
            name = service_port_name(
                service.namespace, service.name, port.name, colon_always=self._layout.colon_always
            )
            protocol = port.protocol.lower()
            yield ProxiedPort(
                key=(service.namespace, service.name, port.name, port.protocol),
                name=name,
                protocol=protocol,
                port=port.port,
                node_port=port.node_port,
                service=proxied,
            )

    def _service(self, service: Service, cluster_ip: str) -> ProxiedService:
        external_local = self._external_local(service)
        has_health_check = external_local and service.type == "LoadBalancer"
        return ProxiedService(
            cluster_ip=self._spelled(cluster_ip, cluster_ip),
            external_ips=self._external_ips(service),
            vips=self._vips(service),
            source_ranges=self._source_ranges(service),
            external_local=external_local,
            internal_local=self._internal_policy and service.internal_traffic_policy == "Local",
            health_check_port=service.health_check_node_port if has_health_check else 0,
            affinity=service.affinity_timeout if service.session_affinity == "ClientIP" else None,
            wants_hints=wants_hints(self._layout, service.annotations),
            topology_keys=service.topology_keys,
        )

    def _external_local(self, service: Service) -> bool:
        if service.external_traffic_policy != "Local":
            return False
        if service.type in ("NodePort", "LoadBalancer"):
            return True
        return self._layout.local_with_external_ips and bool(service.external_ips)

    def _external_ips(self, service: Service) -> tuple[str, ...]:
        if not service.external_ips:
            return ()
        return tuple(
            self._spelled(text, ip)
            for text in service.external_ips
            if (ip := canonical_ip(text)) is not None and is_ipv6(ip) == self._ipv6
        )

    def _vips(self, service: Service) -> tuple[str, ...]:
        if not service.ingress:
            return ()
        vips = []
        for ingress in service.ingress:
            ip = canonical_ip(ingress.ip)
            if ip is None or (self._ip_mode and ingress.ip_mode not in (None, "VIP")):
                continue
            if is_ipv6(ip) == self._ipv6 or not self._layout.vips_of_own_family:
                vips.append(self._spelled(ingress.ip, ip))
        return tuple(vips)

    def _spelled(self, text: str, ip: str) -> str:
        if self._layout.addresses is Addresses.PREFIXED:
            return host_cidr(ip)
        return text if self._layout.addresses is Addresses.AS_WRITTEN else ip

    def _source_ranges(self, service: Service) -> tuple[str, ...]:
        if not service.load_balancer_source_ranges:
            return ()
        return tuple(filter(None, map(self._source_range, service.load_balancer_source_ranges)))

    def _source_range(self, written: str) -> str:
        """Return the range as its rule spells it, or nothing when kube-proxy passes it over."""
        style = self._layout.source_ranges
        text = written if style is SourceRanges.RAW else written.strip()
        network = parse_network(text)
        if network is None:
            # Read raw, what is no CIDR counts as IPv4 and fails when its rule is written.
            return text if style is SourceRanges.RAW and not self._ipv6 else ""
        if (network.version == 6) != self._ipv6:
            return ""
        return str(network) if style is SourceRanges.MASKED else text
