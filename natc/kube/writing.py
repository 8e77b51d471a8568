"""A cluster back to Kubernetes objects: the opposite of :mod:`natc.kube.manifests`.

Only what differs from the API server's defaults is written, so that what is read back depends on
those defaults too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from natc.kube.model import (
    Cluster,
    ContainerPort,
    Endpoint,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSubset,
    IngressAddress,
    Node,
    Pod,
    Service,
    ServicePort,
)
from natc.kube.slices import SERVICE_LABEL, SKIP_MIRROR_LABEL

Manifest = dict[str, Any]
"""A Kubernetes object as JSON has it."""


def to_manifests(cluster: Cluster) -> list[Manifest]:
    """Return the objects of a cluster; reading them gives an equal cluster."""
    return [
        *map(_service, cluster.services),
        *map(_slice, cluster.endpoint_slices),
        *map(_endpoints, cluster.endpoints),
        *map(_pod, cluster.pods),
        *map(_node, cluster.nodes),
    ]


def _filled(**fields: Any) -> Manifest:
    """Return the fields that hold something: false, 0 and what is empty are what absence means."""
    return {name: value for name, value in fields.items() if value}


def _given(**fields: Any) -> Manifest:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _meta(namespace: str, name: str, **more: Any) -> Manifest:
    return _filled(name=name, namespace="" if namespace == "default" else namespace, **more)


def _other(value: str, default: str) -> str:
    """Return a word, or nothing when it is the default."""
    return "" if value == default else value


def _service(service: Service) -> Manifest:
    ips = service.cluster_ips or ((service.cluster_ip,) if service.cluster_ip else ())
    several = len(ips) > 1
    spec = _filled(
        type=_other(service.type, "ClusterIP"),
        clusterIP=service.cluster_ip,
        clusterIPs=list(ips) if several else [],
        ipFamilies=list(service.ip_families) if several or service.cluster_ip == "None" else [],
        ports=[_service_port(port) for port in service.ports],
        externalIPs=list(service.external_ips),
        externalName=service.external_name,
        loadBalancerSourceRanges=list(service.load_balancer_source_ranges),
        externalTrafficPolicy=_other(service.external_traffic_policy, "Cluster"),
        internalTrafficPolicy=_other(service.internal_traffic_policy, "Cluster"),
        healthCheckNodePort=service.health_check_node_port,
        publishNotReadyAddresses=service.publish_not_ready_addresses,
        topologyKeys=list(service.topology_keys),
        trafficDistribution=service.traffic_distribution,
        selector=dict(service.selector),
        **_affinity(service),
    )
    meta = _meta(
        service.namespace, service.name, labels=dict(service.labels), annotations=dict(service.annotations)
    )
    balancer = _filled(ingress=[_ingress(entry) for entry in service.ingress])
    status = _filled(status=_filled(loadBalancer=balancer))
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, **status}


def _affinity(service: Service) -> Manifest:
    if service.session_affinity == "None":
        return {}
    config = {"clientIP": {"timeoutSeconds": service.affinity_timeout}}
    is_default = service.affinity_timeout == 10800
    return _filled(
        sessionAffinity=service.session_affinity, sessionAffinityConfig={} if is_default else config
    )


def _service_port(port: ServicePort) -> Manifest:
    return _filled(
        name=port.name,
        port=port.port,
        protocol=_other(port.protocol, "TCP"),
        nodePort=port.node_port,
        targetPort=port.target_port,
    )


def _ingress(entry: IngressAddress) -> Manifest:
    return _filled(ip=entry.ip, hostname=entry.hostname, ipMode=_other(entry.ip_mode or "", "VIP"))


def _slice(piece: EndpointSlice) -> Manifest:
    labels = {**_filled(**{SERVICE_LABEL: piece.service}), **dict.fromkeys(piece.hiding_labels, "")}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _meta(piece.namespace, piece.name, labels=labels),
        "addressType": piece.address_type,
        **_filled(
            ports=[_endpoint_port(port) for port in piece.ports],
            endpoints=[_endpoint(endpoint) for endpoint in piece.endpoints],
        ),
    }


def _endpoint_port(port: EndpointPort) -> Manifest:
    return {**_filled(name=port.name, protocol=_other(port.protocol, "TCP")), **_given(port=port.port)}


def _endpoint(endpoint: Endpoint) -> Manifest:
    conditions = _given(ready=endpoint.ready, serving=endpoint.serving, terminating=endpoint.terminating)
    hints = _filled(
        forZones=[{"name": zone} for zone in endpoint.zone_hints],
        forNodes=[{"name": node} for node in endpoint.node_hints],
    )
    return _filled(
        addresses=list(endpoint.addresses),
        conditions=conditions,
        nodeName=endpoint.node_name,
        hostname=endpoint.hostname,
        hints=hints,
        deprecatedTopology=dict(endpoint.topology),
    )


def _endpoints(whole: Endpoints) -> Manifest:
    subsets = _filled(subsets=[_subset(subset) for subset in whole.subsets])
    labels = dict.fromkeys(whole.hiding_labels, "") | ({} if whole.mirrored else {SKIP_MIRROR_LABEL: "true"})
    meta = _meta(whole.namespace, whole.name, labels=labels)
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, **subsets}


def _subset(subset: EndpointSubset) -> Manifest:
    return _filled(
        addresses=[_address(address) for address in subset.addresses],
        notReadyAddresses=[_address(address) for address in subset.not_ready_addresses],
        ports=[_endpoint_port(port) for port in subset.ports],
    )


def _address(address: Endpoint) -> Manifest:
    return _filled(ip=address.addresses[0], nodeName=address.node_name, hostname=address.hostname)


def _pod(pod: Pod) -> Manifest:
    dns = _filled(
        nameservers=list(pod.dns_nameservers),
        searches=list(pod.dns_searches),
        options=[{"name": name, **_given(value=value)} for name, value in pod.dns_options],
    )
    spec = _filled(
        nodeName=pod.node_name,
        hostNetwork=pod.host_network,
        hostname=pod.hostname,
        subdomain=pod.subdomain,
        containers=_containers(pod.ports),
        dnsPolicy=_other(pod.dns_policy, "ClusterFirst"),
        dnsConfig=dns,
    )
    status = _filled(
        phase=pod.phase,
        podIP=pod.pod_ips[0] if pod.pod_ips else "",
        podIPs=[{"ip": ip} for ip in pod.pod_ips] if len(pod.pod_ips) > 1 else [],
        conditions=[{"type": "Ready", "status": "True"}] if pod.ready else [],
    )
    deletion = "2026-01-01T00:00:00Z" if pod.deleting else ""
    meta = _meta(pod.namespace, pod.name, labels=dict(pod.labels), deletionTimestamp=deletion)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, **_filled(status=status)}


def _containers(ports: Iterable[ContainerPort]) -> list[Manifest]:
    written = [
        _filled(name=port.name, containerPort=port.container_port, protocol=_other(port.protocol, "TCP"))
        for port in ports
    ]
    return [{"name": "main", **_filled(ports=written)}]


def _node(node: Node) -> Manifest:
    addresses = [{"type": "InternalIP", "address": ip} for ip in node.internal_ips]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _filled(name=node.name, labels=dict(node.labels)),
        **_filled(spec=_filled(podCIDRs=list(node.pod_cidrs)), status=_filled(addresses=addresses)),
    }
