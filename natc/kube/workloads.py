"""Decoded Pod and Node objects to their models: the fields rules, endpoints and DNS depend on."""

from __future__ import annotations

from natc.kube.fields import Fields, Object, Place
from natc.kube.model import ContainerPort, Node, Pod
from natc.kube.names import DNS_SUBDOMAIN
from natc.kube.objects import PROTOCOLS, check_address, check_word, read_name, read_namespace, read_port


def read_pod(fields: Fields, obj: Object, place: Place) -> Pod:
    """Return the Pod ``obj`` describes; what is wrong with it goes into ``fields``."""
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    spec, at = fields.mapping(obj, "spec", place), (place, "spec")
    status, status_place = fields.mapping(obj, "status", place), (place, "status")
    dns, dns_place = fields.mapping(spec, "dnsConfig", at), (at, "dnsConfig")
    return Pod(
        namespace=read_namespace(fields, meta, meta_place),
        name=read_name(fields, meta, meta_place, DNS_SUBDOMAIN),
        labels=fields.text_map(meta, "labels", meta_place),
        pod_ips=_pod_ips(fields, status, status_place),
        node_name=fields.text(spec, "nodeName", at),
        host_network=bool(fields.boolean(spec, "hostNetwork", at)),
        phase=fields.text(status, "phase", status_place),
        ready=_is_ready(fields, status, status_place),
        deleting=bool(fields.text(meta, "deletionTimestamp", meta_place)),
        hostname=fields.text(spec, "hostname", at),
        subdomain=fields.text(spec, "subdomain", at),
        ports=_container_ports(fields, spec, at),
        dns_policy=fields.text(spec, "dnsPolicy", at, "ClusterFirst") or "ClusterFirst",
        dns_nameservers=fields.texts(dns, "nameservers", dns_place),
        dns_searches=fields.texts(dns, "searches", dns_place),
        dns_options=_dns_options(fields, dns, dns_place),
    )


def _pod_ips(fields: Fields, status: Object, at: Place) -> tuple[str, ...]:
    """Return status.podIPs, which the API server keeps equal to [status.podIP, ...]."""
    listed = fields.mappings(status, "podIPs", at) or [(at, {"ip": status.get("podIP")})]
    ips = []
    for place, entry in listed:
        ip = fields.text(entry, "ip", place)
        if ip:
            check_address(fields, ip, (place, "podIP" if place is at else "ip"))
            ips.append(ip)
    return tuple(ips)


def _is_ready(fields: Fields, status: Object, at: Place) -> bool:
    for place, condition in fields.mappings(status, "conditions", at):
        if fields.text(condition, "type", place) == "Ready":
            return fields.text(condition, "status", place) == "True"
    return False


def _container_ports(fields: Fields, spec: Object, at: Place) -> tuple[ContainerPort, ...]:
    """Return the ports of all containers in order, the order in which a name is looked up.

    Restartable init containers come after them: since sidecars exist, the controllers look there
    too (k8s.io/kubernetes pkg/api/v1/pod, FindPort).
    """
    ports = []
    for where, container in fields.mappings(spec, "containers", at):
        ports += [
            _container_port(fields, port, place) for place, port in fields.mappings(container, "ports", where)
        ]
    for where, container in fields.mappings(spec, "initContainers", at):
        if fields.text(container, "restartPolicy", where) == "Always":
            ports += [
                _container_port(fields, port, place)
                for place, port in fields.mappings(container, "ports", where)
            ]
    return tuple(ports)


def _container_port(fields: Fields, obj: Object, at: Place) -> ContainerPort:
    number = read_port(fields, obj, "containerPort", at)
    protocol = fields.text(obj, "protocol", at, "TCP") or "TCP"
    check_word(fields, protocol, PROTOCOLS, (at, "protocol"))
    return ContainerPort(number, fields.text(obj, "name", at), protocol)


def _dns_options(fields: Fields, dns: Object, at: Place) -> tuple[tuple[str, str | None], ...]:
    options: list[tuple[str, str | None]] = []
    for place, option in fields.mappings(dns, "options", at):
        value = fields.text(option, "value", place) if option.get("value") is not None else None
        options.append((fields.text(option, "name", place), value))
    return tuple(options)


def read_node(fields: Fields, obj: Object, place: Place) -> Node:
    """Return the Node ``obj`` describes; what is wrong with it goes into ``fields``."""
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    spec, at = fields.mapping(obj, "spec", place), (place, "spec")
    status = fields.mapping(obj, "status", place)
    addresses = fields.mappings(status, "addresses", (place, "status"))
    return Node(
        name=read_name(fields, meta, meta_place, DNS_SUBDOMAIN),
        labels=fields.text_map(meta, "labels", meta_place),
        internal_ips=tuple(
            fields.text(address, "address", where)
            for where, address in addresses
            if fields.text(address, "type", where) == "InternalIP"
        ),
        pod_cidrs=_pod_cidrs(fields, spec, at),
    )


def _pod_cidrs(fields: Fields, spec: Object, at: Place) -> tuple[str, ...]:
    """Return spec.podCIDRs, which the API server keeps equal to [spec.podCIDR, ...]."""
    cidrs = fields.texts(spec, "podCIDRs", at)
    if cidrs:
        return cidrs
    cidr = fields.text(spec, "podCIDR", at)
    return (cidr,) if cidr else ()
