"""What differs between kube-proxy versions, as data: one :class:`Layout` per distinct rule layout.

The passes read these fields; none of them knows a version number. A layout is written as the one
before it plus what changed, so each block reads as that release's history. Sections named here are
those of the project's kube-proxy specification: layout section N, history A to F.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from natc.errors import UsageError
from natc.kube.objects import HEADLESS_LABEL, OTHER_PROXY_LABEL
from natc.kube.proxy_names import (
    ENDPOINT_PREFIX,
    EXTERNAL_LOCAL_PREFIX,
    EXTERNAL_PREFIX,
    FIREWALL_PREFIX,
    LOCAL_PREFIX,
    SERVICE_PREFIX,
)
from natc.values import evolve, field, frozen

#: True or False for good, or the name of the feature gate that decides.
Switch = bool | str


@frozen
class Gate:
    """A feature gate of one version: its default, and its stage for AllAlpha and AllBeta."""

    default: bool
    stage: str


ALPHA = Gate(default=False, stage="alpha")
BETA = Gate(default=True, stage="beta")
BETA_OFF = Gate(default=False, stage="beta")
GENERAL = Gate(default=True, stage="general")
GENERAL_OFF = Gate(default=False, stage="general")


class Pass(Enum):
    """The passes over one service port. A layout gives their order, which is the order of rules."""

    CLUSTER_IP_MASQUERADE = auto()
    CLUSTER_IP_JUMP = auto()
    CLUSTER_IP_REFUSAL = auto()
    EXTERNAL_IPS = auto()
    EXTERNAL_IP_REFUSAL = auto()
    LOAD_BALANCER_IPS = auto()
    PROXY_FIREWALL = auto()
    LOAD_BALANCER_REFUSAL = auto()
    NODE_PORT = auto()
    NODE_PORT_REFUSAL = auto()
    HEALTH_CHECK = auto()
    EXTERNAL_CHAIN = auto()
    FIREWALL_CHAIN = auto()
    SERVICE_CHAIN = auto()
    LOCAL_CHAIN = auto()
    EXTERNAL_LOCAL_CHAIN = auto()
    ENDPOINT_CHAINS = auto()
    SERVICE_AND_ENDPOINT_CHAINS = auto()


class Chain(Enum):
    """The kinds of chain one service port may have."""

    SERVICE = SERVICE_PREFIX
    LOCAL = LOCAL_PREFIX
    EXTERNAL = EXTERNAL_PREFIX
    EXTERNAL_LOCAL = EXTERNAL_LOCAL_PREFIX
    FIREWALL = FIREWALL_PREFIX
    ENDPOINT = ENDPOINT_PREFIX


class Duplicates(Enum):
    """Which of several endpoints with one identity stays (history D, layout sections 1 and 12)."""

    BY_IP = auto()
    """Same IP, whatever the port: the first, unless a later one is local."""
    BY_ENDPOINT = auto()
    """Same IP and port: the first, unless a later one is local."""
    PREFER_STEADY = auto()
    """Same IP and port: the last that is not terminating, else the first."""


class Selection(Enum):
    """Which endpoints count and which are used (layout section 2, history D)."""

    READY = auto()
    """Only ready ones exist at all."""
    ALL_CHAINED = auto()
    """1.22.0: unready ones count and get chains, but no balancing rule leads to them."""
    READY_THEN_LOCAL = auto()
    """1.23: ready ones, and for external traffic with policy Local also terminating local ones."""
    BY_POLICY = auto()
    """From 1.24: a cluster list and a local list, each for its own traffic policy."""


class Hints(Enum):
    """Which values of the Service's annotation turn topology hints on (layout section 2, history D)."""

    AUTO = auto()
    """The topology-aware-hints annotation is "Auto" or "auto"."""
    ANNOTATED = auto()
    """That annotation, or without it topology-mode, holds anything but "" and "disabled"."""


class SourceRanges(Enum):
    """How ``loadBalancerSourceRanges`` are read (history D and B6)."""

    RAW = auto()
    """White space around a range crashes kube-proxy."""
    TRIMMED = auto()
    MASKED = auto()
    """Trimmed, and printed as the network address."""


class Addresses(Enum):
    """How addresses are spelled in the restore text (history A, last row)."""

    PREFIXED = auto()
    """Canonical, with /32 or /128."""
    AS_WRITTEN = auto()
    """Bare; external and load balancer IPs as the Service has them."""
    CANONICAL = auto()
    """Bare and canonical."""


class ServiceComment(Enum):
    """The comment on the rules that lead from a service's chains to its endpoints."""

    NONE = auto()
    NAME = auto()
    NAME_AND_ENDPOINT = auto()


class InvalidDrop(Enum):
    """Whether KUBE-FORWARD drops packets conntrack calls INVALID."""

    NEVER = auto()
    ALWAYS = auto()
    UNLESS_LIBERAL = auto()


class ForwardConntrack(Enum):
    """KUBE-FORWARD's rules for known connections (history B2)."""

    CLUSTER_CIDR_PAIR = auto()
    PAIR = auto()
    ONE = auto()


class ExternalIps(Enum):
    """The rules of one external IP (history B3 b)."""

    PHYSDEV = auto()
    MASQUERADE_AND_JUMP = auto()
    JUMP = auto()


class FirewallEnd(Enum):
    """How the KUBE-FW- chain ends."""

    MARK_DROP = auto()
    NOTHING = auto()
    COMMENT = auto()


class NodePortCidrs(Enum):
    """Which of the ``--nodeport-addresses`` count for one IP family (history D)."""

    ALL_FAMILIES = auto()
    OWN_FAMILY = auto()
    """An emptied list means every address."""
    OWN_FAMILY_OR_NONE = auto()
    """An emptied list means no address."""


class Unmatched(Enum):
    """What happens to node ports when no address of the node is inside the CIDRs (history D)."""

    WRITTEN = auto()
    SERVICE_CUT_SHORT = auto()
    """The rest of the service's rules is missing too."""
    LEFT_OUT = auto()


@frozen
class Jump:
    """A rule made on its own before the restore: make ``to`` if missing, put it first in ``chain``."""

    table: str
    chain: str
    to: str
    match: str = ""


@frozen
class KubeletLayout:
    """What kubelet itself writes on the node (history F)."""

    drop_mark: bool = True
    """KUBE-MARK-DROP, KUBE-FIREWALL's marked-packet rule, and kube-proxy's masquerade chains too.

    1.27 turned these off by default (gate IPTablesOwnershipCleanup); the recorded node of 1.27 had
    them still, and natc follows the record.
    """
    localnet_rule: bool = False
    canary: bool = False
    hint_chain: bool = False


_NEW_SERVICES = '-m conntrack --ctstate NEW -m comment --comment "kubernetes service portals"'
_NEW_EXTERNAL = (
    '-m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals"'
)
_NEW_FIREWALL = '-m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall"'
_HEALTH = '-m comment --comment "kubernetes health check service ports"'
_PORTALS = '-m comment --comment "kubernetes service portals"'

_EXTERNAL_INPUT = Jump("filter", "INPUT", "KUBE-EXTERNAL-SERVICES", _NEW_EXTERNAL)
_EXTERNAL_FORWARD = Jump("filter", "FORWARD", "KUBE-EXTERNAL-SERVICES", _NEW_EXTERNAL)
_HEALTH_INPUT = Jump("filter", "INPUT", "KUBE-NODEPORTS", _HEALTH)
_SERVICES_FORWARD = Jump("filter", "FORWARD", "KUBE-SERVICES", _NEW_SERVICES)
_SERVICES_OUTPUT = Jump("filter", "OUTPUT", "KUBE-SERVICES", _NEW_SERVICES)
_SERVICES_INPUT = Jump("filter", "INPUT", "KUBE-SERVICES", _NEW_SERVICES)
_FORWARD = Jump("filter", "FORWARD", "KUBE-FORWARD", '-m comment --comment "kubernetes forwarding rules"')
_PROXY_FIREWALLS = tuple(
    Jump("filter", chain, "KUBE-PROXY-FIREWALL", _NEW_FIREWALL) for chain in ("INPUT", "OUTPUT", "FORWARD")
)
_NAT_SERVICES = (
    Jump("nat", "OUTPUT", "KUBE-SERVICES", _PORTALS),
    Jump("nat", "PREROUTING", "KUBE-SERVICES", _PORTALS),
)
#: kubelet makes this one too.
POSTROUTING_JUMP = Jump(
    "nat", "POSTROUTING", "KUBE-POSTROUTING", '-m comment --comment "kubernetes postrouting rules"'
)
_FIREWALLS = (Jump("filter", "INPUT", "KUBE-FIREWALL"), Jump("filter", "OUTPUT", "KUBE-FIREWALL"))

_JUMPS_1_14 = (
    _EXTERNAL_INPUT,
    _SERVICES_FORWARD,
    _SERVICES_OUTPUT,
    _SERVICES_INPUT,
    _FORWARD,
    *_NAT_SERVICES,
    POSTROUTING_JUMP,
)
_FILTER_1_20 = (_EXTERNAL_INPUT, _EXTERNAL_FORWARD, _SERVICES_FORWARD, _SERVICES_OUTPUT, _FORWARD)
_FILTER_1_21 = (
    _EXTERNAL_INPUT,
    _EXTERNAL_FORWARD,
    _HEALTH_INPUT,
    _SERVICES_FORWARD,
    _SERVICES_OUTPUT,
    _FORWARD,
)
_FILTER_1_25 = (*_FILTER_1_21, *_PROXY_FIREWALLS)

_PASSES_1_14 = (
    Pass.CLUSTER_IP_MASQUERADE,
    Pass.CLUSTER_IP_JUMP,
    Pass.CLUSTER_IP_REFUSAL,
    Pass.EXTERNAL_IPS,
    Pass.EXTERNAL_IP_REFUSAL,
    Pass.LOAD_BALANCER_IPS,
    Pass.LOAD_BALANCER_REFUSAL,
    Pass.NODE_PORT,
    Pass.NODE_PORT_REFUSAL,
    Pass.SERVICE_AND_ENDPOINT_CHAINS,
    Pass.EXTERNAL_LOCAL_CHAIN,
)
_FRONT_1_21 = (*_PASSES_1_14[:9], Pass.HEALTH_CHECK)
_PASSES_1_21 = (*_FRONT_1_21, Pass.SERVICE_AND_ENDPOINT_CHAINS, Pass.EXTERNAL_LOCAL_CHAIN)
_PASSES_1_22 = (*_FRONT_1_21, Pass.SERVICE_CHAIN, Pass.ENDPOINT_CHAINS, Pass.EXTERNAL_LOCAL_CHAIN)
_PASSES_1_23 = (Pass.ENDPOINT_CHAINS, *_FRONT_1_21, Pass.SERVICE_CHAIN, Pass.EXTERNAL_LOCAL_CHAIN)
_PASSES_1_24 = (
    Pass.ENDPOINT_CHAINS,
    Pass.EXTERNAL_CHAIN,
    *_FRONT_1_21,
    Pass.SERVICE_CHAIN,
    Pass.LOCAL_CHAIN,
)
_PASSES_1_25 = (
    Pass.CLUSTER_IP_JUMP,
    Pass.CLUSTER_IP_REFUSAL,
    Pass.EXTERNAL_IPS,
    Pass.EXTERNAL_IP_REFUSAL,
    Pass.LOAD_BALANCER_IPS,
    Pass.PROXY_FIREWALL,
    Pass.LOAD_BALANCER_REFUSAL,
    Pass.NODE_PORT,
    Pass.NODE_PORT_REFUSAL,
    Pass.HEALTH_CHECK,
    Pass.CLUSTER_IP_MASQUERADE,
    Pass.EXTERNAL_CHAIN,
    Pass.FIREWALL_CHAIN,
    Pass.SERVICE_CHAIN,
    Pass.LOCAL_CHAIN,
    Pass.ENDPOINT_CHAINS,
)


@frozen
class Layout:
    """One kube-proxy rule layout. Fields are named behaviours; enums say what each value means."""

    name: str
    """The first release with this layout, for a person to read."""
    gates: Mapping[str, Gate] = field(default=MappingProxyType({}))

    # what is read, and how
    hiding_labels: tuple[str, ...] = (OTHER_PROXY_LABEL,)
    """Labels of objects that kube-proxy never gets to see (cmd/kube-proxy/app/server.go)."""
    colon_always: bool = True
    protocol_in_key: bool = False
    slices: Switch = False
    """Whether endpoints come from EndpointSlices; else from Endpoints."""
    duplicates: Duplicates = Duplicates.BY_IP
    canonical_endpoints: bool = False
    counts_all_endpoints: bool = False
    """Large mode counts every endpoint, not only the ready ones."""
    dual_stack: bool = False
    """Whether ipFamilies and clusterIPs are read; else clusterIP alone gives the family."""
    vips_of_own_family: bool = False
    source_ranges: SourceRanges = SourceRanges.RAW
    ip_mode: Switch = False
    local_with_external_ips: bool = False
    """Whether externalTrafficPolicy Local holds for a ClusterIP service with external IPs."""
    external_ip_policy: Switch = False
    """Whether externalTrafficPolicy Local holds for external IPs at all."""
    internal_policy: Switch = False
    terminating: Switch = False
    hints: Switch = False
    node_hints: Switch = False
    """Whether hints for nodes are followed; they come before hints for zones."""
    hint_annotation: Hints = Hints.AUTO
    hints_of_ready: bool = False
    """Whether the hints of endpoints that are not ready do not matter."""
    hints_always: Switch = False
    """Whether hints, where they are read, are followed without looking at the Service's annotation."""
    topology_keys: Switch = False
    selection: Selection = Selection.READY
    detect_modes: frozenset[str] = frozenset({"ClusterCIDR"})
    canonical_pod_cidr: bool = False
    """Whether the CIDR of the local pods is spelled as the network it lies in, not as it was given."""
    node_port_cidrs: NodePortCidrs = NodePortCidrs.ALL_FAMILIES
    zero_cidrs_parsed: bool = False
    """Whether any /0 CIDR counts as "every address"; else only its two usual spellings."""
    primary_node_port_address: bool = False
    """Whether ``--nodeport-addresses=primary`` is known."""

    userspace: bool = True
    """Whether there is a userspace mode."""

    # what is made before the restore
    jumps: tuple[Jump, ...] = _JUMPS_1_14
    canary: bool = False
    makes_mark_drop: bool = False
    kubelet: KubeletLayout = KubeletLayout()

    # the fixed rules
    filter_chains: tuple[str, ...] = ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD")
    localnet_rule: bool = False
    return_unmarked: bool = False
    """KUBE-POSTROUTING returns what has no mark and clears the mark (history B1)."""
    random_fully: bool = False
    invalid_drop: InvalidDrop = InvalidDrop.NEVER
    forward_conntrack: ForwardConntrack = ForwardConntrack.CLUSTER_CIDR_PAIR
    loopback_node_ports: bool = True
    """Whether loopback addresses inside the node port CIDRs always get their rule."""
    nfacct: bool = False

    # the rules of one service port
    passes: tuple[Pass, ...] = _PASSES_1_14
    chains: tuple[Chain, ...] = (Chain.SERVICE, Chain.EXTERNAL_LOCAL, Chain.FIREWALL, Chain.ENDPOINT)
    """Kinds of chain, in the order of their chain lines."""
    addresses: Addresses = Addresses.PREFIXED
    hairpin_as_written: bool = False
    """Whether the endpoint's own address is spelled as in its slice."""
    service_comment: ServiceComment = ServiceComment.NONE
    probability_digits: int = 5
    masquerade_in_services: bool = True
    """Whether masquerade rules stand beside the jumps; else at the top of the service's chain."""
    external_ips: ExternalIps = ExternalIps.PHYSDEV
    firewall_always: bool = True
    """Whether every load balancer IP leads to a KUBE-FW- chain; else only with source ranges."""
    firewall_end: FirewallEnd = FirewallEnd.MARK_DROP
    no_local_drop: bool = False
    """Whether traffic without a local endpoint is dropped in filter; else marked for it in nat."""
    vip_refusal_chain: str = "KUBE-SERVICES"
    unmatched_node_ports: Unmatched = Unmatched.WRITTEN
    route_local: bool = False
    """Whether KUBE-XLB- sends the node's own traffic to the cluster's endpoints."""
    numbered_balancing: bool = True
    """Whether KUBE-XLB- comments read "Balancing rule N for ..."."""


_UP_TO_1_23 = frozenset({"ClusterCIDR", "NodeCIDR"})
_ALL_DETECT_MODES = _UP_TO_1_23 | {"BridgeInterface", "InterfaceNamePrefix"}
_TOPOLOGY_GATES = {"ServiceTopology": ALPHA}


def _gates(*parts: Mapping[str, Gate], **more: Gate) -> Mapping[str, Gate]:
    merged: dict[str, Gate] = {}
    for part in parts:
        merged.update(part)
    return MappingProxyType(merged | more)


L1_14 = Layout(name="1.14")
L1_15 = evolve(L1_14, name="1.15", invalid_drop=InvalidDrop.ALWAYS, route_local=True)
L1_16 = evolve(L1_15, name="1.16", random_fully=True, hiding_labels=(*L1_15.hiding_labels, HEADLESS_LABEL))
L1_16_11 = evolve(L1_16, name="1.16.11", kubelet=KubeletLayout(localnet_rule=True))
L1_16_13 = evolve(L1_16_11, name="1.16.13", return_unmarked=True)
L1_17 = evolve(
    L1_16,
    name="1.17",
    gates=_gates(_TOPOLOGY_GATES, EndpointSlice=BETA_OFF),
    protocol_in_key=True,
    slices="EndpointSlice",
    topology_keys="ServiceTopology",
    probability_digits=10,
    canary=True,
    kubelet=KubeletLayout(canary=True),
)
L1_17_7 = evolve(L1_17, name="1.17.7", kubelet=KubeletLayout(canary=True, localnet_rule=True))
L1_17_9 = evolve(L1_17_7, name="1.17.9", return_unmarked=True)
L1_18 = evolve(
    L1_17,
    name="1.18",
    gates=_gates(_TOPOLOGY_GATES, EndpointSliceProxying=ALPHA, ExternalPolicyForExternalIP=GENERAL_OFF),
    slices="EndpointSliceProxying",
    external_ip_policy="ExternalPolicyForExternalIP",
    vips_of_own_family=True,
    service_comment=ServiceComment.NAME,
    forward_conntrack=ForwardConntrack.PAIR,
    detect_modes=_UP_TO_1_23,
)
L1_18_4 = evolve(L1_18, name="1.18.4", kubelet=KubeletLayout(canary=True, localnet_rule=True))
L1_18_6 = evolve(L1_18_4, name="1.18.6", return_unmarked=True)
L1_19 = evolve(
    L1_18_6,
    name="1.19",
    gates=_gates(_TOPOLOGY_GATES, EndpointSliceProxying=BETA, ExternalPolicyForExternalIP=GENERAL),
    colon_always=False,
    node_port_cidrs=NodePortCidrs.OWN_FAMILY,
    unmatched_node_ports=Unmatched.SERVICE_CUT_SHORT,
)
L1_20 = evolve(
    L1_19,
    name="1.20",
    dual_stack=True,
    source_ranges=SourceRanges.TRIMMED,
    vip_refusal_chain="KUBE-EXTERNAL-SERVICES",
    jumps=(*_FILTER_1_20, *_NAT_SERVICES, POSTROUTING_JUMP),
    makes_mark_drop=True,
)
L1_21 = evolve(
    L1_20,
    name="1.21",
    gates=_gates(
        L1_20.gates,
        ServiceInternalTrafficPolicy=ALPHA,
        TopologyAwareHints=ALPHA,
    ),
    counts_all_endpoints=True,
    internal_policy="ServiceInternalTrafficPolicy",
    hints="TopologyAwareHints",
    jumps=(*_FILTER_1_21, *_NAT_SERVICES, POSTROUTING_JUMP),
    filter_chains=(*L1_20.filter_chains, "KUBE-NODEPORTS"),
    passes=_PASSES_1_21,
    external_ips=ExternalIps.MASQUERADE_AND_JUMP,
)
L1_22 = evolve(
    L1_21,
    name="1.22",
    gates=_gates(
        ServiceInternalTrafficPolicy=BETA,
        TopologyAwareHints=ALPHA,
        ProxyTerminatingEndpoints=ALPHA,
    ),
    slices=True,
    external_ip_policy=True,
    topology_keys=False,
    duplicates=Duplicates.BY_ENDPOINT,
    terminating="ProxyTerminatingEndpoints",
    selection=Selection.ALL_CHAINED,
    passes=_PASSES_1_22,
    masquerade_in_services=False,
)
L1_22_5 = evolve(L1_22, name="1.22.5", selection=Selection.READY_THEN_LOCAL)
L1_23 = evolve(
    L1_22_5,
    name="1.23",
    gates=_gates(L1_22.gates, TopologyAwareHints=BETA_OFF),
    hints_of_ready=True,
    forward_conntrack=ForwardConntrack.ONE,
    unmatched_node_ports=Unmatched.LEFT_OUT,
    passes=_PASSES_1_23,
    chains=(Chain.ENDPOINT, Chain.SERVICE, Chain.EXTERNAL_LOCAL, Chain.FIREWALL),
    addresses=Addresses.AS_WRITTEN,
    numbered_balancing=False,
)
L1_24 = evolve(
    L1_23,
    name="1.24",
    gates=_gates(L1_23.gates, TopologyAwareHints=BETA),
    detect_modes=_ALL_DETECT_MODES,
    selection=Selection.BY_POLICY,
    passes=_PASSES_1_24,
    chains=(Chain.ENDPOINT, Chain.SERVICE, Chain.LOCAL, Chain.EXTERNAL, Chain.FIREWALL),
    service_comment=ServiceComment.NAME_AND_ENDPOINT,
    external_ips=ExternalIps.JUMP,
    firewall_always=False,
    kubelet=KubeletLayout(canary=True, localnet_rule=True, hint_chain=True),
)
L1_25 = evolve(
    L1_24,
    name="1.25",
    jumps=(*_FILTER_1_25, *_NAT_SERVICES, POSTROUTING_JUMP),
    filter_chains=(*L1_24.filter_chains, "KUBE-PROXY-FIREWALL"),
    makes_mark_drop=False,
    passes=_PASSES_1_25,
    chains=(Chain.EXTERNAL, Chain.FIREWALL, Chain.SERVICE, Chain.LOCAL, Chain.ENDPOINT),
    firewall_end=FirewallEnd.NOTHING,
    no_local_drop=True,
)
L1_26 = evolve(
    L1_25,
    name="1.26",
    userspace=False,
    gates=_gates(TopologyAwareHints=BETA, ProxyTerminatingEndpoints=BETA),
    internal_policy=True,
    loopback_node_ports=False,
)
L1_27 = evolve(
    L1_26,
    name="1.27",
    hint_annotation=Hints.ANNOTATED,
    node_port_cidrs=NodePortCidrs.OWN_FAMILY_OR_NONE,
    unmatched_node_ports=Unmatched.WRITTEN,
    jumps=(*_FILTER_1_25, *_NAT_SERVICES, *_FIREWALLS, POSTROUTING_JUMP),
    localnet_rule=True,
    firewall_end=FirewallEnd.COMMENT,
)
L1_28 = evolve(
    L1_27,
    name="1.28",
    kubelet=KubeletLayout(drop_mark=False, canary=True, localnet_rule=True, hint_chain=True),
    gates=_gates(TopologyAwareHints=BETA),
    terminating=True,
    node_port_cidrs=NodePortCidrs.OWN_FAMILY,
    jumps=(*_FILTER_1_25, *_NAT_SERVICES, POSTROUTING_JUMP, *_FIREWALLS),
)
L1_29 = evolve(
    L1_28,
    name="1.29",
    gates=_gates(TopologyAwareHints=BETA, LoadBalancerIPMode=ALPHA),
    ip_mode="LoadBalancerIPMode",
    local_with_external_ips=True,
    invalid_drop=InvalidDrop.UNLESS_LIBERAL,
    hairpin_as_written=True,
)
L1_30 = evolve(
    L1_29,
    name="1.30",
    gates=_gates(TopologyAwareHints=BETA, LoadBalancerIPMode=BETA, ServiceTrafficDistribution=ALPHA),
    source_ranges=SourceRanges.MASKED,
    hints_always="ServiceTrafficDistribution",
    canonical_pod_cidr=True,
    addresses=Addresses.CANONICAL,
)
L1_31 = evolve(
    L1_30,
    name="1.31",
    gates=_gates(TopologyAwareHints=BETA, LoadBalancerIPMode=BETA, ServiceTrafficDistribution=BETA),
    canonical_endpoints=True,
    zero_cidrs_parsed=True,
    primary_node_port_address=True,
    nfacct=True,
)
# From here on gates are those of pkg/features/kube_features.go; one that is locked is no gate any more.
L1_32 = evolve(
    L1_31,
    name="1.32",
    gates=_gates(TopologyAwareHints=BETA, ServiceTrafficDistribution=BETA),
    ip_mode=True,
)
L1_33 = evolve(
    L1_32,
    name="1.33",
    gates=_gates(PreferSameTrafficDistribution=ALPHA),
    hints=True,
    hints_always=True,
    node_hints="PreferSameTrafficDistribution",
)
L1_34 = evolve(L1_33, name="1.34", gates=_gates(PreferSameTrafficDistribution=BETA))
L1_35 = evolve(L1_34, name="1.35", gates=_gates(), node_hints=True)
#: Of December 2025, when 1.35 was all but out (kubernetes PR 135593).
NEWER = evolve(L1_35, name="newer", duplicates=Duplicates.PREFER_STEADY)


class Sureness(Enum):
    """How a version's layout is known."""

    COMPARED = "compared with that release"
    SAME_MINOR = "compared with another patch release of this minor"
    BOUNDARY = "the patch release it begins with is not verified"
    SOURCES = "read from sources, no build of this minor was compared"
    APPLIED = "compared with 1.30.5 after applying the later changes by hand"
    LATER = "1.30.5 with the later changes, the release of each not verified"


@frozen
class Version:
    """A kube-proxy version, the layout natc uses for it, and how sure that is."""

    text: str
    layout: Layout
    sureness: Sureness

    def __str__(self) -> str:
        name = "the newest kube-proxy known" if self.text == NEWEST else f"kube-proxy {self.text}"
        return f"{name}: layout {self.layout.name}, {self.sureness.value}"


#: Minor -> its layouts, each with the first patch release that has it (history A, D and F).
_MINORS: Mapping[int, tuple[tuple[int, Layout], ...]] = MappingProxyType(
    {
        14: ((0, L1_14),),
        15: ((0, L1_15),),
        16: ((0, L1_16), (11, L1_16_11), (13, L1_16_13)),
        17: ((0, L1_17), (7, L1_17_7), (9, L1_17_9)),
        18: ((0, L1_18), (4, L1_18_4), (6, L1_18_6)),
        19: ((0, L1_19),),
        20: ((0, L1_20),),
        21: ((0, L1_21),),
        22: ((0, L1_22), (5, L1_22_5)),
        23: ((0, L1_23),),
        24: ((0, L1_24),),
        25: ((0, L1_25),),
        26: ((0, L1_26),),
        27: ((0, L1_27),),
        28: ((0, L1_28),),
        29: ((0, L1_29),),
        30: ((0, L1_30),),
        31: ((0, L1_31),),
        32: ((0, L1_32),),
        33: ((0, L1_33),),
        34: ((0, L1_34),),
        35: ((0, L1_35),),
        36: ((0, NEWER),),
        37: ((0, NEWER),),
    }
)

#: Minor -> patch releases whose real program was compared; 1.20.0 and 1.22.0 as candidates.
_COMPARED: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        **dict.fromkeys((14, 16, 20, 22, 26), (0,)),
        **{17: (2,), 18: (2, 6), 19: (2,), 21: (1,), 23: (4,), 24: (3,), 25: (4,)},
        **{27: (1,), 28: (3,), 29: (1,), 30: (5,)},
    }
)

#: The version that means "as new as natc knows".
NEWEST = "newer"

_VERSION = re.compile(r"v?1\.([0-9]{1,3})(?:\.([0-9]{1,3})(?:[-+][0-9A-Za-z.+-]{1,40})?)?", re.ASCII)


def find_version(text: str) -> Version:
    """Return the layout for ``1.N``, ``1.N.P`` or ``newer``; without P the newest patch is meant.

    Raises UsageError for anything else and for versions natc does not know.
    """
    if text == NEWEST:
        return Version(text, NEWER, Sureness.APPLIED)
    match = _VERSION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--kube-version: {text!r} is not a kube-proxy version", expected=f"1.N, 1.N.P or {NEWEST}"
        )
    minor = int(match[1])
    if minor not in _MINORS:
        raise UsageError(
            f"--kube-version: natc does not know kube-proxy {text}",
            expected=f"1.{min(_MINORS)} to 1.{max(_MINORS)}, or {NEWEST}",
        )
    patch = int(match[2]) if match[2] else _MINORS[minor][-1][0]
    return Version(text, _layout_of(minor, patch), _sureness(minor, patch))


def known_versions() -> Mapping[str, Layout]:
    """Return the first release that has each layout, the newest first; of equal layouts the newest."""
    found: dict[str, Layout] = {}
    for minor, layouts in sorted(_MINORS.items(), reverse=True):
        for patch, layout in reversed(layouts):
            if layout not in found.values():
                found[f"1.{minor}.{patch}"] = layout
    return MappingProxyType(found)


def _layout_of(minor: int, patch: int) -> Layout:
    return next(layout for first, layout in reversed(_MINORS[minor]) if first <= patch)


def _sureness(minor: int, patch: int) -> Sureness:
    layout = _layout_of(minor, patch)
    compared = _COMPARED.get(minor, ())
    if patch in compared:
        return Sureness.COMPARED
    if any(_layout_of(minor, other) is layout for other in compared):
        return Sureness.SAME_MINOR
    if compared:
        return Sureness.BOUNDARY
    return Sureness.SOURCES if minor < max(_COMPARED) else Sureness.LATER
