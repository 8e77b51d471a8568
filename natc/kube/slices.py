"""Decoded EndpointSlice and Endpoints objects to their models, with defaults and refusals.

Addresses stay as written. EndpointSlices are read in discovery.k8s.io/v1, v1beta1 and v1alpha1; the
older two have a ``topology`` map where v1 has ``deprecatedTopology``.
"""

from __future__ import annotations

from typing import Any

from natc.kube.addresses import is_ordinary_v4
from natc.kube.fields import Fields, Object, Place, describe, shorten
from natc.kube.model import Endpoint, EndpointPort, Endpoints, EndpointSlice, EndpointSubset
from natc.kube.names import DNS_LABEL, DNS_SUBDOMAIN
from natc.kube.objects import (
    PROTOCOLS,
    check_ordinary_address,
    check_port,
    check_word,
    hiding_labels,
    read_name,
    read_namespace,
)

SERVICE_LABEL = "kubernetes.io/service-name"
#: With the value "true" Endpoints are not copied into slices (k8s.io/api, discovery/v1/well_known_labels.go).
SKIP_MIRROR_LABEL = "endpointslice.kubernetes.io/skip-mirror"
_ADDRESS_TYPES = ("IPv4", "IPv6", "FQDN")
_MOST_ADDRESSES = 100
_RARER_FIELDS = frozenset(("hints", "hostname", "topology", "deprecatedTopology"))


def read_slice(fields: Fields, obj: Object, place: Place) -> EndpointSlice:
    """Return the EndpointSlice ``obj`` describes; what is wrong with it goes into ``fields``."""
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    address_type = _address_type(fields, obj, place)
    ports = tuple([_port(fields, port, at) for at, port in fields.mappings(obj, "ports", place)])
    if len(ports) > 1:
        _check_port_names(fields, ports, (place, "ports"))
    inside = (place, "endpoints")
    labels = fields.text_map(meta, "labels", meta_place)
    return EndpointSlice(
        namespace=read_namespace(fields, meta, meta_place),
        name=read_name(fields, meta, meta_place, DNS_SUBDOMAIN),
        service=labels.get(SERVICE_LABEL, ""),
        address_type=address_type,
        ports=ports,
        endpoints=tuple(
            [
                _usual_endpoint(endpoint, address_type)
                or _endpoint(fields, endpoint, (inside, index), address_type)
                for index, endpoint in enumerate(fields.sequence(obj, "endpoints", place))
            ]
        ),
        hiding_labels=hiding_labels(labels),
    )


def _address_type(fields: Fields, obj: Object, place: Place) -> str:
    address_type = fields.text(obj, "addressType", place)
    if not address_type:
        fields.refuse(place, "has no addressType", "addressType: IPv4, IPv6 or FQDN")
    elif address_type == "IP":  # v1alpha1 and v1beta1 once had it; kube-proxy passes such slices over
        return address_type
    else:
        check_word(fields, address_type, _ADDRESS_TYPES, (place, "addressType"))
    return address_type


def _port(fields: Fields, obj: Object, at: Place) -> EndpointPort:
    protocol = fields.text(obj, "protocol", at, "TCP")
    if protocol not in PROTOCOLS:
        check_word(fields, protocol, PROTOCOLS, (at, "protocol"))
    name = fields.text(obj, "name", at)
    if name and not DNS_LABEL.allows(name):
        fields.refuse((at, "name"), f'is "{shorten(name)}"', DNS_LABEL.words)
    number = None if obj.get("port") is None else fields.integer(obj, "port", at)
    if number:
        check_port(fields, number, (at, "port"))
    return EndpointPort(name, protocol, number)


def _check_port_names(fields: Fields, ports: tuple[EndpointPort, ...], at: Place) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        if port.name in seen:
            fields.refuse(
                (at, index), f'has the name "{shorten(port.name)}" again', "a name no other port has"
            )
        seen.add(port.name)


def _usual_endpoint(obj: Any, address_type: str) -> Endpoint | None:
    """Return the endpoint nearly all are like, in half the time; None where to look closer.

    It has one ordinary IPv4 address, all three conditions, a node, and nothing else natc reads.
    """
    try:
        addresses, conditions, node_name = obj["addresses"], obj["conditions"], obj["nodeName"]
        ready, serving, terminating = conditions["ready"], conditions["serving"], conditions["terminating"]
        if (
            address_type == "IPv4"
            and ready.__class__ is serving.__class__ is terminating.__class__ is bool
            and addresses.__class__ is list
            and len(addresses) == 1
            and is_ordinary_v4(addresses[0])
            and node_name.__class__ is str
            and _RARER_FIELDS.isdisjoint(obj)
        ):
            return Endpoint((addresses[0],), ready, serving, terminating, node_name)
    except (KeyError, TypeError):
        pass
    return None


def _endpoint(fields: Fields, obj: Any, at: Place, address_type: str) -> Endpoint:
    if obj.__class__ is not dict:
        if obj is not None:
            fields.refuse(at, f"is {describe(obj)}", "an object")
            return Endpoint(())
        obj = {}
    addresses = _addresses(fields, obj, at, address_type)
    conditions = fields.mapping(obj, "conditions", at)
    ready = serving = terminating = None
    if conditions:
        inside = (at, "conditions")
        ready = fields.boolean(conditions, "ready", inside)
        serving = fields.boolean(conditions, "serving", inside)
        terminating = fields.boolean(conditions, "terminating", inside)
    zones, nodes = _hints(fields, obj, at)
    topology = "topology" if "topology" in obj else "deprecatedTopology"
    return Endpoint(
        addresses,
        ready,
        serving,
        terminating,
        fields.text(obj, "nodeName", at),
        fields.text(obj, "hostname", at),
        zones,
        nodes,
        fields.text_map(obj, topology, at),
    )


def _addresses(fields: Fields, obj: Object, at: Place, address_type: str) -> tuple[str, ...]:
    addresses = fields.texts(obj, "addresses", at)
    if not 1 <= len(addresses) <= _MOST_ADDRESSES:
        fields.refuse(at, f"has {len(addresses)} addresses", f"1 to {_MOST_ADDRESSES} addresses")
    for index, address in enumerate(addresses):
        place = ((at, "addresses"), index)
        if address_type == "FQDN":
            if not DNS_SUBDOMAIN.allows(address.removesuffix(".")):
                fields.refuse(place, f'is "{shorten(address)}"', "a lower-case DNS name")
        elif address_type in ("IPv4", "IPv6"):
            family = check_ordinary_address(fields, address, place)
            if family and f"IPv{family}" != address_type:
                fields.refuse(
                    place,
                    f"is {address}, an IPv{family} address",
                    f"an {address_type} address, as addressType says",
                )
    return addresses


def _hints(fields: Fields, obj: Object, at: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names in hints.forZones and hints.forNodes."""
    hints, inside = fields.mapping(obj, "hints", at), (at, "hints")
    if not hints:
        return (), ()
    zones = tuple(
        fields.text(zone, "name", place) for place, zone in fields.mappings(hints, "forZones", inside)
    )
    nodes = tuple(
        fields.text(node, "name", place) for place, node in fields.mappings(hints, "forNodes", inside)
    )
    return zones, nodes


def read_endpoints(fields: Fields, obj: Object, place: Place) -> Endpoints:
    """Return the Endpoints ``obj`` describes; what is wrong with it goes into ``fields``."""
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    labels = fields.text_map(meta, "labels", meta_place)
    return Endpoints(
        namespace=read_namespace(fields, meta, meta_place),
        name=read_name(fields, meta, meta_place, DNS_SUBDOMAIN),
        subsets=tuple([_subset(fields, subset, at) for at, subset in fields.mappings(obj, "subsets", place)]),
        hiding_labels=hiding_labels(labels),
        mirrored=labels.get(SKIP_MIRROR_LABEL) != "true",
    )


def _subset(fields: Fields, obj: Object, at: Place) -> EndpointSubset:
    ready = tuple(
        [_address(fields, address, place) for place, address in fields.mappings(obj, "addresses", at)]
    )
    unready = tuple(
        [_address(fields, address, place) for place, address in fields.mappings(obj, "notReadyAddresses", at)]
    )
    if not ready and not unready:
        fields.refuse(at, "has neither addresses nor notReadyAddresses", "at least one address")
    return EndpointSubset(ready, unready, _subset_ports(fields, obj, at))


def _address(fields: Fields, obj: Object, at: Place) -> Endpoint:
    ip = fields.text(obj, "ip", at)
    if "ip" not in obj:
        fields.refuse(at, "has no ip", "ip: ADDRESS")
    else:
        check_ordinary_address(fields, ip, (at, "ip"))
    return Endpoint(
        (ip,), node_name=fields.text(obj, "nodeName", at), hostname=fields.text(obj, "hostname", at)
    )


def _subset_ports(fields: Fields, obj: Object, at: Place) -> tuple[EndpointPort, ...]:
    found = fields.mappings(obj, "ports", at)
    ports = tuple([_port(fields, port, place) for place, port in found])
    for (place, _), port in zip(found, ports, strict=True):
        if not port.port:
            fields.refuse(place, "has no port", "a port number from 1 to 65535")
        if len(ports) > 1 and not port.name:
            fields.refuse(place, "has no name, which every port of several needs", "name: NAME")
    return ports
