"""Manifests to a :class:`natc.kube.model.Cluster`: the one way Kubernetes objects come into natc.

Reads YAML streams, JSON, kind List and the typed lists (ServiceList, ...), as ``kubectl get -o json``
and ``-o yaml`` write them. What an API server would refuse is refused, everything wrong in one run,
each with its place; nothing is read from a cluster and nothing is made up. Unknown fields are passed
over, unknown kinds are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from natc.collector import collector_paused
from natc.errors import ErrorList, ManifestError, NatcError, Span
from natc.kube.documents import Document, read_documents
from natc.kube.fields import Fields, Object, Place, Problem, causes, describe, dotted, keys_of, shorten
from natc.kube.model import Cluster, EndpointSlice, Service, several
from natc.kube.services import read_service
from natc.kube.slices import read_endpoints, read_slice
from natc.kube.sources import Source, read_path, text_of
from natc.kube.uniqueness import Origin, conflicts
from natc.kube.workloads import read_node, read_pod
from natc.values import define, evolve, field

_Reader = Callable[[Fields, Object, Place], Any]

#: What natc reads for rules: (kind, apiVersion) -> reader.
_READERS: dict[tuple[str, str], _Reader] = {
    ("Service", "v1"): read_service,
    ("EndpointSlice", "discovery.k8s.io/v1"): read_slice,
    ("EndpointSlice", "discovery.k8s.io/v1beta1"): read_slice,
    ("EndpointSlice", "discovery.k8s.io/v1alpha1"): read_slice,
    ("Endpoints", "v1"): read_endpoints,
    ("Pod", "v1"): read_pod,
    ("Node", "v1"): read_node,
}
#: The kind of objects that may be read as their text is (:mod:`natc.kube.holes`).
_READ: dict[type, str] = {Service: "Service", EndpointSlice: "EndpointSlice"}
_NO_MORE: Mapping[tuple[str, str], _Reader] = {}
#: Deepest list in a list that is read; kubectl writes one.
_DEEPEST_LIST = 20


def load_paths(paths: Iterable[str | Path], also: Mapping[tuple[str, str], _Reader] = _NO_MORE) -> Cluster:
    """Return the cluster that files describe; ``-`` is standard input, gzip is unpacked.

    ``also`` are readers of kinds that rules do not depend on (:data:`natc.kube.ingress.READERS`); without
    them such objects are counted and passed over, right or wrong. Raises
    :class:`natc.errors.NatcError`: one error, or an ErrorList of all there are.
    """
    loader = _Loader({**_READERS, **also})
    with collector_paused():
        for path in paths:
            try:
                source = read_path(path)
            except ManifestError as error:
                loader.errors.append(error)
            else:
                loader.read(source)
        return loader.cluster()


def load(sources: Iterable[Source], also: Mapping[tuple[str, str], _Reader] = _NO_MORE) -> Cluster:
    """Return the cluster that manifest texts describe; ``also`` is as for :func:`load_paths`.

    Raises :class:`natc.errors.NatcError`: one error, or an ErrorList of all there are.
    """
    loader = _Loader({**_READERS, **also})
    with collector_paused():
        for source in sources:
            loader.read(source)
        return loader.cluster()


@define
class _Loader:
    """Objects and errors as they are found, in the order of the texts."""

    readers: Mapping[tuple[str, str], _Reader]
    errors: list[NatcError] = field(factory=list)
    found: dict[str, list[Any]] = field(init=False)
    origins: dict[str, list[Origin]] = field(init=False)
    skipped: Counter[str] = field(factory=Counter)
    notes: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.found = {kind: [] for kind, _ in self.readers}
        self.origins = {kind: [] for kind in self.found}

    def read(self, source: Source) -> None:
        """Read every object of one text."""
        try:
            content = text_of(source)
        except NatcError as error:
            self.errors.append(error)
            return
        before = self._count()
        for document, value in read_documents(source.name, content, self.errors, self.readers):
            fields = Fields()
            self._read_value(fields, document, value, None, "", "")
            if fields.problems:
                self.errors += _located(document, value, fields.problems)
        if self._count() == before:
            self.notes.append(f"{source.name} holds no Kubernetes objects.")

    def _count(self) -> int:
        return sum(map(len, self.found.values())) + self.skipped.total() + len(self.errors)

    def _read_value(
        self, fields: Fields, document: Document, obj: Any, place: Place, kind: str, version: str
    ) -> None:
        """Read an object, or every object of a list; ``kind`` and ``version`` are what its list says.

        An object whose shape was known has been read already.
        """
        known = _READ.get(obj.__class__)
        if known:
            self.found[known].append(obj)
            self.origins[known].append((document, place))
            return
        if obj.__class__ is not dict:
            fields.refuse(place, f"is {describe(obj)}", "a Kubernetes object")
            return
        kind = fields.text(obj, "kind", place) or kind
        version = fields.text(obj, "apiVersion", place) or version
        if not kind.endswith("List") or "items" not in obj:
            self._read_object(fields, document, obj, place, kind, version)
            return
        if len(keys_of(place)) > 2 * _DEEPEST_LIST:
            fields.refuse(place, "stands in too many lists", f"at most {_DEEPEST_LIST}")
            return
        kind = kind.removesuffix("List")
        inside = (place, "items")
        for index, item in enumerate(fields.sequence(obj, "items", place)):
            known = _READ.get(item.__class__)
            if known:  # nearly all, in a large list
                self.found[known].append(item)
                self.origins[known].append((document, (inside, index)))
            else:
                self._read_value(fields, document, item, (inside, index), kind, version if kind else "")

    def _read_object(
        self, fields: Fields, document: Document, obj: Object, place: Place, kind: str, version: str
    ) -> None:
        if not kind or not version:
            missing = "apiVersion" if kind else "kind"
            if not obj.get(missing):  # else its type has been refused
                fields.refuse(place, f"has no {missing}", "apiVersion and kind")
            return
        reader = self.readers.get((kind, version))
        if reader is None:
            self._pass_over(fields, obj, place, kind, version)
            return
        self.found[kind].append(reader(fields, obj, place))
        self.origins[kind].append((document, place))

    def _pass_over(self, fields: Fields, obj: Object, place: Place, kind: str, version: str) -> None:
        """Count an object of another kind; refuse one whose group has this kind in other versions."""
        group = version.rpartition("/")[0]
        known = [each for name, each in self.readers if name == kind and each.rpartition("/")[0] == group]
        if not known:
            self.skipped[kind] += 1
            return
        at = (place, "apiVersion") if "apiVersion" in obj else place
        fields.refuse(at, f"is {shorten(version)}, which has no {kind}", " or ".join(known))

    def cluster(self) -> Cluster:
        """Return what was read. Raises what was wrong with it."""
        self.errors += conflicts(self.found, self.origins)
        if self.errors:
            raise ErrorList.of(self.errors)
        services = tuple(self.found["Service"])
        return Cluster(
            services=services,
            endpoint_slices=tuple(self.found["EndpointSlice"]),
            endpoints=tuple(self.found["Endpoints"]),
            pods=tuple(self.found["Pod"]),
            nodes=tuple(self.found["Node"]),
            ingresses=tuple(
                evolve(each, document=document)
                for each, (document, _) in zip(
                    self.found.get("Ingress", ()), self.origins.get("Ingress", ()), strict=True
                )
            ),
            skipped=dict(self.skipped),
            notes=(*self.notes, *_left_out(services)),
        )


def _lacks_ports(service: Service) -> bool:
    return not service.ports and service.cluster_ip not in ("", "None")


def _lacks_health_check(service: Service) -> bool:
    is_local = service.external_traffic_policy == "Local"
    return service.type == "LoadBalancer" and is_local and not service.health_check_node_port


def _lacks_node_port(service: Service) -> bool:
    return service.type == "LoadBalancer" and not all(port.node_port for port in service.ports)


#: What rules can do without, though a cluster would have picked it or refused the service.
_LEFT_OUT = (
    (_lacks_ports, "an empty list of ports, which no cluster accepts, and so no rules"),
    (_lacks_health_check, "no healthCheckNodePort; a cluster would pick one and have a rule for it"),
    (_lacks_node_port, "a port without nodePort, so without rules for one"),
)


def _left_out(services: tuple[Service, ...]) -> Iterator[str]:
    """Yield a sentence for each thing that is left out, naming one service."""
    for lacks, words in _LEFT_OUT:
        lacking = [service for service in services if lacks(service)]
        if lacking:
            yield f"{several(lacking)} {'has' if len(lacking) == 1 else 'have'} {words}."


def _located(document: Document, value: Any, problems: list[Problem]) -> Iterator[ManifestError]:
    """Yield problems of one document as errors that point into it, in the order of the text."""
    problems = causes(problems)
    spans = document.spans([problem.place for problem in problems])
    for problem in sorted(problems, key=lambda problem: _position(spans[problem.place])):
        subject, path = _subject(value, problem.place)
        message = " ".join(word for word in (subject, path, problem.message) if word)
        yield ManifestError(message, spans[problem.place], problem.expected)


def _position(span: Span) -> tuple[int, int]:
    return span.line, span.column


def _subject(value: Any, place: Place) -> tuple[str, str]:
    """Return the object a place lies in, in words, and the path inside that object."""
    keys = keys_of(place)
    while (
        len(keys) > 1
        and keys[0] == "items"
        and isinstance(value, dict)
        and str(value.get("kind")).endswith("List")
    ):
        value = value["items"][keys[1]]
        keys = keys[2:]
    path = dotted(keys)
    if not isinstance(value, dict) or not value.get("kind") or not isinstance(value["kind"], str):
        return "", path
    meta = value.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    names = [
        shorten(part) for part in (meta.get("namespace"), meta.get("name")) if isinstance(part, str) and part
    ]
    subject = f"{shorten(value['kind'])} {'/'.join(names)}".strip()
    return (f"{subject}:" if path else subject), path
