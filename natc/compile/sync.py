"""One full sync of kube-proxy: the text it gives to iptables-restore, built list by list.

The passes append whole lines here, stencils some lines at once; kube-proxy keeps the same four buffers
(layout section 5).
"""

from __future__ import annotations

from collections.abc import Iterator

from natc.compile.config import ProxyConfig
from natc.compile.detector import LocalDetector
from natc.compile.layouts import Layout
from natc.compile.node_port_addresses import NodePortAddresses
from natc.values import define, field

#: How many entries of a buffer make a piece of text: up to a megabyte or so.
_PIECE = 512


@define
class Sync:
    """The buffers of one sync and what every pass looks up. The one mutable object of a compilation."""

    config: ProxyConfig
    layout: Layout
    detector: LocalDetector | None
    node_ports: NodePortAddresses
    large: bool
    """Large-cluster mode: the comments on endpoint rules are left out."""
    external_ip_policy: bool
    """Whether externalTrafficPolicy Local holds for external IPs."""
    filter_chains: list[str] = field(factory=list)
    filter_rules: list[str] = field(factory=list)
    nat_chains: list[str] = field(factory=list)
    nat_rules: list[str] = field(factory=list)

    @property
    def masquerade_mark(self) -> str:
        """The masquerade mark as kube-proxy prints it, eight hex digits."""
        return f"{1 << self.config.masquerade_bit:#010x}"

    @property
    def localhost_node_ports(self) -> bool:
        """Whether node ports answer on IPv4 loopback addresses (end of layout section 6)."""
        return self.config.localhost_nodeports and self.node_ports.loopback and not self.config.is_ipv6

    @property
    def nfacct(self) -> bool:
        """Whether rules count packets in nfacct objects (layout section 12)."""
        return self.layout.nfacct and self.config.nfacct

    def cut(self) -> None:
        """Make every line an entry of its buffer."""
        for lines in (self.nat_chains, self.filter_rules, self.nat_rules):
            lines[:] = "\n".join(lines).split("\n") if lines else ()

    def text(self) -> str:
        """Return the restore text."""
        return "".join(self.pieces())

    def pieces(self) -> Iterator[str]:
        """Yield the restore text in pieces of whole lines."""
        parts = (
            ["*filter"],
            self.filter_chains,
            self.filter_rules,
            ["COMMIT", "*nat"],
            self.nat_chains,
            self.nat_rules,
            ["COMMIT"],
        )
        for lines in parts:
            for start in range(0, len(lines), _PIECE):
                yield "\n".join((*lines[start : start + _PIECE], ""))


def chain_line(name: str) -> str:
    """Return the line that makes a chain, or empties it."""
    return f":{name} - [0:0]"
