"""A destination as people say it, in names, and what it means: the address and port a packet is sent to."""

from __future__ import annotations

from natc.analysis.ingress import Route
from natc.analysis.resolve import Asker, Names, Resolution, Tried
from natc.errors import Span, UsageError
from natc.kube.addresses import family_of, parse_address
from natc.kube.dns import ANSWERED
from natc.kube.model import Pod
from natc.values import frozen

_RECORD = {4: "A", 6: "AAAA"}
#: How many of a name's other addresses are listed.
_SHOWN = 8


@frozen
class Said:
    """What names made of a question. Texts are sentences without a full stop."""

    destination: str
    """IP, IP:PORT or [IPV6]:PORT."""
    source: str | None = None
    """The Pod's address, when a Pod asks and has one."""
    facts: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    """What stays open, and under which assumption the answer holds."""
    resolution: Resolution | None = None
    """How the name was looked up; None for an address."""
    route: Route | None = None
    """The Ingress that took a URL."""


def destination_of(names: Names, asker: Asker, text: str, family: int, proto: str = "tcp") -> Said:
    """Return what ``HOST``, ``HOST:PORT`` or ``HOST:PORT-NAME`` means to somebody who asks.

    ``family`` is 4 or 6, that of the dump. Without a port, a service's only one is meant. Raises
    :class:`UsageError` when the name has no address of that family.
    """
    source, facts, questions = sender(asker, family)
    host, _, port = text.partition(":")
    if text.startswith("[") or text.count(":") > 1 or family_of(host):
        return Said(text, source, facts, questions)
    found, tried = _answered(names.resolve(host, asker), text, host)
    if port and not port.isdigit():
        found, tried = _answered(
            names.resolve(f"_{port}._{proto}.{tried.name}", asker), text, f"port {port} of {host}"
        )
        port = ""
    elif not port:
        port, asides = _only_port(names, tried.name, proto)
        questions = (*questions, *asides)
    choices = _choices(names, found, port, family)
    if not choices:
        reason = f"{tried.name} is {tried.answer.reason}; the dump is of IPv{family}"
        raise _without_address(text, host, "; ".join((reason, *found.notes)))
    first, *others = choices
    named = f"{text} is {first} ({tried.name}: {tried.answer.reason})"
    if others:
        questions = (*questions, others_of(first, others))
    return Said(first, source, (named, *facts), (*found.notes, *questions), found)


def _answered(found: Resolution, text: str, what: str) -> tuple[Resolution, Tried]:
    if found.answered is None:
        reasons = (f"{each.name} {each.answer.status}, {each.answer.reason}" for each in found.tried)
        raise _without_address(text, what, "; ".join((*reasons, *found.notes)))
    return found, found.answered


def _without_address(text: str, what: str, reason: str) -> UsageError:
    span = Span("--dst", 1, 1, text, len(text))
    return UsageError(f"{what} has no address here: {reason}", span)


def _only_port(names: Names, name: str, proto: str) -> tuple[str, tuple[str, ...]]:
    """Return the only port of the service that a name is, or no port and the ones there are."""
    service = names.dns.service_at(name)
    if service is None or service.cluster_ip == "None":
        return "", ()
    ports = [str(port.port) for port in service.ports if port.protocol.lower() == proto.lower()]
    if len(ports) == 1:
        return ports[0], ()
    listed = ", ".join(ports) or "none"
    return "", (f"no port was said; Service {service.namespace}/{service.name} has for {proto}: {listed}",)


def _choices(names: Names, found: Resolution, port: str, family: int) -> list[str]:
    """Return the addresses, each with its port, among which a client chooses."""
    choices = [joined(ip, port) for ip in found.addresses() if family_of(ip) == family]
    for record in found.records:
        if record.type == "SRV":
            _, _, number, target = record.data.split()
            answer = names.dns.ask(target, (_RECORD[family],))
            addresses = [each.data for each in answer.records if each.type == _RECORD[family]]
            choices += [joined(ip, port or number) for ip in addresses if answer.status == ANSWERED]
    return list(dict.fromkeys(choices))


def joined(ip: str, port: str) -> str:
    """Return an address and its port as ``--dst`` takes them."""
    if not port:
        return ip
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def others_of(first: str, others: list[str]) -> str:
    """Say which of several addresses is traced, and which are not."""
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    listed = ", ".join(others[:_SHOWN])
    return (
        f"a client takes any of {len(others) + 1:,} addresses, this trace {first}; the others: {listed}{more}"
    )


def sender(asker: Asker | None, family: int) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Return the address a Pod sends from, and what is certain or open about it."""
    pod = asker.pod if asker else None
    if pod is None:
        return None, (), ()
    title = f"Pod {pod.namespace}/{pod.name}"
    if pod.host_network:
        node = f" {pod.node_name}" if pod.node_name else ""
        return None, (), (f"{title} is on the network of its node{node}: say --local when the dump is of it",)
    ip = _pod_ip(pod, family)
    if ip is None:
        return None, (), (f"{title} has no IPv{family} address: the source stays open",)
    return ip, (f"the source {ip} is {title}'s",), ()


def _pod_ip(pod: Pod, family: int) -> str | None:
    return next((str(parse_address(ip)) for ip in pod.pod_ips if family_of(ip) == family), None)
