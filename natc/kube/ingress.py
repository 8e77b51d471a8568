"""Ingress objects: hosts and paths to the services behind them.

Read in networking.k8s.io/v1 and in the older shape of networking.k8s.io/v1beta1 and
extensions/v1beta1 (``serviceName`` and ``servicePort``, ``spec.backend``, no pathType), with the
refusals of the API server (k8s.io/kubernetes, pkg/apis/networking/validation). An older path without
a pathType is ImplementationSpecific, as the API server's default has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from natc.kube.fields import Fields, Object, Place, shorten
from natc.kube.names import CONTAINER_PORT_NAME, DNS_SUBDOMAIN, SERVICE_NAME
from natc.kube.objects import check_port, check_word, read_name, read_namespace
from natc.values import field, frozen

if TYPE_CHECKING:
    from natc.errors import Span
    from natc.kube.documents import Document

EXACT, PREFIX, ANY = "Exact", "Prefix", "ImplementationSpecific"
#: The annotation that named the class before there was spec.ingressClassName.
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_FORBIDDEN = ("//", "/./", "/../", "%2f", "%2F")
_FORBIDDEN_ENDS = ("/..", "/.")


@frozen
class Backend:
    """Where a path leads: a port of a Service in the Ingress's namespace, or another resource."""

    service: str = ""
    port: int | str = 0
    """A number or a port's name."""
    resource: str = ""
    """KIND/NAME of a resource backend; empty for a Service."""
    place: Place = field(default=None, eq=False, repr=False)

    def __str__(self) -> str:
        return self.resource or f"Service {self.service}:{self.port}"


@frozen
class IngressPath:
    """One entry of ``http.paths``."""

    path: str
    type: str
    backend: Backend


@frozen
class IngressRule:
    """One entry of ``spec.rules``; without paths all of the host's traffic goes to the default backend."""

    host: str = ""
    paths: tuple[IngressPath, ...] = ()


@frozen
class IngressTls:
    """One entry of ``spec.tls``."""

    hosts: tuple[str, ...] = ()
    secret: str = ""


@frozen
class Ingress:
    """An Ingress, of whichever version."""

    namespace: str
    name: str
    rules: tuple[IngressRule, ...] = ()
    default_backend: Backend | None = None
    tls: tuple[IngressTls, ...] = ()
    class_name: str = ""
    """spec.ingressClassName, or the annotation before it."""
    annotations: Mapping[str, str] = field(default=_NOTHING)
    document: Document | None = field(default=None, eq=False, repr=False)
    """Where it was read."""

    def span(self, place: Place) -> Span | None:
        """Return where a place of it is written; None when it was not read from a text."""
        return self.document.spans([place])[place] if self.document else None


def read_ingress(fields: Fields, obj: Object, place: Place) -> Ingress:
    """Return the Ingress ``obj`` of networking.k8s.io/v1; what is wrong with it goes into ``fields``."""
    return _read(fields, obj, place, "defaultBackend", _path, _backend)


def read_old_ingress(fields: Fields, obj: Object, place: Place) -> Ingress:
    """Return the Ingress ``obj`` of a v1beta1 version; what is wrong with it goes into ``fields``."""
    return _read(fields, obj, place, "backend", _old_path, _old_backend)


#: The readers by kind and apiVersion, for :func:`natc.kube.manifests.load_paths`.
READERS = {
    ("Ingress", "networking.k8s.io/v1"): read_ingress,
    ("Ingress", "networking.k8s.io/v1beta1"): read_old_ingress,
    ("Ingress", "extensions/v1beta1"): read_old_ingress,
}

_PathReader = Callable[[Fields, Object, Place], IngressPath]
_BackendReader = Callable[[Fields, Object, Place], Backend]


def _read(
    fields: Fields, obj: Object, place: Place, default: str, path: _PathReader, backend: _BackendReader
) -> Ingress:
    meta, meta_place = fields.mapping(obj, "metadata", place), (place, "metadata")
    spec, at = fields.mapping(obj, "spec", place), (place, "spec")
    annotations = fields.text_map(meta, "annotations", meta_place)
    rules = tuple([_rule(fields, rule, where, path) for where, rule in fields.mappings(spec, "rules", at)])
    given = fields.mapping(spec, default, at)
    if not rules and not given:
        fields.refuse(at, f"has neither {default} nor rules", "at least one of them")
    return Ingress(
        namespace=read_namespace(fields, meta, meta_place),
        name=read_name(fields, meta, meta_place, DNS_SUBDOMAIN),
        rules=rules,
        default_backend=backend(fields, given, (at, default)) if given else None,
        tls=tuple([_tls(fields, tls, where) for where, tls in fields.mappings(spec, "tls", at)]),
        class_name=fields.text(spec, "ingressClassName", at) or annotations.get(CLASS_ANNOTATION, ""),
        annotations=annotations,
    )


def _rule(fields: Fields, obj: Object, at: Place, path: _PathReader) -> IngressRule:
    host = fields.text(obj, "host", at)
    if host:
        _check_host(fields, host, (at, "host"))
    http, inside = fields.mapping(obj, "http", at), (at, "http")
    paths = tuple([path(fields, each, where) for where, each in fields.mappings(http, "paths", inside)])
    if obj.get("http") is not None and not paths:
        fields.refuse(inside, "has no paths", "at least one path")
    return IngressRule(host, paths)


def _check_host(fields: Fields, host: str, at: Place) -> None:
    """Refuse what is neither a DNS name nor one with ``*.`` before it; an address is none either."""
    name = host.removeprefix("*.")
    if not DNS_SUBDOMAIN.allows(name) or name.rpartition(".")[2].isdigit():
        fields.refuse(at, f'is "{shorten(host)}"', "a lower-case DNS name, *. may stand before it")


def _tls(fields: Fields, obj: Object, at: Place) -> IngressTls:
    hosts = fields.texts(obj, "hosts", at)
    for index, host in enumerate(hosts):
        _check_host(fields, host, ((at, "hosts"), index))
    return IngressTls(hosts, fields.text(obj, "secretName", at))


def _path(fields: Fields, obj: Object, at: Place) -> IngressPath:
    kind = fields.text(obj, "pathType", at)
    if not kind:
        fields.refuse(at, "has no pathType", f"pathType: {EXACT}, {PREFIX} or {ANY}")
    else:
        check_word(fields, kind, (EXACT, PREFIX, ANY), (at, "pathType"))
    return _checked_path(fields, obj, at, kind, _backend)


def _old_path(fields: Fields, obj: Object, at: Place) -> IngressPath:
    kind = fields.text(obj, "pathType", at, ANY) or ANY
    check_word(fields, kind, (EXACT, PREFIX, ANY), (at, "pathType"))
    return _checked_path(fields, obj, at, kind, _old_backend)


def _checked_path(fields: Fields, obj: Object, at: Place, kind: str, backend: _BackendReader) -> IngressPath:
    path, where = fields.text(obj, "path", at), (at, "path")
    if (path or kind != ANY) and not path.startswith("/"):
        fields.refuse(where if path else at, f'has the path "{shorten(path)}"', "a path that begins with /")
    elif kind != ANY:
        wrong = [part for part in _FORBIDDEN if part in path]
        wrong += [end for end in _FORBIDDEN_ENDS if path.endswith(end)]
        if wrong:
            fields.refuse(where, f'is "{shorten(path)}"', f"a path without {wrong[0]}")
    given = fields.mapping(obj, "backend", at)
    if not given:
        fields.refuse(at, "has no backend", "a Service and its port, or a resource")
    return IngressPath(path, kind, backend(fields, given, (at, "backend")) if given else Backend())


def _backend(fields: Fields, obj: Object, at: Place) -> Backend:
    """Return a backend of v1: a service with a port by name or number, or a resource."""
    service, resource = fields.mapping(obj, "service", at), _resource(fields, obj, at)
    if bool(service) == bool(resource):
        which = "both a service and" if service else "neither a service nor"
        fields.refuse(at, f"names {which} a resource", "one of them")
    if resource or not service:
        return Backend(resource=resource, place=at)
    inside = (at, "service")
    name = _service_name(fields, service, "name", inside)
    port, where = fields.mapping(service, "port", inside), (inside, "port")
    number, called = fields.integer(port, "number", where), fields.text(port, "name", where)
    if bool(number) == bool(called):
        problem = "has both name and number" if number else "has neither name nor number"
        fields.refuse(where if port else inside, problem, "port: {name: NAME} or {number: NUMBER}")
    if number:
        check_port(fields, number, (where, "number"))
    elif called:
        _check_port_name(fields, called, (where, "name"))
    return Backend(name, number or called, place=at)


def _old_backend(fields: Fields, obj: Object, at: Place) -> Backend:
    """Return a backend of v1beta1: serviceName and servicePort, which is a name or a number."""
    resource = _resource(fields, obj, at)
    if resource:
        return Backend(resource=resource, place=at)
    name = _service_name(fields, obj, "serviceName", at)
    port = obj.get("servicePort")
    if isinstance(port, str):
        _check_port_name(fields, port, (at, "servicePort"))
        return Backend(name, port, place=at)
    number = fields.integer(obj, "servicePort", at)
    if number or port is not None:
        check_port(fields, number, (at, "servicePort"))
    else:
        fields.refuse(at, "has no servicePort", "a port's name or number")
    return Backend(name, number, place=at)


def _resource(fields: Fields, obj: Object, at: Place) -> str:
    resource, inside = fields.mapping(obj, "resource", at), (at, "resource")
    if not resource:
        return ""
    return f"{fields.text(resource, 'kind', inside)}/{fields.text(resource, 'name', inside)}"


def _service_name(fields: Fields, obj: Object, key: str, at: Place) -> str:
    name = fields.text(obj, key, at)
    if not SERVICE_NAME.allows(name):
        where = (at, key) if name else at
        fields.refuse(where, f'has the {key} "{shorten(name)}"', SERVICE_NAME.words)
    return name


def _check_port_name(fields: Fields, name: str, at: Place) -> None:
    if not CONTAINER_PORT_NAME.allows(name):
        fields.refuse(at, f'is "{shorten(name)}"', CONTAINER_PORT_NAME.words)
