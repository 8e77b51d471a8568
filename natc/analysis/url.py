"""A URL to the address its request is sent to, by way of an Ingress and a Service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from natc.analysis.destination import Said, joined, others_of, sender
from natc.analysis.ingress import Request, Route, host_matches, route
from natc.analysis.resolve import Asker, Names
from natc.errors import ManifestError, Span, UsageError
from natc.kube.addresses import family_of
from natc.kube.fields import shorten
from natc.kube.ingress import CLASS_ANNOTATION, Ingress
from natc.kube.model import Service, ServicePort

#: What annotations of this name decide, whatever stands before the slash (ingress-nginx, nginx, traefik,
#: haproxy and cloud controllers share many of them).
_DECIDES = {
    "canary": "whether another Ingress takes a part of the requests",
    "ssl-redirect": "whether http is redirected to https",
    "force-ssl-redirect": "whether http is redirected to https",
    "rewrite-target": "the path that the Service sees",
    "app-root": "a redirect of /",
    "use-regex": "whether paths are regular expressions",
    "permanent-redirect": "a redirect instead of an answer",
    "temporal-redirect": "a redirect instead of an answer",
    "default-backend": "the Service for errors",
    "server-alias": "more hosts",
    "whitelist-source-range": "which clients are let in",
    "denylist-source-range": "which clients are kept out",
    "auth-url": "whether the request is let in",
    "configuration-snippet": "anything",
    "server-snippet": "anything",
}
_CLUSTER_IP = "service-upstream"
#: Annotations that say nothing of where requests go.
_HARMLESS = (
    "kubectl.kubernetes.io/", "meta.helm.sh/", "helm.sh/", "cert-manager.io/", "acme.cert-manager.io/",
    "external-dns.alpha.kubernetes.io/", "argocd.argoproj.io/", "app.kubernetes.io/", "field.cattle.io/",
)  # fmt: skip
#: How many endpoints are listed.
_SHOWN = 8


def request_of(url: str) -> Request:
    """Read a URL. Raises :class:`UsageError` for what is no http or https URL with a host."""
    span = Span("--url", 1, 1, url, len(url))
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as problem:
        raise UsageError(f"is no URL: {problem}", span, "http://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("is no http or https URL with a host", span, "http://HOST/PATH")
    return Request(host.lower().removesuffix("."), parts.path or "/", parts.scheme == "https")


def destination_of_url(
    names: Names, asker: Asker | None, url: str, family: int, ingress_class: str | None = None
) -> Said:
    """Return where a controller sends the request for ``url``; ``family`` is 4 or 6, the dump's.

    ``asker`` is the Pod that sends it on, where it is known. Raises :class:`~natc.errors.NatcError` when no
    Ingress takes the request, or its backend is not a Service that is given.
    """
    request = request_of(url)
    ingresses = tuple(
        each for each in names.dns.cluster.ingresses if ingress_class in (None, each.class_name)
    )
    chosen = route([each for each in ingresses if _says(each, "canary") != "true"], request)
    if chosen is None:
        raise _not_routed(url, ingresses)
    service, port = _service_port(names, chosen)
    first, asides = _target(names, chosen, service, port, family)
    source, facts, questions = sender(asker, family)
    title = f"Service {service.namespace}/{service.name}:{port.port}"
    taken = (f"{url} is taken by {chosen}", f"its backend {title} is {first}")
    return Said(
        first,
        source,
        (*taken, *_tls(chosen.ingress, request), *facts),
        (*chosen.questions, *asides, *_undecided(chosen, ingresses, request), *questions),
        route=chosen,
    )


def _not_routed(url: str, ingresses: Sequence[Ingress]) -> UsageError:
    hosts = sorted({rule.host or "*" for each in ingresses for rule in each.rules})
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    known = f"their hosts are {', '.join(hosts[:_SHOWN])}{more}" if hosts else "they have no rules"
    reason = f"none of {len(ingresses)} Ingresses takes it; {known}" if ingresses else "no Ingress is given"
    return UsageError(f"leads nowhere: {reason}", Span("--url", 1, 1, url, len(url)))


def _service_port(names: Names, chosen: Route) -> tuple[Service, ServicePort]:
    """Return the port of a Service that a backend means."""
    ingress, backend = chosen.ingress, chosen.backend
    if backend.resource:
        raise _wrong(chosen, f"is {backend.resource}, no Service: only the controller knows what it is")
    title = f"Service {ingress.namespace}/{backend.service}"
    service = names.dns.services.get((ingress.namespace, backend.service))
    if service is None:
        raise _wrong(chosen, f"is {title}, which is not given")
    if service.type == "ExternalName":
        raise _wrong(chosen, f"is of type ExternalName: it leads to {service.external_name}, outside")
    for port in service.ports:
        if backend.port in (port.port, port.name):
            return service, port
    listed = ", ".join(f"{port.port} {port.name}".strip() for port in service.ports) or "none"
    raise _wrong(chosen, f"is port {backend.port} of {title}, which has {listed}")


def _wrong(chosen: Route, problem: str) -> ManifestError:
    ingress = chosen.ingress
    message = f"Ingress {ingress.namespace}/{ingress.name}: the backend {problem}"
    return ManifestError(message, ingress.span(chosen.backend.place))


def _target(
    names: Names, chosen: Route, service: Service, port: ServicePort, family: int
) -> tuple[str, tuple[str, ...]]:
    """Return the address that is traced, and what is open about it."""
    endpoints = [
        joined(each.ip, str(number))
        for each in names.dns.ready(service)
        for name, protocol, number in each.ports
        if name == port.name and protocol == port.protocol and family_of(each.ip) == family
    ]
    if service.cluster_ip == "None":
        if not endpoints:
            raise _wrong(chosen, f"has no IPv{family} address, and the dump is of IPv{family}")
        return endpoints[0], (others_of(endpoints[0], endpoints[1:]),) if endpoints[1:] else ()
    address = next((ip for ip in service.cluster_ips if family_of(ip) == family), None)
    if address is None:
        raise _wrong(chosen, f"has no IPv{family} address, and the dump is of IPv{family}")
    if _says(chosen.ingress, _CLUSTER_IP) == "true":
        return joined(address, str(port.port)), ()
    listed = ", ".join(endpoints[:_SHOWN]) or "there are none, so it answers 503"
    more = f" and {len(endpoints) - _SHOWN:,} more" if len(endpoints) > _SHOWN else ""
    question = f"most controllers balance over the endpoints themselves, past the cluster IP: {listed}{more}"
    return joined(address, str(port.port)), (question,)


def _tls(ingress: Ingress, request: Request) -> Iterator[str]:
    for entry in ingress.tls:
        hosts = [host for host in entry.hosts if host_matches(host, request.host)]
        if hosts or not entry.hosts:
            secret = f"Secret {ingress.namespace}/{entry.secret}" if entry.secret else "the controller's own"
            yield f"TLS: the certificate for {', '.join(hosts) or 'every host'} is {secret}"


def _undecided(chosen: Route, ingresses: Sequence[Ingress], request: Request) -> Iterator[str]:
    """Yield what annotations, TLS and other classes leave to the controller."""
    ingress = chosen.ingress
    tls = any(_tls(ingress, request))
    if tls and not request.secure and _says(ingress, "ssl-redirect") is None:
        yield "the host has TLS: many controllers redirect http to https"
    if request.secure and not tls:
        yield "the host has no TLS entry: which certificate is shown, if any, is the controller's affair"
    classes = sorted({each.class_name for each in ingresses if each.class_name})
    if len(classes) > 1:
        yield f"Ingresses of several classes are given ({', '.join(classes)}): --ingress-class chooses one"
    for key, value in ingress.annotations.items():
        name = key.rpartition("/")[2]
        if name != _CLUSTER_IP and key != CLASS_ANNOTATION and not key.startswith(_HARMLESS):
            what = _DECIDES.get(name) or ("how canaries are chosen" if "canary" in name else "something")
            yield f"annotation {key}: {shorten(value)} decides {what}"
    canaries = [each for each in ingresses if each is not ingress and _says(each, "canary") == "true"]
    for canary in canaries:
        if any(host_matches(rule.host, request.host) for rule in canary.rules):
            yield f"Ingress {canary.namespace}/{canary.name} is a canary and takes a part of the requests"


def _says(ingress: Ingress, name: str) -> str | None:
    """Return what an annotation says, whatever controller's prefix it has."""
    return next((value for key, value in ingress.annotations.items() if key.endswith(f"/{name}")), None)
