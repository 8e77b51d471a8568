"""Decoded ports of Services to :class:`natc.kube.model.ServicePort`, as the API server takes them."""

from __future__ import annotations

from natc.kube.fields import Fields, Object, Place, shorten
from natc.kube.model import ServicePort
from natc.kube.names import CONTAINER_PORT_NAME, DNS_LABEL
from natc.kube.objects import PROTOCOLS, check_port, check_word, read_port


def read_ports(fields: Fields, spec: Object, at: Place, kind: str, headless: bool) -> tuple[ServicePort, ...]:
    """Return the ports of a spec; ``kind`` is the Service's type."""
    found = fields.mappings(spec, "ports", at)
    if "ports" not in spec and not headless and kind != "ExternalName":
        fields.refuse(at, "has no ports", "at least one port")
    ports = tuple([_port(fields, port, place, kind) for place, port in found])
    if len(ports) > 1:
        _check_several_ports(fields, ports, at)
    return ports


def _port(fields: Fields, obj: Object, at: Place, kind: str) -> ServicePort:
    port = read_port(fields, obj, "port", at)
    protocol = fields.text(obj, "protocol", at, "TCP") or "TCP"
    if protocol not in PROTOCOLS:
        check_word(fields, protocol, PROTOCOLS, (at, "protocol"))
    name = fields.text(obj, "name", at)
    if name and not DNS_LABEL.allows(name):
        fields.refuse((at, "name"), f'is "{shorten(name)}"', DNS_LABEL.words)
    return ServicePort(port, name, protocol, _node_port(fields, obj, at, kind), _target_port(fields, obj, at))


def _node_port(fields: Fields, obj: Object, at: Place, kind: str) -> int:
    node_port = fields.integer(obj, "nodePort", at)
    if node_port:
        check_port(fields, node_port, (at, "nodePort"))
        if kind == "ClusterIP":
            fields.refuse(
                (at, "nodePort"), "is set, but the type is ClusterIP", "type NodePort or LoadBalancer"
            )
    elif kind == "NodePort":
        fields.refuse(
            at, "has no nodePort; a cluster would pick a free one, natc needs it given", "nodePort: NUMBER"
        )
    return node_port


def _target_port(fields: Fields, obj: Object, at: Place) -> int | str | None:
    """Return spec.ports[].targetPort; 0, "" and an absent one mean the same as port."""
    target = obj.get("targetPort")
    if target.__class__ is not str:
        number = fields.integer(obj, "targetPort", at)
        if number:
            check_port(fields, number, (at, "targetPort"))
        return number or None
    if target and not CONTAINER_PORT_NAME.allows(target):
        fields.refuse((at, "targetPort"), f'is "{shorten(target)}"', CONTAINER_PORT_NAME.words)
    return target or None


def _check_several_ports(fields: Fields, ports: tuple[ServicePort, ...], at: Place) -> None:
    """Refuse repeated ports (ValidateService in the API server).

    The API server also wants a name for each of several ports. kube-proxy does not, and its recorded
    inputs have one without, so only a second nameless port is refused here.
    """
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        place = ((at, "ports"), index)
        if port.name in names:
            where = (place, "name") if port.name else place
            message = f'is "{shorten(port.name)}" again' if port.name else "is a second port without a name"
            fields.refuse(where, message, "a name no other port has")
        if (port.protocol, port.port) in numbers:
            fields.refuse(
                (place, "port"),
                f"is {port.port}/{port.protocol} again",
                "a port and protocol no other port has",
            )
        if (port.protocol, port.node_port) in node_ports:
            fields.refuse(
                (place, "nodePort"), f"is {port.node_port}/{port.protocol} again", "a free node port"
            )
        names.add(port.name)
        numbers.add((port.protocol, port.port))
        if port.node_port:
            node_ports.add((port.protocol, port.node_port))
