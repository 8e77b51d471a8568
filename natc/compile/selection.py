"""Which endpoints of a service port its rules use (layout section 2, history D)."""

from __future__ import annotations

from collections.abc import Callable

from natc.compile.config import ProxyConfig
from natc.compile.endpoints import ProxyEndpoint
from natc.compile.layouts import Selection
from natc.compile.service_ports import ProxiedPort
from natc.compile.topology import Place, by_topology_keys, hinted_for_node, hinted_for_zone
from natc.values import evolve, value

_Endpoints = list[ProxyEndpoint]


@value
class Used:
    """The endpoints of one service port that its rules know."""

    has_endpoints: bool
    cluster: _Endpoints
    """Those of the service's own chain."""
    balanced: _Endpoints
    """Those of ``cluster`` that a balancing rule leads to; in all but one layout all of them."""
    local: _Endpoints
    """Those of the chain for policy Local."""
    reachable: _Endpoints
    """Those with a chain of their own."""
    uses_cluster: bool
    uses_local: bool


class Selector:
    """Chooses endpoints under one configuration."""

    def __init__(self, config: ProxyConfig, place: Place) -> None:
        layout = config.layout
        self._place = place
        self._annotation_ignored = config.enabled(layout.hints_always)
        self._hints = config.enabled(layout.hints)
        self._node_hints = config.enabled(layout.node_hints)
        self._hints_of_ready = layout.hints_of_ready
        self._reads_slices = config.enabled(layout.slices)
        self._topology_keys = config.enabled(layout.topology_keys)
        self._terminating = config.enabled(layout.terminating)
        self._choose: Callable[[ProxiedPort, _Endpoints], Used] = {
            Selection.READY: self._ready,
            Selection.ALL_CHAINED: self._all_chained,
            Selection.READY_THEN_LOCAL: self._ready_then_local,
            Selection.BY_POLICY: self._by_policy,
        }[layout.selection]

    def choose(self, port: ProxiedPort, endpoints: _Endpoints) -> Used:
        """Return which of a service port's endpoints are used."""
        return self._choose(port, endpoints)

    def _ready(self, port: ProxiedPort, endpoints: _Endpoints) -> Used:
        used = [e for e in self._filtered(port, endpoints) if e.ready]
        local = [e for e in used if e.local]
        return _one_list(port, used, used, local, has_endpoints=bool(used))

    def _all_chained(self, port: ProxiedPort, endpoints: _Endpoints) -> Used:
        used = self._filtered(port, endpoints)
        ready = [e for e in used if e.ready]
        return _one_list(port, used, ready, self._local(used), has_endpoints=bool(used))

    def _ready_then_local(self, port: ProxiedPort, endpoints: _Endpoints) -> Used:
        filtered = self._filtered(port, endpoints)
        ready = [e for e in filtered if e.ready]
        if not port.service.external_local:
            return _one_list(port, ready, ready, [], has_endpoints=bool(ready))
        local = self._local(filtered)
        draining = self._terminating and any(e.draining for e in filtered)
        used = _one_list(port, ready, ready, local, has_endpoints=bool(ready) or draining)
        return evolve(used, reachable=_union(filtered, ready, local))

    def _filtered(self, port: ProxiedPort, endpoints: _Endpoints) -> _Endpoints:
        """Cut the whole list down, as up to 1.23: by topologyKeys, internal policy or hints."""
        service = port.service
        if service.external_local or not self._reads_slices:
            return endpoints
        if self._topology_keys:
            return by_topology_keys(endpoints, service.topology_keys, self._place)
        if service.internal_local:
            return [e for e in endpoints if e.local]
        if self._hints and service.wants_hints:
            asked = [e for e in endpoints if e.ready] if self._hints_of_ready else endpoints
            return hinted_for_zone(asked, self._place) or endpoints
        return endpoints

    def _local(self, endpoints: _Endpoints) -> _Endpoints:
        local = [e for e in endpoints if e.local]
        ready = [e for e in local if e.ready]
        if ready or not self._terminating:
            return ready
        return [e for e in local if e.draining]

    def _by_policy(self, port: ProxiedPort, endpoints: _Endpoints) -> Used:
        service = port.service
        accessible = port.externally_accessible
        uses_cluster = accessible or not service.internal_local
        uses_local = service.internal_local or (service.external_local and accessible)
        ready = [e for e in endpoints if e.ready]
        cluster, whole = self._cluster(port, endpoints, ready) if uses_cluster else ([], True)
        if not uses_local:
            return Used(bool(cluster), cluster, cluster, [], cluster, uses_cluster, uses_local)
        local = self._local(endpoints)
        if not uses_cluster:
            reachable = local
        elif whole and all(e.ready for e in local):
            reachable = cluster
        else:
            reachable = _union(endpoints, cluster, local)
        draining = self._terminating and any(e.draining for e in endpoints)
        has_endpoints = bool(cluster or ready) or draining
        return Used(has_endpoints, cluster, cluster, local, reachable, uses_cluster, uses_local)

    def _cluster(
        self, port: ProxiedPort, endpoints: _Endpoints, ready: _Endpoints
    ) -> tuple[_Endpoints, bool]:
        """Return the endpoints for policy Cluster, and whether topology left all of them in."""
        hinted = self._hinted(port, ready)
        if hinted is not None:
            return hinted, False
        if ready or not self._terminating:
            return ready, True
        return [e for e in endpoints if e.draining], True

    def _hinted(self, port: ProxiedPort, ready: _Endpoints) -> _Endpoints | None:
        if not self._hints or not (self._annotation_ignored or port.service.wants_hints):
            return None
        hinted = hinted_for_node(ready, self._place) if self._node_hints else None
        return hinted_for_zone(ready, self._place) if hinted is None else hinted


def _one_list(
    port: ProxiedPort, used: _Endpoints, balanced: _Endpoints, local: _Endpoints, *, has_endpoints: bool
) -> Used:
    """Return what up to 1.23 is used: one list for everything but external traffic with policy Local."""
    return Used(
        has_endpoints=has_endpoints,
        cluster=used,
        balanced=balanced,
        local=local,
        reachable=used,
        uses_cluster=True,
        uses_local=port.service.external_local,
    )


def _union(order: _Endpoints, *lists: _Endpoints) -> _Endpoints:
    """Return the endpoints that are in any list, in the order of ``order``.

    kube-proxy gives the union in map order, which shows only in the order of chain lines.
    """
    members = {e.text for chosen in lists for e in chosen}
    return [e for e in order if e.text in members]
