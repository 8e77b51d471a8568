"""kube-proxy in userspace mode: REDIRECT and DNAT to its own ports (history E).

Every service port has one proxy port behind which kube-proxy balances in the process; endpoints
show in no rule. There is no restore text: each rule is one iptables call.
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.compile.addresses import join_host_port
from natc.compile.config import ProxyConfig, parse_port_range
from natc.compile.node import NodeTables
from natc.compile.service_ports import ProxiedPort, proxied_ports
from natc.errors import UsageError
from natc.kube.addresses import canonical_ip
from natc.kube.model import Cluster
from natc.values import frozen

_PORTALS_CONTAINER = "KUBE-PORTALS-CONTAINER"
_PORTALS_HOST = "KUBE-PORTALS-HOST"
_NODE_PORT_CONTAINER = "KUBE-NODEPORT-CONTAINER"
_NODE_PORT_HOST = "KUBE-NODEPORT-HOST"
_NODE_PORT_NON_LOCAL = "KUBE-NODEPORT-NON-LOCAL"

_CLUSTER_IPS = '-m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules"'
_NODE_PORTS = (
    "-m addrtype --dst-type LOCAL -m comment --comment "
    '"handle service NodePorts; NOTE: this must be the last rule in the chain"'
)
_NON_LOCAL = '-m comment --comment "Ensure that non-local NodePort traffic can flow"'


@frozen
class _Proxy:
    """One service port's proxy port, and the targets that lead to it."""

    name: str
    protocol: str
    number: int
    from_containers: str
    from_host: str

    def match(self, port: int, destination: str = "") -> str:
        to = f" -d {destination}" if destination else ""
        return f'-m comment --comment "{self.name}" -p {self.protocol} -m {self.protocol} --dport {port}{to}'


def start(tables: NodeTables, cluster: Cluster, config: ProxyConfig) -> None:
    """Write everything kube-proxy writes in userspace mode.

    Raises UsageError when the version has no such mode, when the proxy ports are not given or do not
    suffice, or when the node's address is needed and not given.
    """
    if not config.layout.userspace:
        raise UsageError(f"--proxy-mode: kube-proxy {config.kube_version} has no userspace mode")
    _prepare(tables)
    for port, proxy in _proxies(cluster, config):
        _cluster_ip(tables, proxy, port.port, port.service.cluster_ip)
        for ip in port.service.external_ips:
            _external_ip(tables, proxy, proxy.match(port.port, ip))
        for vip in port.service.vips:
            _cluster_ip(tables, proxy, port.port, vip)
        if port.node_port:
            _node_port(tables, proxy, port.node_port)


def _prepare(tables: NodeTables) -> None:
    for chain in (_PORTALS_CONTAINER, _PORTALS_HOST, _NODE_PORT_CONTAINER, _NODE_PORT_HOST):
        tables.make_chain("nat", chain)
    tables.prepend("nat", "PREROUTING", f"{_CLUSTER_IPS} -j {_PORTALS_CONTAINER}")
    tables.prepend("nat", "OUTPUT", f"{_CLUSTER_IPS} -j {_PORTALS_HOST}")
    tables.append("nat", "PREROUTING", f"{_NODE_PORTS} -j {_NODE_PORT_CONTAINER}")
    tables.append("nat", "OUTPUT", f"{_NODE_PORTS} -j {_NODE_PORT_HOST}")
    tables.make_chain("filter", _NODE_PORT_NON_LOCAL)
    tables.prepend("filter", "INPUT", f"{_NON_LOCAL} -j {_NODE_PORT_NON_LOCAL}")


def _proxies(cluster: Cluster, config: ProxyConfig) -> Iterator[tuple[ProxiedPort, _Proxy]]:
    """Hand out the proxy ports in object order; SCTP is not supported and gets none."""
    numbers = iter(parse_port_range(config.proxy_port_range))
    bind = canonical_ip(config.bind_address) if config.bind_address else None
    everywhere = bind in (None, "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
    host = config.node_address if everywhere or bind is None else bind
    if everywhere and not config.node_ip:
        raise UsageError("--proxy-mode userspace needs the node's address", expected="--node-ip")
    for port in proxied_ports(cluster.services, config):
        if port.protocol not in ("tcp", "udp"):
            continue
        number = next(numbers, None)
        if number is None:
            raise UsageError(
                "--proxy-mode userspace needs a port of kube-proxy's own for every service port",
                expected="--proxy-port-range with enough ports",
            )
        to_host = f"-j DNAT --to-destination {join_host_port(host, number)}"
        to_containers = f"-j REDIRECT --to-ports {number}" if everywhere else to_host
        yield port, _Proxy(port.name, port.protocol, number, to_containers, to_host)


def _cluster_ip(tables: NodeTables, proxy: _Proxy, port: int, ip: str) -> None:
    match = proxy.match(port, ip)
    tables.append("nat", _PORTALS_CONTAINER, f"{match} {proxy.from_containers}")
    tables.append("nat", _PORTALS_HOST, f"{match} {proxy.from_host}")


def _external_ip(tables: NodeTables, proxy: _Proxy, match: str) -> None:
    local = f"{match} -m addrtype --dst-type LOCAL"
    tables.append("nat", _PORTALS_CONTAINER, f"{match} -m physdev ! --physdev-is-in {proxy.from_containers}")
    tables.append("nat", _PORTALS_CONTAINER, f"{local} {proxy.from_containers}")
    tables.append("nat", _PORTALS_HOST, f"{local} {proxy.from_host}")


def _node_port(tables: NodeTables, proxy: _Proxy, number: int) -> None:
    match = proxy.match(number)
    tables.append("nat", _NODE_PORT_CONTAINER, f"{match} {proxy.from_containers}")
    tables.append("nat", _NODE_PORT_HOST, f"{match} {proxy.from_host}")
    # Filtering comes after the nat, so it sees the proxy port.
    translated = proxy.match(proxy.number)
    tables.append("filter", _NODE_PORT_NON_LOCAL, f"{translated} -m state --state NEW -j ACCEPT")
