"""What no two objects of a cluster can share: a name, a cluster IP, a node port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from natc.errors import ManifestError, Span
from natc.kube.addresses import canonical
from natc.kube.documents import Document
from natc.kube.fields import Place
from natc.kube.model import Service
from natc.values import frozen

Origin = tuple[Document, Place]
"""Where an object was written."""


@frozen
class _Conflict:
    """Two places that claim the same thing."""

    first: Origin
    second: Origin
    what: str
    """A sentence that goes on with the first place."""
    expected: str


def conflicts(
    found: Mapping[str, Sequence[Any]], origins: Mapping[str, Sequence[Origin]]
) -> list[ManifestError]:
    """Return an error for each thing that is claimed twice, pointing at the second claim."""
    clashes = [clash for kind in found for clash in _same_names(kind, found[kind], origins[kind])]
    doubled = {id(clash.second) for clash in clashes}
    services = [
        (service, origin)
        for service, origin in zip(found["Service"], origins["Service"], strict=True)
        if id(origin) not in doubled  # its addresses and ports are the same again, which is no news
    ]
    clashes += _same_addresses(services)
    clashes += _same_node_ports(services)
    return _located(clashes)


def _same_names(kind: str, objects: Sequence[Any], origins: Sequence[Origin]) -> Iterator[_Conflict]:
    seen: dict[tuple[str, str], Origin] = {}
    for obj, origin in zip(objects, origins, strict=True):
        if not obj.name:  # refused already
            continue
        namespace = "" if kind == "Node" else obj.namespace
        first = seen.setdefault((namespace, obj.name), origin)
        if first is not origin:
            name = f"{namespace}/{obj.name}".lstrip("/")
            yield _Conflict(first, origin, f"{kind} {name} is given twice, first at", "each object once")


def _same_addresses(services: list[tuple[Service, Origin]]) -> Iterator[_Conflict]:
    seen: dict[str, tuple[Service, Origin]] = {}
    for service, origin in services:
        for ip in service.cluster_ips:
            if ip == "None":
                continue
            other, first = seen.setdefault(canonical(ip), (service, origin))
            if other is not service:
                where = ((first[1], "spec"), "clusterIP")
                what = f"{_title(service)}: clusterIP {ip} belongs to {_title(other)} at"
                place = ((origin[1], "spec"), "clusterIP")
                yield _Conflict((first[0], where), (origin[0], place), what, "a free address")


def _same_node_ports(services: list[tuple[Service, Origin]]) -> Iterator[_Conflict]:
    """Yield node ports that two services claim for the same protocol; health checks are TCP."""
    seen: dict[tuple[str, int], tuple[Service, Origin]] = {}
    for service, (document, root) in services:
        spec = (root, "spec")
        claims: list[tuple[str, int, Place]] = [
            (port.protocol, port.node_port, (((spec, "ports"), index), "nodePort"))
            for index, port in enumerate(service.ports)
            if port.node_port
        ]
        if service.health_check_node_port:
            claims.append(("TCP", service.health_check_node_port, (spec, "healthCheckNodePort")))
        for protocol, number, place in claims:
            origin = (document, place)
            other, first = seen.setdefault((protocol, number), (service, origin))
            if other is not service:
                port = f"node port {number}/{protocol}"
                what = f"{_title(service)}: {port} belongs to {_title(other)} at"
                yield _Conflict(first, origin, what, "a free node port")


def _title(service: Service) -> str:
    return f"Service {service.namespace}/{service.name}"


def _located(clashes: list[_Conflict]) -> list[ManifestError]:
    """Return conflicts as errors, looking into each document once."""
    documents: dict[int, tuple[Document, list[Place]]] = {}
    for clash in clashes:
        for document, place in (clash.first, clash.second):
            documents.setdefault(id(document), (document, []))[1].append(place)
    spans: dict[tuple[int, Place], Span] = {}
    for key, (document, places) in documents.items():
        spans.update({(key, place): span for place, span in document.spans(places).items()})

    def span(origin: Origin) -> Span:
        return spans[id(origin[0]), origin[1]]

    return [
        ManifestError(f"{clash.what} {span(clash.first)}", span(clash.second), clash.expected)
        for clash in clashes
    ]
