"""A name as somebody in the cluster asks for it: what is tried, what answers, and why."""

from __future__ import annotations

import re

from natc.errors import Span, UsageError
from natc.kube import resolv_conf
from natc.kube.addresses import parse_address
from natc.kube.dns import ANSWERED, NODATA, UNKNOWN, Answer, ClusterDns, Record
from natc.kube.model import Cluster, Pod
from natc.kube.resolv_conf import ResolvConf
from natc.values import field, frozen

#: The Service of cluster DNS, whichever server it is (kubeadm and the add-on manager call it so).
_DNS_SERVICE = ("kube-system", "kube-dns")
#: Of so many namespaces that have a Service of the name asked for is told.
_OTHERS = 3
_NAME = re.compile(r"(?=.{1,254}\Z)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?", re.ASCII).fullmatch


def check_name(name: str, what: str = "NAME") -> str:
    """Return a name as it was given. Raises :class:`UsageError` when it cannot stand in a question to DNS."""
    if not _NAME(name):
        raise UsageError(
            f"{name!r} is no DNS name",
            Span(what, 1, 1, name, len(name)),
            "labels of 1 to 63 letters, digits, - and _",
        )
    return name


@frozen
class Tried:
    """One absolute name that was asked for."""

    name: str
    search: str | None
    """The search domain it was made with; None for the name as it stands."""
    answer: Answer


@frozen
class Asker:
    """Who asks: a Pod, or anybody in a namespace; and what its resolv.conf says."""

    namespace: str
    settings: ResolvConf
    asks_cluster: bool = True
    """Whether the first name server is cluster DNS."""
    pod: Pod | None = None


@frozen
class Resolution:
    """The answer to a name."""

    name: str
    asker: Asker
    tried: tuple[Tried, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def answered(self) -> Tried | None:
        """The candidate that has records; None when none has."""
        return next((each for each in self.tried if each.answer.status == ANSWERED), None)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the candidate that answered."""
        return self.answered.answer.records if self.answered else ()

    @property
    def status(self) -> str:
        """``answered``; else ``unknown`` where others may answer, ``NODATA``, or ``NXDOMAIN``."""
        found = [each.answer.status for each in self.tried]
        return next((status for status in (ANSWERED, UNKNOWN, NODATA) if status in found), "NXDOMAIN")

    def addresses(self) -> tuple[str, ...]:
        """The addresses among the records, in their order."""
        return tuple(record.data for record in self.records if record.type in ("A", "AAAA"))


@frozen
class Names:
    """The names of a cluster, as its DNS and its kubelets have them."""

    dns: ClusterDns
    node: ResolvConf = ResolvConf()
    """What the nodes' own resolv.conf says."""

    @classmethod
    def of(cls, cluster: Cluster, domain: str = "cluster.local", node: ResolvConf | None = None) -> Names:
        """Make them of a cluster whose endpoints are complete (:func:`natc.kube.endpoints.complete`)."""
        return cls(ClusterDns(cluster, domain), node or ResolvConf())

    @property
    def servers(self) -> tuple[str, ...]:
        """The addresses of cluster DNS, as far as the manifests have its Service."""
        service = self.dns.services.get(_DNS_SERVICE)
        return service.cluster_ips if service else ()

    def in_namespace(self, namespace: str) -> Asker:
        """Return an ordinary Pod of a namespace."""
        settings = resolv_conf.of_namespace(namespace, self.dns.domain, self.servers, self.node)
        return Asker(namespace, settings)

    def from_pod(self, pod: Pod) -> Asker:
        """Return a Pod as it asks. Raises :class:`UsageError` for a dnsPolicy there is not."""
        if pod.dns_policy not in resolv_conf.POLICIES:
            known = ", ".join(resolv_conf.POLICIES)
            raise UsageError(
                f"Pod {pod.namespace}/{pod.name}: dnsPolicy is {pod.dns_policy}", expected=f"one of {known}"
            )
        settings = resolv_conf.of_pod(pod, self.dns.domain, self.servers, self.node)
        own_network = not pod.host_network or pod.dns_policy == "ClusterFirstWithHostNet"
        by_policy = pod.dns_policy.startswith("ClusterFirst") and own_network
        first = settings.nameservers[:1]
        return Asker(pod.namespace, settings, by_policy or bool(first and first[0] in self.servers), pod)

    def pod(self, name: str, namespace: str) -> Pod:
        """Return the Pod ``NAME`` of a namespace, or ``NAME.NAMESPACE``. Raises :class:`UsageError`."""
        pods = {(pod.namespace, pod.name): pod for pod in self.dns.cluster.pods}
        short, _, last = name.rpartition(".")
        found = pods.get((namespace, name)) or pods.get((last, short))
        if found is None:
            nor = f", nor {short} in {last}," if short else ""
            raise UsageError(
                f"no Pod {name} in namespace {namespace}{nor} is given", expected="NAME or NAME.NAMESPACE"
            )
        return found

    def resolve(self, name: str, asker: Asker, wanted: tuple[str, ...] = ()) -> Resolution:
        """Return what a name gives to somebody: records of the types ``wanted``, or of any."""
        ip = parse_address(name)
        question = ip.reverse_pointer + "." if ip else check_name(name)
        tried: list[Tried] = []
        for whole, search in asker.settings.candidates(question):
            answer = self._ask(whole, asker, wanted)
            tried.append(Tried(whole, search, answer))
            if answer.status == ANSWERED:
                break
        return Resolution(name, asker, tuple(tried), tuple(_notes(name, tried, asker, self.dns)))

    def _ask(self, whole: str, asker: Asker, wanted: tuple[str, ...]) -> Answer:
        if not asker.asks_cluster:
            servers = " ".join(asker.settings.nameservers) or "the node's name servers"
            return Answer(UNKNOWN, (), f"{servers} answer, not cluster DNS")
        return self.dns.ask(whole, wanted)


def _notes(name: str, tried: list[Tried], asker: Asker, dns: ClusterDns) -> list[str]:
    notes = list(asker.settings.notes)
    if not tried or tried[-1].answer.status != ANSWERED:
        others = sorted(space for space, service in dns.services if service == name)
        return notes + [f"Service {space}/{name} is {name}.{space} from here" for space in others[:_OTHERS]]
    outside = [each.name for each in tried if each.answer.status == UNKNOWN]
    if outside:
        notes.append(f"holds as long as other name servers do not answer for {', '.join(outside)}")
    last = tried[-1].answer.records[-1]
    if last.type == "CNAME":
        notes.append(f"{last.data} {_dangling(last.data, dns)}")
    if any(record.type == "SRV" for record in tried[-1].answer.records):
        notes.append(
            "the priority and weight of SRV records are those of CoreDNS; the schema leaves them open"
        )
    return notes


def _dangling(name: str, dns: ClusterDns) -> str:
    """Say why an alias leads to no address."""
    end = dns.ask(name)
    if end.status == UNKNOWN:
        return f"is outside {dns.domain}: its addresses are not known here"
    return "is an alias in a circle" if end.status == ANSWERED else f"has no address: {end.reason}"
