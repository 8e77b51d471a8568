"""What objects of every kind share: metadata, and the checks of words, ports and addresses."""

from __future__ import annotations

from collections.abc import Mapping

from natc.kube.addresses import family_of, is_special
from natc.kube.fields import Fields, Object, Place, shorten
from natc.kube.names import DNS_LABEL, NameRule

_PORT_NUMBER = "a port number from 1 to 65535"

#: The label of what another proxy serves, and the one of headless Services' endpoints: kube-proxy asks the
#: API server for objects without them (cmd/kube-proxy/app/server.go).
OTHER_PROXY_LABEL = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"

#: What a port may be of.
PROTOCOLS = ("TCP", "UDP", "SCTP")


def read_name(fields: Fields, meta: Object, at: Place, rule: NameRule) -> str:
    """Return metadata.name, refusing what ``rule`` does not allow."""
    name = fields.text(meta, "name", at)
    if rule.allows(name):
        return name
    if "name" not in meta:
        fields.refuse(at, "has no name", "name: NAME")
    elif meta["name"].__class__ is str:
        fields.refuse((at, "name"), f'is "{shorten(name)}"', rule.words)
    return name


def read_namespace(fields: Fields, meta: Object, at: Place) -> str:
    """Return metadata.namespace, ``default`` when it is absent or empty."""
    namespace = fields.text(meta, "namespace", at) or "default"
    if not DNS_LABEL.allows(namespace):
        fields.refuse((at, "namespace"), f'is "{shorten(namespace)}"', DNS_LABEL.words)
    return namespace


def hiding_labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return those of some labels that keep kube-proxy from seeing their object."""
    return tuple([label for label in (OTHER_PROXY_LABEL, HEADLESS_LABEL) if label in labels])


def check_word(fields: Fields, word: str, allowed: tuple[str, ...], at: Place) -> None:
    """Refuse a word that is not one of ``allowed``."""
    if word not in allowed:
        words = ", ".join(allowed[:-1]) + " or " + allowed[-1]
        fields.refuse(at, f'is "{shorten(word)}"', words)


def read_port(fields: Fields, obj: Object, key: str, at: Place) -> int:
    """Return the port number ``obj[key]``, which has to be there."""
    if obj.get(key) is None:
        fields.refuse(at, f"has no {key}", _PORT_NUMBER)
        return 0
    before = len(fields.problems)
    port = fields.integer(obj, key, at)
    if len(fields.problems) == before:
        check_port(fields, port, (at, key))
    return port


def check_port(fields: Fields, port: int, at: Place) -> None:
    """Refuse a port number outside 1 to 65535."""
    if not 1 <= port <= 65535:
        fields.refuse(at, f"is {port}", _PORT_NUMBER)


def check_address(fields: Fields, text: str, at: Place) -> int:
    """Return the family of an address, 4 or 6; refuse what is none and return 0."""
    family = family_of(text)
    if not family:
        fields.refuse(at, f'is "{shorten(text)}"', "an IP address")
    return family


def check_ordinary_address(fields: Fields, text: str, at: Place) -> int:
    """Like :func:`check_address`, refusing loopback, unspecified and link-local addresses too."""
    family = check_address(fields, text, at)
    if family and is_special(text):
        fields.refuse(at, f"is {text}", "an address other than a loopback, unspecified or link-local one")
    return family
