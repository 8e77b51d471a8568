"""What may differ between objects of one shape: which of their values, and what may stand in their place.

A hole lets through only what the readers (:mod:`natc.kube.services`, :mod:`natc.kube.slices`) take
without a word and without looking at anything else: so one object that they read decides for all that
differ from it in the holes. Each hole says less than its reader's check allows, never more. A value
without a hole stands for itself, so a field that is forgotten here costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from natc.values import frozen

#: Where a value is in its object: keys, and 0 for every index.
Path = tuple[str | int, ...]
#: In a table: any key.
ANY = "*"


@frozen
class Hole:
    """A kind of value: an expression for its text, and texts that are of this kind."""

    pattern: str
    """Empty stands for any text at all, as far as JSON or YAML write it without escapes."""
    sample: Callable[[int], str]
    is_number: bool = False
    apart: bool = False
    """No two values of the same path in one object may be the same."""
    unread: bool = False
    """No reader looks at it."""
    like: Path | None = None
    """The value has to be that of another, earlier path."""


_LABEL = r"[a-z0-9][-a-z0-9]{0,62}+(?<!-)"
_BYTE = r"(?>1[0-9]{0,2}|2(?:[0-4][0-9]?|5[0-5]?|[6-9])?|[3-9][0-9]?|0)"
_IPV4 = rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}"
_SPECIAL = r"(?!0\.0\.0\.0|127\.|169\.254\.|224\.0\.0\.)"
#: Up to 59999: nearly all, and the expression for it is short.
_NUMBER = "(?:[1-5][0-9]{0,4}|[6-9][0-9]{0,3})"


def _address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _word(number: int) -> str:
    return f"mark-{number}"


def _port(number: int) -> str:
    return str(10_000 + number)


LABEL = Hole(_LABEL, _word)
SERVICE_NAME = Hole(rf"(?=[a-z]){_LABEL}", _word)
ADDRESS = Hole(_IPV4, _address)
ORDINARY_ADDRESS = Hole(_SPECIAL + _IPV4, _address)
PORT = Hole(_NUMBER, _port, is_number=True)
OWN_PORT = Hole(_NUMBER, _port, is_number=True, apart=True)
TEXT = Hole("", _word)
UNREAD = Hole("", _word, unread=True)

_SERVICE: Mapping[Path, Hole] = {
    ("metadata", "name"): SERVICE_NAME,
    ("metadata", "namespace"): LABEL,
    ("metadata", "labels", ANY): TEXT,
    ("metadata", "annotations", ANY): TEXT,
    ("spec", "clusterIP"): ADDRESS,
    ("spec", "clusterIPs", 0): Hole(_IPV4, _address, like=("spec", "clusterIP")),
    ("spec", "externalIPs", 0): ORDINARY_ADDRESS,
    ("spec", "healthCheckNodePort"): PORT,
    ("spec", "ports", 0, "nodePort"): OWN_PORT,
    ("spec", "ports", 0, "port"): OWN_PORT,
    ("spec", "ports", 0, "targetPort"): PORT,
    ("spec", "selector", ANY): TEXT,
    ("status", "loadBalancer", "ingress", 0, "ip"): ADDRESS,
}
_SLICE: Mapping[Path, Hole] = {
    ("metadata", "name"): LABEL,
    ("metadata", "namespace"): LABEL,
    ("metadata", "labels", ANY): TEXT,
    ("ports", 0, "port"): PORT,
    ("endpoints", 0, "addresses", 0): ORDINARY_ADDRESS,
    ("endpoints", 0, "hostname"): TEXT,
    ("endpoints", 0, "nodeName"): TEXT,
    ("endpoints", 0, "hints", "forZones", 0, "name"): TEXT,
    ("endpoints", 0, "hints", "forNodes", 0, "name"): TEXT,
}
#: Holes by (kind, apiVersion).
HOLES: Mapping[tuple[str, str], Mapping[Path, Hole]] = {
    ("Service", "v1"): _SERVICE,
    ("EndpointSlice", "discovery.k8s.io/v1"): _SLICE,
    ("EndpointSlice", "discovery.k8s.io/v1beta1"): _SLICE,
}
#: The field with a list of things alike, of any number, by the kind.
RUNS: Mapping[str, str] = {"EndpointSlice": "endpoints"}
#: What no reader looks at, with all that is inside.
_UNREAD: tuple[Path, ...] = (
    ("metadata", "creationTimestamp"),
    ("metadata", "generateName"),
    ("metadata", "generation"),
    ("metadata", "ownerReferences"),
    ("metadata", "resourceVersion"),
    ("metadata", "uid"),
    ("endpoints", 0, "targetRef"),
    ("endpoints", 0, "zone"),
)


def hole_at(kind: tuple[str, str], path: Path) -> Hole | None:
    """Return the hole at a path of an object of a kind, None where its value stands for itself."""
    table = HOLES[kind]
    path = tuple(0 if isinstance(key, int) else key for key in path)
    if any(path[: len(unread)] == unread for unread in _UNREAD):
        return UNREAD
    return table.get(path) or table.get((*path[:-1], ANY))
