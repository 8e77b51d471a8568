"""Decoded Service objects to :class:`natc.kube.model.Service`, with the API server's defaults and refusals.

Defaults are those of layout section 1. What an API server would pick by itself (a cluster IP, the
node port of a NodePort service) has to be given, since rules depend on it.
"""

from __future__ import annotations

from typing import Any

from natc.kube.addresses import family_of, parse_network
from natc.kube.fields import Fields, Object, Place, shorten
from natc.kube.model import IngressAddress, Service
from natc.kube.names import DNS_SUBDOMAIN, SERVICE_NAME
from natc.kube.objects import (
    check_address,
    check_ordinary_address,
    check_port,
    check_word,
    read_name,
    read_namespace,
)
from natc.kube.service_port_fields import read_ports

_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_POLICIES = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
_LONGEST_AFFINITY = 86400


def read_service(fields: Fields, obj: Object, place: Place) -> Service:
    """Return the Service ``obj`` describes; what is wrong with it goes into ``fields``."""
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    spec, at = fields.mapping(obj, "spec", place), (place, "spec")
    kind = fields.text(spec, "type", at, "ClusterIP") or "ClusterIP"
    if kind not in _TYPES:
        check_word(fields, kind, _TYPES, (at, "type"))
    ips = _cluster_ips(fields, spec, at, kind)
    external_ips = _external_ips(fields, spec, at) if "externalIPs" in spec else ()
    accessible = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and bool(external_ips))
    external_policy = _external_policy(fields, spec, at, accessible)
    affinity, timeout = _affinity(fields, spec, at)
    rarer: dict[str, Any] = {}
    if kind == "ExternalName" or not _RARER_FIELDS.isdisjoint(spec):
        rarer = _rarer_fields(fields, spec, at, kind, external_policy)
    return Service(
        namespace=read_namespace(fields, meta, meta_place),
        name=read_name(fields, meta, meta_place, SERVICE_NAME),
        type=kind,
        cluster_ip=ips[0] if ips else "",
        cluster_ips=ips,
        ip_families=_families(fields, spec, at, ips),
        ports=read_ports(fields, spec, at, kind, ips == ("None",)),
        external_ips=external_ips,
        ingress=_ingress(fields, obj, place) if "status" in obj else (),
        external_traffic_policy=external_policy,
        internal_traffic_policy=_internal_policy(fields, spec, at, kind),
        session_affinity=affinity,
        affinity_timeout=timeout,
        selector=fields.text_map(spec, "selector", at),
        labels=fields.text_map(meta, "labels", meta_place),
        annotations=fields.text_map(meta, "annotations", meta_place),
        **rarer,
    )


#: Fields of a Service's spec that few services have.
_RARER_FIELDS = frozenset(
    (
        "externalName",
        "loadBalancerSourceRanges",
        "healthCheckNodePort",
        "publishNotReadyAddresses",
        "topologyKeys",
        "trafficDistribution",
    )
)


def _rarer_fields(fields: Fields, spec: Object, at: Place, kind: str, external_policy: str) -> dict[str, Any]:
    """Return the model's fields that come from :data:`_RARER_FIELDS`."""
    checked = kind == "LoadBalancer" and external_policy == "Local"
    return {
        "external_name": _external_name(fields, spec, at, kind),
        "load_balancer_source_ranges": _source_ranges(fields, spec, at),
        "health_check_node_port": _health_check(fields, spec, at, checked),
        "publish_not_ready_addresses": bool(fields.boolean(spec, "publishNotReadyAddresses", at)),
        "topology_keys": _topology_keys(fields, spec, at),
        "traffic_distribution": fields.text(spec, "trafficDistribution", at),
    }


def _external_ips(fields: Fields, spec: Object, at: Place) -> tuple[str, ...]:
    external_ips = fields.texts(spec, "externalIPs", at)
    for index, ip in enumerate(external_ips):
        check_ordinary_address(fields, ip, ((at, "externalIPs"), index))
    return external_ips


def _cluster_ips(fields: Fields, spec: Object, at: Place, kind: str) -> tuple[str, ...]:
    """Return spec.clusterIPs, which the API server keeps equal to [spec.clusterIP, ...]."""
    first = fields.text(spec, "clusterIP", at)
    ips = fields.texts(spec, "clusterIPs", at) if "clusterIPs" in spec else ()
    where: Place = (at, "clusterIPs") if ips else (at, "clusterIP")
    if not ips:
        ips = (first,) if first else ()
    elif first != ips[0]:
        if first:
            fields.refuse(
                where,
                f'begins with "{shorten(ips[0])}", but clusterIP is "{shorten(first)}"',
                "the same address",
            )
            return ips
        first = ips[0]
    if kind == "ExternalName":
        if first:
            fields.refuse(where, "is set, but the type is ExternalName", "no cluster IP")
    elif not ips:
        fields.refuse(
            at,
            "has no clusterIP; a cluster would pick a free one, natc needs it given",
            "clusterIP: ADDRESS, or None",
        )
    elif first == "None":
        _check_headless(fields, ips, where, kind)
    else:
        _check_cluster_addresses(fields, ips, where)
    return ips


def _check_headless(fields: Fields, ips: tuple[str, ...], where: Place, kind: str) -> None:
    if kind != "ClusterIP":
        fields.refuse(where, f"is None, but the type is {kind}", "an address")
    if len(ips) > 1:
        fields.refuse(where, "holds more than None", "None alone")


def _check_cluster_addresses(fields: Fields, ips: tuple[str, ...], where: Place) -> None:
    families = []
    for index, ip in enumerate(ips):
        place = (where, index) if where and where[1] == "clusterIPs" else where
        families.append(check_address(fields, ip, place))
    if len(ips) > 2 or (len(ips) == 2 and families[0] == families[1] != 0):
        fields.refuse(where, f"holds {len(ips)} addresses", "at most one address of each family")


def _families(fields: Fields, spec: Object, at: Place, ips: tuple[str, ...]) -> tuple[str, ...]:
    """Return spec.ipFamilies, by default the families of the cluster IPs."""
    given = fields.texts(spec, "ipFamilies", at) if "ipFamilies" in spec else ()
    if "ipFamilyPolicy" in spec:
        policy = fields.text(spec, "ipFamilyPolicy", at)
        check_word(fields, policy, _FAMILY_POLICIES, (at, "ipFamilyPolicy"))
    actual = tuple(f"IPv{family}" for family in map(family_of, ips) if family)
    if not given:
        return actual
    where = (at, "ipFamilies")
    for index, family in enumerate(given):
        check_word(fields, family, _FAMILIES, (where, index))
    if len(set(given)) != len(given):
        fields.refuse(where, "names a family twice", "IPv4 and IPv6 at most once each")
    elif actual != given[: len(actual)] and set(given) <= set(_FAMILIES):
        fields.refuse(
            where,
            f"is {', '.join(given)}, but the cluster IPs are {', '.join(actual)}",
            "the families of the cluster IPs",
        )
    return given


def _external_name(fields: Fields, spec: Object, at: Place, kind: str) -> str:
    name = fields.text(spec, "externalName", at)
    if kind == "ExternalName" and not DNS_SUBDOMAIN.allows(name.removesuffix(".")):
        fields.refuse(
            (at, "externalName") if name else at,
            f'has the externalName "{shorten(name)}"',
            "a lower-case DNS name",
        )
    return name


def _ingress(fields: Fields, obj: Object, place: Place) -> tuple[IngressAddress, ...]:
    status = fields.mapping(obj, "status", place)
    balancer, at = (
        fields.mapping(status, "loadBalancer", (place, "status")),
        ((place, "status"), "loadBalancer"),
    )
    return tuple(
        [_ingress_address(fields, entry, at) for at, entry in fields.mappings(balancer, "ingress", at)]
    )


def _ingress_address(fields: Fields, obj: Object, at: Place) -> IngressAddress:
    ip = fields.text(obj, "ip", at)
    if ip and not family_of(ip):
        fields.refuse((at, "ip"), f'is "{shorten(ip)}"', "an IP address")
    mode = fields.text(obj, "ipMode", at)
    if mode:
        check_word(fields, mode, ("VIP", "Proxy"), (at, "ipMode"))
    elif ip:
        mode = "VIP"
    return IngressAddress(ip, fields.text(obj, "hostname", at), mode or None)


def _source_ranges(fields: Fields, spec: Object, at: Place) -> tuple[str, ...]:
    ranges = fields.texts(spec, "loadBalancerSourceRanges", at)
    for index, text in enumerate(ranges):
        if parse_network(text.strip()) is None:
            fields.refuse(
                ((at, "loadBalancerSourceRanges"), index),
                f'is "{shorten(text)}"',
                "a CIDR such as 10.0.0.0/8",
            )
    return ranges


def _external_policy(fields: Fields, spec: Object, at: Place, accessible: bool) -> str:
    policy = fields.text(spec, "externalTrafficPolicy", at)
    if not policy:
        return "Cluster" if accessible else ""
    check_word(fields, policy, _POLICIES, (at, "externalTrafficPolicy"))
    if not accessible:
        fields.refuse(
            (at, "externalTrafficPolicy"),
            "is set, but nothing outside reaches this service",
            "a NodePort or LoadBalancer service, or externalIPs",
        )
    return policy


def _internal_policy(fields: Fields, spec: Object, at: Place, kind: str) -> str:
    policy = fields.text(spec, "internalTrafficPolicy", at)
    if policy:
        check_word(fields, policy, _POLICIES, (at, "internalTrafficPolicy"))
    elif kind != "ExternalName":
        policy = "Cluster"
    return policy


def _health_check(fields: Fields, spec: Object, at: Place, needed: bool) -> int:
    port = fields.integer(spec, "healthCheckNodePort", at)
    if port:
        check_port(fields, port, (at, "healthCheckNodePort"))
        if not needed:
            fields.refuse(
                (at, "healthCheckNodePort"), "is set", "type LoadBalancer with externalTrafficPolicy Local"
            )
    return port


def _affinity(fields: Fields, spec: Object, at: Place) -> tuple[str, int]:
    """Return the kind of session affinity and its timeout in seconds."""
    affinity = fields.text(spec, "sessionAffinity", at, "None") or "None"
    if affinity not in ("None", "ClientIP"):
        check_word(fields, affinity, ("None", "ClientIP"), (at, "sessionAffinity"))
    if "sessionAffinityConfig" not in spec:
        return affinity, 10800
    place: Place = (at, "sessionAffinityConfig")
    config = fields.mapping(spec, "sessionAffinityConfig", at)
    client = fields.mapping(config, "clientIP", place)
    timeout = fields.integer(client, "timeoutSeconds", (place, "clientIP"), 10800)
    if not 1 <= timeout <= _LONGEST_AFFINITY:
        fields.refuse(
            ((place, "clientIP"), "timeoutSeconds"), f"is {timeout}", f"1 to {_LONGEST_AFFINITY} seconds"
        )
    if affinity == "None" and config:
        fields.refuse(place, "is set, but sessionAffinity is None", "sessionAffinity: ClientIP")
    return affinity, timeout


def _topology_keys(fields: Fields, spec: Object, at: Place) -> tuple[str, ...]:
    if "topologyKeys" not in spec:
        return ()
    keys = fields.texts(spec, "topologyKeys", at)
    if "*" in keys[:-1]:
        fields.refuse(
            ((at, "topologyKeys"), keys.index("*")), "is *, which can only be the last key", "* last"
        )
    return keys
