"""Which endpoints a node prefers: topology hints, and before them topologyKeys.

Layout sections 2 and 12, history D. A Node's labels say where the node is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from natc.compile.endpoints import HOST_NAME_LABEL, ProxyEndpoint
from natc.kube.endpoints import ZONE_LABEL
from natc.kube.model import Endpoint, Node
from natc.values import frozen

REGION_LABEL = "topology.kubernetes.io/region"

#: The topology key that any endpoint matches.
ANY = "*"


@frozen
class Place:
    """Where the proxy's own node is, and what is known of the other nodes."""

    node_name: str
    labels: Mapping[str, str]
    """The node's labels; empty when its Node object is not known."""
    nodes: Mapping[str, Node]

    @property
    def zone(self) -> str:
        """The node's zone, empty when it is not known."""
        return self.labels.get(ZONE_LABEL, "")


def hinted_for_node(endpoints: Sequence[ProxyEndpoint], place: Place) -> list[ProxyEndpoint] | None:
    """Return the endpoints hinted for this node, or None when node hints cannot be followed."""
    return _hinted(endpoints, lambda e: e.node_hints, place.node_name)


def hinted_for_zone(endpoints: Sequence[ProxyEndpoint], place: Place) -> list[ProxyEndpoint] | None:
    """Return the endpoints hinted for this node's zone, or None when zone hints cannot be followed.

    They can be when every endpoint has a zone hint and at least one names this zone.
    """
    return _hinted(endpoints, lambda e: e.zone_hints, place.zone)


def _hinted(
    endpoints: Sequence[ProxyEndpoint], hints: Callable[[Endpoint], tuple[str, ...]], wanted: str
) -> list[ProxyEndpoint] | None:
    if not wanted:
        return None
    chosen = []
    for endpoint in endpoints:
        names = hints(endpoint.origin)
        if not names:
            return None
        if wanted in names:
            chosen.append(endpoint)
    return chosen or None


def by_topology_keys(
    endpoints: list[ProxyEndpoint], keys: Sequence[str], place: Place
) -> list[ProxyEndpoint]:
    """Return the endpoints of the first topology key that any endpoint shares with this node.

    No key at all, or the key ``*`` once it is reached, means every endpoint; no match means none.
    Without labels of the node only a last ``*`` lets the endpoints through.
    """
    if not keys:
        return endpoints
    if not place.labels:
        return endpoints if keys[-1] == ANY else []
    for key in keys:
        if key == ANY:
            return endpoints
        chosen = [e for e in endpoints if key in place.labels and _where(e, key, place) == place.labels[key]]
        if chosen:
            return chosen
    return []


def _where(endpoint: ProxyEndpoint, key: str, place: Place) -> str | None:
    """Return an endpoint's value for a topology key.

    Its slice says so itself; otherwise it is worked out, as the slice controller did, from the name
    and the labels of the endpoint's node.
    """
    origin = endpoint.origin
    if key in origin.topology:
        return origin.topology[key]
    if key == HOST_NAME_LABEL and origin.node_name:
        return origin.node_name
    node = place.nodes.get(origin.node_name)
    if node is None or key not in (ZONE_LABEL, REGION_LABEL, HOST_NAME_LABEL):
        return None
    return node.labels.get(key)
