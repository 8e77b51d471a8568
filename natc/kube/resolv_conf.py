"""What a Pod's /etc/resolv.conf says, and which names a resolver tries one after the other.

Facts: kubelet (pkg/kubelet/network/dns/dns.go: GetPodDNS, appendDNSConfig, formDNSConfigFitsLimits)
and glibc (resolv/res_query.c: a name with at least ndots dots is tried as it stands first, any other
one last; resolv.conf(5)).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natc.errors import NodeError, Span
from natc.kube.model import Pod
from natc.values import field, frozen

#: Most search domains and name servers a kubelet writes (validation.MaxDNSSearchPaths, MaxDNSNameservers).
MOST_SEARCHES, MOST_NAMESERVERS = 32, 3
#: Most search domains that kubelets wrote before Kubernetes 1.28.
_MOST_SEARCHES_ONCE = 6
_LARGEST_NDOTS = 15  # resolv/resolv.h, RES_MAXNDOTS
POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")


@frozen
class ResolvConf:
    """The settings of a resolver. ``nameservers`` empty means that they are not known."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: dict[str, str] = field(factory=dict)
    notes: tuple[str, ...] = ()
    """What a person should know of how this came about."""

    @property
    def ndots(self) -> int:
        """How many dots make a name be tried as it stands first; 1 when no option says it."""
        text = self.options.get("ndots", "")
        return min(int(text), _LARGEST_NDOTS) if text.isascii() and text.isdigit() else 1

    def candidates(self, name: str) -> Iterator[tuple[str, str | None]]:
        """Yield the absolute names to try, each with its search domain; None for the name as it stands."""
        if name.endswith("."):
            yield name, None
            return
        first = name.count(".") >= self.ndots
        if first:
            yield f"{name}.", None
        for domain in self.searches:
            whole = f"{name}.{domain.strip('.')}".rstrip(".") + "."
            if whole != f"{name}." or not first:
                yield whole, domain
        if not first:
            yield f"{name}.", None


def parse(text: str, file: str) -> ResolvConf:
    """Read a node's resolv.conf as kubelet does. Raises :class:`NodeError` for a nameserver without one."""
    nameservers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["nameserver"]:
                raise NodeError("nameserver without an address", Span(file, number, 1, line, len(line)))
            case ["search", *domains]:
                searches = tuple(domain.removesuffix(".") for domain in domains)
            case ["options", *words]:
                options = tuple(words)
    return ResolvConf(tuple(nameservers), searches, _options(options))


def _options(words: Iterable[str]) -> dict[str, str]:
    pairs = (word.partition(":") for word in words)
    return {name: value for name, _, value in pairs}


def of_namespace(namespace: str, domain: str, cluster_dns: tuple[str, ...], node: ResolvConf) -> ResolvConf:
    """Return what an ordinary Pod of a namespace gets (ClusterFirst): the cluster's search path, ndots 5."""
    searches = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain, *node.searches)
    return ResolvConf(cluster_dns, _each_once(searches), {"ndots": "5"})


def of_pod(pod: Pod, domain: str, cluster_dns: tuple[str, ...], node: ResolvConf) -> ResolvConf:
    """Return what kubelet writes for a Pod by its dnsPolicy, hostNetwork and dnsConfig."""
    notes: list[str] = []
    policy = pod.dns_policy
    if policy == "ClusterFirst" and pod.host_network:
        policy = "Default"
        notes.append("dnsPolicy ClusterFirst on the host's network is as Default")
    if policy == "None":
        base = ResolvConf()
    elif policy == "Default":
        base = node
    else:
        base = of_namespace(pod.namespace, domain, cluster_dns, node)
    searches = _each_once((*base.searches, *pod.dns_searches))
    if len(searches) > _MOST_SEARCHES_ONCE:
        notes.append(
            f"{len(searches)} search domains: kubelets before 1.28 keep the first {_MOST_SEARCHES_ONCE}, "
            f"later ones {MOST_SEARCHES}"
        )
    return ResolvConf(
        _each_once((*base.nameservers, *pod.dns_nameservers))[:MOST_NAMESERVERS],
        searches[:MOST_SEARCHES],
        base.options | {name: value or "" for name, value in pod.dns_options},
        tuple(notes),
    )


def _each_once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
