"""What the cluster's DNS answers: the records that the objects of a cluster stand for.

Facts: the Kubernetes DNS-Based Service Discovery specification, schema 1.1.0 (kubernetes/dns,
docs/specification.md). What it leaves open is as CoreDNS has it (plugin/kubernetes and
plugin/backend_lookup.go): an endpoint without a hostname is called by its address with dashes, the
priority of an SRV record is 0 and its weight 100 shared evenly, a CNAME is followed eight times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address

from natc.kube.addresses import parse_address
from natc.kube.model import Cluster, Endpoint, EndpointSlice, Service
from natc.values import define, frozen

#: The version of the schema, as the TXT record dns-version says it.
SCHEMA = "1.1.0"
#: The types of record that cluster DNS has.
TYPES = ("A", "AAAA", "CNAME", "SRV", "PTR", "TXT")

ANSWERED, NODATA, NXDOMAIN, UNKNOWN = "answered", "NODATA", "NXDOMAIN", "unknown"
_MOST_ALIASES = 8
_UNREADY_TOO = "service.alpha.kubernetes.io/tolerate-unready-endpoints"


@frozen
class Record:
    """One resource record; names are absolute, with their last dot."""

    name: str
    type: str
    data: str


@frozen
class Answer:
    """What cluster DNS says to one absolute name."""

    status: str
    """``answered``, ``NODATA`` (the name is there, without such a record), ``NXDOMAIN``, or ``unknown``
    for a name that others answer for."""
    records: tuple[Record, ...] = ()
    reason: str = ""
    """Which object the answer is from, or what is missing, in words."""


@frozen
class ReadyAddress:
    """An address of a ready endpoint: its own label below the service's name, and its ports."""

    ip: str
    label: str
    ports: tuple[tuple[str, str, int], ...]
    """(name, protocol, number) of each port that has a number."""


@define(slots=False, eq=False)
class ClusterDns:
    """The zone of a cluster. Endpoints are those of its EndpointSlices, so complete the cluster first."""

    cluster: Cluster
    domain: str = "cluster.local"
    """The cluster's domain, without a last dot."""

    @cached_property
    def services(self) -> dict[tuple[str, str], Service]:
        """The services by namespace and name."""
        return {(service.namespace, service.name): service for service in self.cluster.services}

    @cached_property
    def _slices(self) -> dict[tuple[str, str], list[EndpointSlice]]:
        found: dict[tuple[str, str], list[EndpointSlice]] = {}
        for piece in self.cluster.endpoint_slices:
            found.setdefault((piece.namespace, piece.service), []).append(piece)
        return found

    @cached_property
    def _namespaces(self) -> frozenset[str]:
        """The namespaces that hold anything; one that is empty is not seen."""
        of_pods = {pod.namespace for pod in self.cluster.pods}
        return frozenset(of_pods | {service.namespace for service in self.cluster.services})

    def ask(self, name: str, wanted: tuple[str, ...] = ()) -> Answer:
        """Return the records at an absolute name, of the types ``wanted`` or of any; aliases are followed."""
        name = name.lower().removesuffix(".") + "."
        answer = self._lookup(name)
        if answer.status != ANSWERED:
            return answer
        records = self._followed(answer.records)
        chosen = tuple(record for record in records if not wanted or record.type in (*wanted, "CNAME"))
        if not chosen:
            return Answer(NODATA, (), f"{answer.reason}, no {' or '.join(wanted)} record")
        return Answer(ANSWERED, chosen, answer.reason)

    def _followed(self, records: tuple[Record, ...]) -> tuple[Record, ...]:
        """Return the records and, behind an alias, those of the name it stands for."""
        out = list(records)
        while out[-1].type == "CNAME" and len(out) <= _MOST_ALIASES:
            more = self._lookup(out[-1].data.lower()).records
            if not more:
                break
            out += more
        return tuple(out)

    def _lookup(self, name: str) -> Answer:
        labels = name.removesuffix(".").split(".")
        if labels[-2:] in (["in-addr", "arpa"], ["ip6", "arpa"]):
            return self._reverse(name)
        zone = self.domain.lower().split(".")
        if labels[-len(zone) :] != zone:
            return Answer(UNKNOWN, (), f"outside {self.domain}: other name servers answer")
        match labels[: -len(zone)][::-1]:
            case [] | ["svc"] | ["pod"]:
                return Answer(NODATA, (), "no object of its own")
            case ["dns-version"]:
                return Answer(ANSWERED, (Record(name, "TXT", f'"{SCHEMA}"'),), "the version of the schema")
            case ["svc" | "pod" as kind, namespace, *below]:
                return self._in_namespace(name, kind, namespace, below)
        return Answer(NXDOMAIN, (), "not a name of the schema")

    def _in_namespace(self, name: str, kind: str, namespace: str, below: list[str]) -> Answer:
        if namespace not in self._namespaces:
            return Answer(NXDOMAIN, (), f"no object in namespace {namespace}")
        if not below:
            return Answer(NODATA, (), f"namespace {namespace}")
        if kind == "pod":
            return self._of_pod(name, namespace, ".".join(below))
        service = self.services.get((namespace, below[0]))
        if service is None:
            return Answer(NXDOMAIN, (), f"no Service {namespace}/{below[0]}")
        return self._of_service(name, service, below[1:], f"Service {namespace}/{below[0]}")

    # ---- services

    def _of_service(self, name: str, service: Service, below: list[str], title: str) -> Answer:
        """Return the records of a service, of a port ``_port._protocol`` or of an endpoint below it."""
        match below:
            case [] if service.type == "ExternalName":
                return _alias(name, service, title)
            case []:
                return self._addresses(name, service, title)
            case [protocol, port] if protocol[:1] == port[:1] == "_" and service.type != "ExternalName":
                return self._ports(name, service, port[1:], protocol[1:], title)
            case [label]:
                ready = [each.ip for each in self.ready(service) if each.label.lower() == label]
                if ready:
                    return _answered((_address(name, ip) for ip in ready), f"{title}, its endpoint")
        return Answer(NXDOMAIN, (), f"{title} has no ready endpoint called {'.'.join(below[::-1])}")

    def _addresses(self, name: str, service: Service, title: str) -> Answer:
        if service.cluster_ip != "None":
            return _answered((_address(name, ip) for ip in service.cluster_ips), f"{title}, its cluster IP")
        ready = self.ready(service)
        if not ready:
            return Answer(NXDOMAIN, (), f"{title} is headless and has no ready endpoint")
        which = "endpoints, ready or not" if _publishes_unready(service) else "ready endpoints"
        reason = f"{title}, headless: its {which}"
        return _answered((_address(name, each.ip) for each in ready), reason)

    def _ports(self, name: str, service: Service, port: str, protocol: str, title: str) -> Answer:
        """Return the SRV records of a named port; of a headless service, one for each endpoint."""
        if service.cluster_ip == "None":
            found = [
                (number, f"{each.label}.{self.name_of(service)}")
                for each in self.ready(service)
                for own, of, number in each.ports
                if own and own.lower() == port and of.lower() == protocol
            ]
        else:
            found = [
                (each.port, self.name_of(service))
                for each in service.ports
                if each.name and each.name.lower() == port and each.protocol.lower() == protocol
            ]
        if not found:
            return Answer(NXDOMAIN, (), f"{title} has no {protocol} port called {port}")
        weight = max(1, 100 // len(found))
        records = (Record(name, "SRV", f"0 {weight} {number} {target}") for number, target in found)
        return _answered(records, f"{title}, its port {port}")

    def name_of(self, service: Service) -> str:
        """Return a service's absolute name, with its last dot."""
        return f"{service.name}.{service.namespace}.svc.{self.domain}."

    def service_at(self, name: str) -> Service | None:
        """Return the service whose own name an absolute name is; None when it is none's."""
        parts = name.lower().split(".", 2)
        service = self.services.get((parts[1], parts[0])) if len(parts) == 3 else None
        return service if service and self.name_of(service).lower() == name.lower() else None

    def ready(self, service: Service) -> list[ReadyAddress]:
        """Return the addresses of a service's ready endpoints, each once."""
        unready_too = _publishes_unready(service)
        found: dict[str, ReadyAddress] = {}
        for piece in self._slices.get((service.namespace, service.name), ()):
            ports = tuple((port.name, port.protocol, port.port) for port in piece.ports if port.port)
            for endpoint in piece.endpoints:
                if piece.address_type == "FQDN" or (endpoint.ready is False and not unready_too):
                    continue
                for ip in endpoint.addresses:
                    before = found.get(ip)
                    joined = tuple(dict.fromkeys((*before.ports, *ports))) if before else ports
                    found[ip] = ReadyAddress(ip, _label(endpoint, ip), joined)
        return list(found.values())

    # ---- pods and reverse names

    def _of_pod(self, name: str, namespace: str, text: str) -> Answer:
        ip = parse_address(text.replace("-", "." if text.count("-") == 3 and "--" not in text else ":"))
        if ip is None:
            return Answer(NXDOMAIN, (), f"{text} is no address written with dashes")
        owner = next(
            (pod for pod in self.cluster.pods if pod.namespace == namespace and str(ip) in pod.pod_ips), None
        )
        if owner:
            reason = f"Pod {namespace}/{owner.name}"
        else:
            reason = "echoed: no such Pod is given, and a server that checks (pods verified) says NXDOMAIN"
        return _answered([_address(name, str(ip))], reason)

    def _reverse(self, name: str) -> Answer:
        ip = address_of_reverse(name)
        if ip is None:
            return Answer(UNKNOWN, (), "no whole address: other name servers answer")
        if ip in self._by_cluster_ip:
            service = self._by_cluster_ip[ip]
            title = f"Service {service.namespace}/{service.name}"
            return _answered([Record(name, "PTR", self.name_of(service))], f"{title}, its cluster IP")
        names = tuple(self._endpoint_names(ip))
        if not names:
            return Answer(UNKNOWN, (), f"{ip} is no cluster IP or endpoint of a headless Service")
        return _answered((Record(name, "PTR", each) for each in names), "endpoint of a headless Service")

    @cached_property
    def _by_cluster_ip(self) -> dict[IPv4Address | IPv6Address, Service]:
        found: dict[IPv4Address | IPv6Address, Service] = {}
        for service in self.cluster.services:
            for text in service.cluster_ips:
                ip = parse_address(text)
                if ip:
                    found[ip] = service
        return found

    def _endpoint_names(self, ip: IPv4Address | IPv6Address) -> Iterator[str]:
        for service in self.cluster.services:
            if service.cluster_ip == "None":
                for each in self.ready(service):
                    if parse_address(each.ip) == ip:
                        yield f"{each.label}.{self.name_of(service)}"


def _answered(records: Iterable[Record], reason: str) -> Answer:
    return Answer(ANSWERED, tuple(records), reason)


def _address(name: str, text: str) -> Record:
    ip = parse_address(text)
    return Record(name, "AAAA" if ip and ip.version == 6 else "A", str(ip or text))


def _alias(name: str, service: Service, title: str) -> Answer:
    """Return the CNAME of an ExternalName service; an address is no name, and not answered."""
    if parse_address(service.external_name):
        return Answer(NXDOMAIN, (), f"{title}: externalName {service.external_name} is an address, no name")
    target = service.external_name.removesuffix(".") + "."
    return Answer(ANSWERED, (Record(name, "CNAME", target),), f"{title}, type ExternalName")


def _publishes_unready(service: Service) -> bool:
    return service.publish_not_ready_addresses or service.annotations.get(_UNREADY_TOO) == "true"


def _label(endpoint: Endpoint, ip: str) -> str:
    return endpoint.hostname or ip.replace(".", "-").replace(":", "-")


def address_of_reverse(name: str) -> IPv4Address | IPv6Address | None:
    """Return the address whose reverse name this is; None when it is none, or of a whole network."""
    labels = name.lower().removesuffix(".").split(".")
    parts, suffix = labels[-3::-1], labels[-2:]
    if suffix == ["in-addr", "arpa"] and len(parts) == 4:
        return parse_address(".".join(parts))
    if suffix == ["ip6", "arpa"] and len(parts) == 32 and all(len(part) == 1 for part in parts):
        digits = "".join(parts)
        return parse_address(":".join(digits[start : start + 4] for start in range(0, 32, 4)))
    return None
