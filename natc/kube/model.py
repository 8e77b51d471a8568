"""The Kubernetes objects natc reads, as frozen values.

Field names follow the Kubernetes API in Python spelling. Values are what an API server would hold:
:mod:`natc.kube.manifests` has already applied its defaults and refusals. Addresses stay as they
were written, since kube-proxy's rules show some of them that way (layout section 1); ``span`` is
where the object begins in its file and takes no part in equality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from natc.errors import Span
from natc.values import field, value

if TYPE_CHECKING:
    from natc.kube.ingress import Ingress

_NOTHING: Mapping[str, str] = MappingProxyType({})


@value
class ServicePort:
    """One entry of ``Service.spec.ports``."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    node_port: int = 0
    target_port: int | str | None = None
    """A number, the name of a container port, or None for "the same as port"."""


@value
class IngressAddress:
    """One entry of ``Service.status.loadBalancer.ingress``."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


@value
class Service:
    """A Service, whatever its type."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    external_ips: tuple[str, ...] = ()
    external_name: str = ""
    ingress: tuple[IngressAddress, ...] = ()
    """``status.loadBalancer.ingress``, in order."""
    load_balancer_source_ranges: tuple[str, ...] = ()
    external_traffic_policy: str = ""
    internal_traffic_policy: str = ""
    session_affinity: str = "None"
    affinity_timeout: int = 10800
    """Seconds of ``sessionAffinityConfig.clientIP.timeoutSeconds``."""
    health_check_node_port: int = 0
    publish_not_ready_addresses: bool = False
    topology_keys: tuple[str, ...] = ()
    traffic_distribution: str = ""
    """Never read by kube-proxy; the controller that writes slices makes hints of it."""
    selector: Mapping[str, str] = field(default=_NOTHING)
    labels: Mapping[str, str] = field(default=_NOTHING)
    annotations: Mapping[str, str] = field(default=_NOTHING)
    span: Span | None = field(default=None, eq=False, repr=False)


@value
class EndpointPort:
    """A port of an EndpointSlice or of an Endpoints subset; ``port`` None means "not given"."""

    name: str = ""
    protocol: str = "TCP"
    port: int | None = None


@value
class Endpoint:
    """One entry of ``EndpointSlice.endpoints``. The three conditions are None when not given."""

    addresses: tuple[str, ...]
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None
    node_name: str = ""
    hostname: str = ""
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()
    topology: Mapping[str, str] = field(default=_NOTHING)
    """The v1beta1 ``topology`` map (``deprecatedTopology`` in v1)."""


@value
class EndpointSlice:
    """A discovery.k8s.io EndpointSlice."""

    namespace: str
    name: str
    service: str
    """The label ``kubernetes.io/service-name``; empty when the slice belongs to no service."""
    address_type: str
    ports: tuple[EndpointPort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    hiding_labels: tuple[str, ...] = ()
    """Those of its labels that keep kube-proxy from seeing it."""
    span: Span | None = field(default=None, eq=False, repr=False)


@value
class EndpointSubset:
    """One entry of ``Endpoints.subsets``: every address serves every port."""

    addresses: tuple[Endpoint, ...] = ()
    not_ready_addresses: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


@value
class Endpoints:
    """The core v1 object that kube-proxy read up to Kubernetes 1.18."""

    namespace: str
    name: str
    subsets: tuple[EndpointSubset, ...] = ()
    hiding_labels: tuple[str, ...] = ()
    """Those of its labels that keep kube-proxy from seeing it."""
    mirrored: bool = True
    """Whether the control plane makes EndpointSlices of it where there are none."""
    span: Span | None = field(default=None, eq=False, repr=False)


@value
class ContainerPort:
    """A port that a Pod's container declares."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


@value
class Pod:
    """What endpoints and DNS need to know of a Pod."""

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default=_NOTHING)
    pod_ips: tuple[str, ...] = ()
    node_name: str = ""
    host_network: bool = False
    phase: str = ""
    ready: bool = False
    deleting: bool = False
    """True when ``metadata.deletionTimestamp`` is set."""
    hostname: str = ""
    subdomain: str = ""
    ports: tuple[ContainerPort, ...] = ()
    dns_policy: str = "ClusterFirst"
    dns_nameservers: tuple[str, ...] = ()
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[tuple[str, str | None], ...] = ()
    span: Span | None = field(default=None, eq=False, repr=False)


@value
class Node:
    """A node: its labels decide topology, its addresses where NodePorts answer."""

    name: str
    labels: Mapping[str, str] = field(default=_NOTHING)
    internal_ips: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    span: Span | None = field(default=None, eq=False, repr=False)


@value
class Cluster:
    """Everything that was in the manifests, each kind in the order it was read."""

    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    skipped: Mapping[str, int] = field(factory=dict, eq=False)
    """How many objects of each other kind were passed over."""
    notes: tuple[str, ...] = field(default=(), eq=False)
    """What a person should know of how the objects were read, one sentence each."""


def several(services: Sequence[Service]) -> str:
    """Name the first service and say how many there are more, for a sentence about all of them."""
    more = f" and {len(services) - 1} more" if len(services) > 1 else ""
    return f"Service {services[0].namespace}/{services[0].name}{more}"
