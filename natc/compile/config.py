"""kube-proxy's settings and the facts of the node that its rules depend on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from natc.compile.addresses import is_ipv6
from natc.compile.layouts import NEWEST, Layout, Switch, Version, find_version
from natc.errors import UsageError
from natc.kube.addresses import canonical_ip, family_of, parse_network
from natc.values import field, frozen

IPV4 = "ipv4"
IPV6 = "ipv6"

#: The value of ``--nodeport-addresses`` that stands for the node's own address.
PRIMARY = "primary"

_DETECT_MODES = ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
_NO_DETECTION = ("none", "")
_GATE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}", re.ASCII)
_INTERFACE = re.compile(r"[^-!\s/+\"'\\\x00-\x1f\x7f][^\s/+\"'\\\x00-\x1f\x7f]{0,14}")
_PORT_RANGE = re.compile(r"([0-9]{1,5})(?:([-+])([0-9]{1,5}))?", re.ASCII)


def _cidrs(option: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        if parse_network(text) is None:
            raise UsageError(f"{option}: {text!r} is not a CIDR", expected="ADDRESS/LENGTH")


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        expected = " or ".join(each or "nothing" for each in allowed)
        raise UsageError(f"{option}: {value!r} is not known", expected=expected)


@frozen
class ProxyConfig:
    """kube-proxy's flags under their own names, and natc's own facts of the node.

    Addresses and CIDRs are checked when the value is made; UsageError names the flag.
    """

    kube_version: str = NEWEST
    ip_family: str = IPV4
    proxy_mode: str = "iptables"
    cluster_cidr: str = ""
    """One CIDR, or one of each family separated by a comma."""
    detect_local_mode: str = "ClusterCIDR"
    pod_bridge_interface: str = ""
    pod_interface_name_prefix: str = ""
    masquerade_all: bool = False
    masquerade_bit: int = 14
    localhost_nodeports: bool = True
    nodeport_addresses: tuple[str, ...] = ()
    hostname_override: str = ""
    feature_gates: Mapping[str, bool] = field(default=MappingProxyType({}))
    bind_address: str = ""
    """Empty means every address of the family."""
    proxy_port_range: str = ""
    node_ip: str = ""
    interface_addresses: tuple[str, ...] = ()
    """Addresses on the node's interfaces, each with its prefix length or without."""
    conntrack_tcp_be_liberal: bool = False
    """The sysctl net.netfilter.nf_conntrack_tcp_be_liberal is on."""
    nfacct: bool = False
    """The kernel offers nfacct counters."""
    with_kubelet: bool = False
    """kubelet's own chains were there first."""

    def __attrs_post_init__(self) -> None:
        _one_of("--ip-family", self.ip_family, (IPV4, IPV6))
        _one_of("--proxy-mode", self.proxy_mode, ("iptables", "userspace"))
        self._check_detection()
        self._check_addresses()
        self._check_ports()
        for gate in self.feature_gates:
            if not _GATE.fullmatch(gate):
                raise UsageError(f"--feature-gates: {gate!r} is no feature gate's name")

    @property
    def version(self) -> Version:
        """The kube-proxy version with its layout; UsageError when natc does not know it."""
        return find_version(self.kube_version)

    @property
    def layout(self) -> Layout:
        """The rule layout of that version."""
        return self.version.layout

    @property
    def is_ipv6(self) -> bool:
        """Whether the proxier is the one for ip6tables."""
        return self.ip_family == IPV6

    @property
    def cluster_cidrs(self) -> tuple[str, ...]:
        """The cluster's pod CIDRs as they were written."""
        return tuple(self.cluster_cidr.split(",")) if self.cluster_cidr else ()

    @property
    def host_name(self) -> str:
        """The node's name as kube-proxy compares it: trimmed and in lower case."""
        return self.hostname_override.strip().lower()

    @property
    def node_address(self) -> str:
        """The node's address, the loopback address while it is unknown (layout section 7).

        An address of this family to bind to is the node's, whatever the Node object says
        (cmd/kube-proxy/app/server.go, detectNodeIPs).
        """
        return self._bound_address or canonical_ip(self.node_ip) or ("::1" if self.is_ipv6 else "127.0.0.1")

    @property
    def knows_node_address(self) -> bool:
        """Whether the node's address is given, one way or the other."""
        return bool(self._bound_address or self.node_ip)

    @property
    def _bound_address(self) -> str | None:
        bound = canonical_ip(self.bind_address)
        if bound in (None, "0.0.0.0", "::") or is_ipv6(bound) != self.is_ipv6:  # noqa: S104 - compared with
            return None
        return bound

    def enabled(self, switch: Switch) -> bool:
        """Tell whether a layout's switch is on under these feature gates.

        A gate set by name wins over AllAlpha and AllBeta, those win over the version's default, and
        a gate this version does not have is off.
        """
        if isinstance(switch, bool):
            return switch
        gate = self.layout.gates.get(switch)
        if gate is None:
            return False
        group = {"alpha": "AllAlpha", "beta": "AllBeta"}.get(gate.stage, "")
        return self.feature_gates.get(switch, self.feature_gates.get(group, gate.default))

    def _check_detection(self) -> None:
        mode = self.detect_local_mode
        _one_of("--detect-local-mode", mode, (*_DETECT_MODES, *_NO_DETECTION))
        known = self.layout.detect_modes
        if mode in _DETECT_MODES and mode not in known:
            raise UsageError(
                f"--detect-local-mode: kube-proxy {self.kube_version} does not know {mode}",
                expected=" or ".join(sorted(known)),
            )
        needed = {
            "BridgeInterface": ("--pod-bridge-interface", self.pod_bridge_interface),
            "InterfaceNamePrefix": ("--pod-interface-name-prefix", self.pod_interface_name_prefix),
        }
        if mode in needed and not _INTERFACE.fullmatch(needed[mode][1]):
            option, name = needed[mode]
            raise UsageError(f"{option}: {name!r} is no interface name, and {mode} needs one")

    def _check_addresses(self) -> None:
        _cidrs("--cluster-cidr", self.cluster_cidrs)
        self._check_node_port_addresses()
        _cidrs("--interface-addresses", tuple(a for a in self.interface_addresses if "/" in a))
        bare = tuple(a for a in self.interface_addresses if "/" not in a)
        for option, text in (
            ("--node-ip", self.node_ip),
            ("--bind-address", self.bind_address),
            *(("--interface-addresses", address) for address in bare),
        ):
            if text and canonical_ip(text) is None:
                raise UsageError(f"{option}: {text!r} is not an IP address")
        if self.node_ip and (family_of(self.node_ip) == 6) != self.is_ipv6:
            raise UsageError(f"--node-ip: {self.node_ip} is not an {self.ip_family} address")

    def _check_node_port_addresses(self) -> None:
        if PRIMARY not in self.nodeport_addresses:
            _cidrs("--nodeport-addresses", self.nodeport_addresses)
            return
        if len(self.nodeport_addresses) > 1:
            raise UsageError(f"--nodeport-addresses: {PRIMARY} stands alone")
        if not self.layout.primary_node_port_address:
            raise UsageError(f"--nodeport-addresses: kube-proxy {self.kube_version} does not know {PRIMARY}")
        if not self.knows_node_address:
            raise UsageError(f"--nodeport-addresses={PRIMARY} needs --node-ip")

    def _check_ports(self) -> None:
        if not 0 <= self.masquerade_bit <= 31:
            raise UsageError(f"--iptables-masquerade-bit: {self.masquerade_bit} is not from 0 to 31")
        parse_port_range(self.proxy_port_range)


def parse_port_range(text: str) -> range:
    """Return the ports of ``from-to``, ``from+count`` or one port, as kube-proxy writes ranges.

    Nothing, 0 and 0-0 stand for "any free port": an empty range. Raises UsageError when the text
    is none of these or leaves 1 to 65535.
    """
    if text in ("", "0", "0-0"):
        return range(0)
    match = _PORT_RANGE.fullmatch(text)
    if match:
        first = int(match[1])
        last = first if not match[2] else int(match[3]) + (first if match[2] == "+" else 0)
        if 1 <= first <= last <= 65535:
            return range(first, last + 1)
    raise UsageError(f"--proxy-port-range: {text!r} is not a range of ports", expected="FROM-TO")
