"""The endpoints of each service port, from EndpointSlices or, as older versions read, Endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter

from natc.compile.addresses import host_cidr
from natc.compile.config import ProxyConfig
from natc.compile.layouts import Addresses, Duplicates
from natc.compile.service_ports import ProxiedPort
from natc.kube.addresses import canonical_ip
from natc.kube.model import Cluster, Endpoint, EndpointPort, EndpointSlice
from natc.values import value

#: The node label and topology key that holds a node's name.
HOST_NAME_LABEL = "kubernetes.io/hostname"

#: The highest port number.
LAST_PORT = 65535

_BY_TEXT = attrgetter("text")


@value
class ProxyEndpoint:
    """One endpoint of one service port, as kube-proxy holds it."""

    text: str
    """``ip:port`` as its rules and hashes have it."""
    source: str
    """Its address as the rule against hairpins has it."""
    local: bool
    ready: bool
    draining: bool
    """Serving and terminating."""
    origin: Endpoint
    """Where topology and hints are looked up."""


def _by_address(endpoint: ProxyEndpoint) -> str:
    return endpoint.origin.addresses[0]


#: The name of the slice (or Endpoints), a port number and the endpoints that serve it.
_Group = tuple[str, int, tuple[Endpoint, ...]]
_SLICE_NAME = itemgetter(0)


class EndpointIndex:
    """Finds the endpoints of service ports in a cluster's objects."""

    def __init__(self, cluster: Cluster, config: ProxyConfig) -> None:
        layout = config.layout
        self._hiding_labels = frozenset(layout.hiding_labels)
        self._by_protocol = layout.protocol_in_key
        self._by_ip = layout.duplicates is Duplicates.BY_IP
        self._prefers_steady = layout.duplicates is Duplicates.PREFER_STEADY
        self._canonical = layout.canonical_endpoints
        self._prefixed = layout.addresses is Addresses.PREFIXED
        self._hairpin_as_written = layout.hairpin_as_written and not layout.canonical_endpoints
        self._reads_unready = layout.counts_all_endpoints
        self._ipv6 = config.is_ipv6
        self._host_name = config.host_name
        self.as_printed = True
        """Whether what was asked for so far has addresses and ports as iptables-save shows them."""
        self._order: Callable[[ProxyEndpoint], str] = _BY_TEXT
        self._slices: dict[tuple[str, ...], list[_Group]] = {}
        self._subsets: dict[tuple[str, ...], list[_Group]] = {}
        if config.enabled(layout.slices):
            self._index_slices(cluster.endpoint_slices)
        else:
            self._index_endpoints(cluster)

    def of(self, port: ProxiedPort) -> list[ProxyEndpoint]:
        """Return the endpoints of a service port in the order kube-proxy keeps them.

        Endpoints of slices are merged and sorted by their text (for versions that read Endpoints: by
        their address) as byte strings; those of Endpoints
        objects stay in file order, duplicates and all (layout section 1, history D).
        """
        key = port.key if self._by_protocol else port.key[:3]
        subsets = self._subsets.get(key)
        if subsets is not None:
            return [endpoint for group in subsets for endpoint in self._read(group)]
        groups = self._slices.get(key, [])
        if len(groups) == 1 and self._order is _BY_TEXT and not self._by_ip:
            alone = self._read(groups[0])
            by_text = {endpoint.text: endpoint for endpoint in alone}
            if len(by_text) == len(alone):
                return [by_text[text] for text in sorted(by_text)]
        # Slices are taken by name, so that the first of two equal endpoints is always the same one;
        # kube-proxy takes them in map order.
        groups.sort(key=_SLICE_NAME)
        return sorted(self._merged(groups), key=self._order)

    def _merged(self, groups: Iterable[_Group]) -> Iterable[ProxyEndpoint]:
        """Return endpoints without duplicates; told by IP alone, one port of an IP is left."""
        merged: dict[str, ProxyEndpoint] = {}
        for group in groups:
            for endpoint in self._read(group):
                # Versions that tell them by IP spell the source canonically.
                identity = endpoint.source if self._by_ip else endpoint.text
                held = merged.setdefault(identity, endpoint)
                if held is not endpoint and self._replaces(endpoint):
                    merged[identity] = endpoint
        return merged.values()

    def _index_slices(self, slices: Iterable[EndpointSlice]) -> None:
        for piece in slices:
            if not self._hiding_labels.isdisjoint(piece.hiding_labels):
                continue
            if piece.address_type in ("IPv4", "IPv6") and piece.service and piece.name:
                service = (piece.namespace, piece.service)
                self._index(self._slices, service, piece.name, piece.ports, piece.endpoints)

    def _index_endpoints(self, cluster: Cluster) -> None:
        named = set()
        for whole in cluster.endpoints:
            named.add((whole.namespace, whole.name))
            if not self._hiding_labels.isdisjoint(whole.hiding_labels):
                continue
            for subset in whole.subsets:
                service = (whole.namespace, whole.name)
                self._index(self._subsets, service, whole.name, subset.ports, subset.addresses)
        # A service of which only slices are known is taken as if its Endpoints said the same; the
        # endpoints controller sorts addresses as byte strings (pkg/api/v1/endpoints, SortSubsets).
        self._order = _by_address
        self._index_slices(s for s in cluster.endpoint_slices if (s.namespace, s.service) not in named)

    def _index(
        self,
        index: dict[tuple[str, ...], list[_Group]],
        service: tuple[str, str],
        name: str,
        ports: Iterable[EndpointPort],
        endpoints: tuple[Endpoint, ...],
    ) -> None:
        for port in ports:
            if not port.port:
                continue
            if not 0 < port.port <= LAST_PORT:
                self.as_printed = False
            key: tuple[str, ...] = (*service, port.name, port.protocol)
            key = key if self._by_protocol else key[:3]
            index.setdefault(key, []).append((name, port.port, endpoints))

    def _read(self, group: _Group) -> list[ProxyEndpoint]:
        _, port, endpoints = group
        ipv6, host_name, as_written = self._ipv6, self._host_name, not self._prefixed
        read = []
        for endpoint in endpoints:
            ready = endpoint.ready is not False
            if not endpoint.addresses or not (ready or self._reads_unready):
                continue
            written = endpoint.addresses[0]
            ip = canonical_ip(written)
            if ip is None or (":" in ip) is not ipv6:
                continue
            if ip != written or ip.startswith("::"):  # of which the C library shows some with dots
                self.as_printed = False
            node = endpoint.node_name or endpoint.topology.get(HOST_NAME_LABEL, "")
            shown = ip if self._canonical else written
            read.append(
                ProxyEndpoint(
                    f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}",
                    ip if as_written and ip is written else self._source(written, ip),
                    node == host_name != "",
                    ready,
                    endpoint.terminating is True and endpoint.serving is not False,
                    endpoint,
                )
            )
        return read

    def _source(self, written: str, ip: str) -> str:
        if self._prefixed:
            return host_cidr(ip)
        return written if self._hairpin_as_written else ip

    def _replaces(self, new: ProxyEndpoint) -> bool:
        """Tell whether an endpoint takes the place of an equal one before it."""
        return new.origin.terminating is not True if self._prefers_steady else new.local
