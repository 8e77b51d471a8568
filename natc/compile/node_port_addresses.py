"""Which of the node's addresses take node ports: ``--nodeport-addresses`` (layout 6, history D)."""

from __future__ import annotations

import ipaddress

from natc.compile.addresses import contains, host_cidr
from natc.compile.config import PRIMARY, ProxyConfig
from natc.compile.layouts import NodePortCidrs
from natc.kube.addresses import Network, canonical_ip, parse_network
from natc.values import frozen

_ZERO_CIDRS = ("0.0.0.0/0", "::/0")
_LOOPBACK_IPV4 = ipaddress.IPv4Network("127.0.0.0/8")


@frozen
class NodePortAddresses:
    """Where node ports are open, for one IP family."""

    everywhere: bool
    """On every local address."""
    matched: tuple[str, ...]
    """Otherwise the node's addresses inside the CIDRs, of any family, sorted as text.

    kube-proxy has them in map order.
    """
    loopback: bool
    """Whether IPv4 loopback addresses are meant."""

    @property
    def anywhere(self) -> bool:
        """Whether any address at all takes node ports."""
        return self.everywhere or bool(self.matched)


def node_port_addresses(config: ProxyConfig) -> NodePortAddresses:
    """Return where the config opens node ports."""
    cidrs = _cidrs(config)
    networks = [network for cidr in cidrs if (network := parse_network(cidr)) is not None]
    everywhere = any(_is_zero(config, cidr, network) for cidr, network in zip(cidrs, networks, strict=True))
    matched = {
        address
        for address in _interface_addresses(config)
        if any(contains(network, address) for network in networks)
    }
    return NodePortAddresses(
        everywhere=everywhere,
        matched=tuple(sorted(matched)),
        loopback=any(_has_loopback(network) for network in networks),
    )


def _cidrs(config: ProxyConfig) -> list[str]:
    given = [host_cidr(config.node_address) if c == PRIMARY else c for c in config.nodeport_addresses]
    style = config.layout.node_port_cidrs
    if not given:
        return list(_ZERO_CIDRS) if style is NodePortCidrs.ALL_FAMILIES else [_ZERO_CIDRS[config.is_ipv6]]
    if style is NodePortCidrs.ALL_FAMILIES:
        return given
    own = [c for c in given if (":" in c) == config.is_ipv6]
    if own or style is NodePortCidrs.OWN_FAMILY_OR_NONE:
        return own
    return [_ZERO_CIDRS[config.is_ipv6]]


def _is_zero(config: ProxyConfig, cidr: str, network: Network) -> bool:
    return network.prefixlen == 0 if config.layout.zero_cidrs_parsed else cidr in _ZERO_CIDRS


def _has_loopback(network: Network) -> bool:
    return isinstance(network, ipaddress.IPv4Network) and network.overlaps(_LOOPBACK_IPV4)


def _interface_addresses(config: ProxyConfig) -> list[str]:
    texts = (address.partition("/")[0] for address in config.interface_addresses)
    return [ip for text in texts if (ip := canonical_ip(text)) is not None]
