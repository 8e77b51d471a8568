"""Endpoints that manifests leave to the control plane: worked out from Pods, or copied from Endpoints.

A cluster's controllers write an EndpointSlice for every Service with a selector (the endpoint slice
controller, k8s.io/endpointslice: reconciler.go, utils.go) and mirror Endpoints written by hand (the
endpointslicemirroring controller). :func:`complete` does the same for the services whose slices are
not among the manifests. What is given wins: slices over Endpoints, both over Pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from natc.kube.addresses import family_of
from natc.kube.model import (
    Cluster,
    Endpoint,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    Pod,
    Service,
    ServicePort,
    several,
)
from natc.values import evolve

ZONE_LABEL = "topology.kubernetes.io/zone"
#: The values of spec.trafficDistribution that make the controller hint each endpoint at its own zone
#: (KEP-4444; the names PreferSameZone and PreferSameNode are KEP-3015's).
_ZONAL = ("PreferClose", "PreferSameZone", "PreferSameNode")


def complete(cluster: Cluster) -> Cluster:
    """Return the cluster with the slices its controllers would have made, and notes of what was chosen."""
    sliced = {(piece.namespace, piece.service) for piece in cluster.endpoint_slices}
    written = {(each.namespace, each.name): each for each in cluster.endpoints}
    pods = _PodIndex(cluster.pods)
    zones = {node.name: node.labels.get(ZONE_LABEL, "") for node in cluster.nodes}
    made: list[EndpointSlice] = []
    passed_over: list[Service] = []
    without: list[Service] = []
    for service in cluster.services if cluster.pods else _unsliced(cluster.services, sliced):
        key = (service.namespace, service.name)
        if key in sliced or key in written:
            if pods.matching(service):
                passed_over.append(service)
            if key not in sliced:
                made += mirror(written[key])
        elif cluster.pods:
            made += from_pods(service, pods.matching(service), zones)
        elif service.selector and service.type != "ExternalName":
            without.append(service)
    notes = tuple(_notes(passed_over, without))
    if not made and not notes:
        return cluster
    slices = (*cluster.endpoint_slices, *made)
    return evolve(cluster, endpoint_slices=slices, notes=(*cluster.notes, *notes))


def _unsliced(services: Iterable[Service], sliced: Set[tuple[str, str]]) -> Iterable[Service]:
    """Return the services without slices: without Pods, nothing is to be chosen for the others."""
    return [service for service in services if (service.namespace, service.name) not in sliced]


def _notes(passed_over: list[Service], without: list[Service]) -> Iterator[str]:
    if passed_over:
        yield (
            f"Endpoints of {several(passed_over)} are taken as given, "
            "not worked out from the Pods that are given too."
        )
    if without:
        verb = "selects" if len(without) == 1 else "select"
        yield (
            f"{several(without)} {verb} Pods, but no Pods, EndpointSlices or Endpoints are given: "
            "no endpoints, as far as natc can tell."
        )


class _PodIndex:
    """Finds the pods a selector matches without trying every pod on every service."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._by_label: dict[tuple[str, str, str], list[Pod]] = {}
        for pod in pods:
            for label in pod.labels.items():
                self._by_label.setdefault((pod.namespace, *label), []).append(pod)

    def matching(self, service: Service) -> list[Pod]:
        """Return the pods of the service's namespace that carry every label of its selector."""
        if not service.selector or service.type == "ExternalName":
            return []
        wanted = service.selector.items()
        candidates = [self._by_label.get((service.namespace, *label), []) for label in wanted]
        return [pod for pod in min(candidates, key=len) if wanted <= pod.labels.items()]


def from_pods(service: Service, pods: Sequence[Pod], zones: Mapping[str, str]) -> list[EndpointSlice]:
    """Return the slices the endpoint slice controller makes of the pods a service selects.

    Pods whose named ports have different numbers go into different slices. ``zones`` gives the zone
    of each node.
    """
    slices: list[EndpointSlice] = []
    for family in service.ip_families or ("IPv4", "IPv6"):
        groups: dict[tuple[EndpointPort, ...], list[Endpoint]] = {}
        for pod in pods:
            addresses = tuple(ip for ip in pod.pod_ips if f"IPv{family_of(ip)}" == family)
            if addresses and pod.phase not in ("Succeeded", "Failed"):
                endpoint = _endpoint(service, pod, addresses, zones)
                groups.setdefault(_endpoint_ports(service, pod), []).append(endpoint)
        slices += _slices(service.namespace, service.name, family, groups)
    return slices


def _slices(
    namespace: str, service: str, family: str, groups: Mapping[tuple[EndpointPort, ...], list[Endpoint]]
) -> Iterator[EndpointSlice]:
    for number, (ports, endpoints) in enumerate(groups.items()):
        name = f"{service}-{family.lower()}-{number}"
        yield EndpointSlice(namespace, name, service, family, ports, tuple(endpoints))


def _endpoint(service: Service, pod: Pod, addresses: tuple[str, ...], zones: Mapping[str, str]) -> Endpoint:
    """Return a pod as an endpoint: a terminating one is never ready, unless unready ones are published."""
    zone = zones.get(pod.node_name, "")
    hinted = service.traffic_distribution in _ZONAL and zone
    by_node = service.traffic_distribution == "PreferSameNode" and pod.node_name
    return Endpoint(
        addresses,
        ready=service.publish_not_ready_addresses or (pod.ready and not pod.deleting),
        serving=pod.ready,
        terminating=pod.deleting,
        node_name=pod.node_name,
        hostname=pod.hostname if pod.subdomain == service.name else "",
        zone_hints=(zone,) if hinted else (),
        node_hints=(pod.node_name,) if by_node else (),
    )


def _endpoint_ports(service: Service, pod: Pod) -> tuple[EndpointPort, ...]:
    """Return the ports of a service as this pod has them; a name it has not leaves that port out."""
    return tuple(
        EndpointPort(port.name, port.protocol, number)
        for port in service.ports
        if (number := _target_number(port, pod)) is not None
    )


def _target_number(port: ServicePort, pod: Pod) -> int | None:
    if not isinstance(port.target_port, str):
        return port.target_port or port.port
    for candidate in pod.ports:
        if candidate.name == port.target_port and candidate.protocol == port.protocol:
            return candidate.container_port
    return None


def mirror(endpoints: Endpoints) -> list[EndpointSlice]:
    """Return the slices that say what an Endpoints object says, one for each subset and family.

    The mirroring controller copies its labels, and asks first whether one says not to mirror it
    (k8s.io/kubernetes, pkg/controller/endpointslicemirroring).
    """
    slices: list[EndpointSlice] = []
    for number, subset in enumerate(endpoints.subsets if endpoints.mirrored else ()):
        everyone = [
            *(evolve(address, ready=True) for address in subset.addresses),
            *(evolve(address, ready=False) for address in subset.not_ready_addresses),
        ]
        for family in ("IPv4", "IPv6"):
            of_family = [each for each in everyone if f"IPv{family_of(each.addresses[0])}" == family]
            if of_family:
                name = f"{endpoints.name}-{family.lower()}-{number}"
                slices.append(
                    EndpointSlice(
                        endpoints.namespace,
                        name,
                        endpoints.name,
                        family,
                        subset.ports,
                        tuple(of_family),
                        endpoints.hiding_labels,
                    )
                )
    return slices
