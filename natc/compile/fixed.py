"""The rules that are there whatever the services are (layout section 6, history B1, B2 and D)."""

from __future__ import annotations

from natc.compile.addresses import is_ipv6
from natc.compile.detector import cidr_of_family
from natc.compile.layouts import ForwardConntrack, InvalidDrop
from natc.compile.names import FIREWALL, FORWARD, MARK_MASQ, NODE_PORTS, POSTROUTING, SERVICES
from natc.compile.sync import Sync, chain_line

_SNAT = '-m comment --comment "kubernetes service traffic requiring SNAT"'
_LAST = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'
_KNOWN = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
_CONNTRACK = '-m comment --comment "kubernetes forwarding conntrack'
_INVALID_COUNTER = " -m nfacct --nfacct-name ct_state_invalid_dropped_pkts"

#: What keeps the node's loopback addresses from other machines; kubelet writes the same rule.
LOCALNET_RULE = (
    f'-A {FIREWALL} -m comment --comment "block incoming localnet connections" '
    "-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
)


def masquerade_rules(mark: str, *, return_unmarked: bool, random_fully: bool) -> list[str]:
    """Return the rules of KUBE-POSTROUTING and KUBE-MARK-MASQ; kubelet writes the same ones."""
    masquerade = "MASQUERADE --random-fully" if random_fully else "MASQUERADE"
    if not return_unmarked:
        return [
            f"-A {POSTROUTING} {_SNAT} -m mark --mark {mark}/{mark} -j {masquerade}",
            f"-A {MARK_MASQ} -j MARK --set-xmark {mark}/{mark}",
        ]
    return [
        f"-A {POSTROUTING} -m mark ! --mark {mark}/{mark} -j RETURN",
        f"-A {POSTROUTING} -j MARK --xor-mark {mark}",
        f"-A {POSTROUTING} {_SNAT} -j {masquerade}",
        f"-A {MARK_MASQ} -j MARK --or-mark {mark}",
    ]


def begin(sync: Sync) -> None:
    """Write the fixed chain lines and the rules that come before those of the services."""
    layout = sync.layout
    sync.filter_chains += map(chain_line, layout.filter_chains)
    if layout.localnet_rule and sync.localhost_node_ports:
        sync.filter_chains.append(chain_line(FIREWALL))
        sync.filter_rules.append(LOCALNET_RULE)
    sync.nat_chains += map(chain_line, (SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQ))
    sync.nat_rules += masquerade_rules(
        sync.masquerade_mark, return_unmarked=layout.return_unmarked, random_fully=layout.random_fully
    )


def finish(sync: Sync) -> None:
    """Write the rules that come after those of the services."""
    sync.nat_rules += _node_port_jumps(sync)
    sync.filter_rules += _forward_rules(sync)


def _node_port_jumps(sync: Sync) -> list[str]:
    rule = f"-A {SERVICES} {_LAST}"
    if sync.node_ports.everywhere:
        return [f"{rule} -m addrtype --dst-type LOCAL{_not_loopback(sync)} -j {NODE_PORTS}"]
    skipped = not sync.layout.loopback_node_ports and (sync.config.is_ipv6 or not sync.localhost_node_ports)
    return [
        f"{rule} -d {address} -j {NODE_PORTS}"
        for address in sync.node_ports.matched
        if is_ipv6(address) == sync.config.is_ipv6 and not (skipped and _is_loopback(address))
    ]


def _not_loopback(sync: Sync) -> str:
    if sync.layout.loopback_node_ports:
        return ""
    if sync.config.is_ipv6:
        return " ! -d ::1/128"
    return "" if sync.localhost_node_ports else " ! -d 127.0.0.0/8"


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _forward_rules(sync: Sync) -> list[str]:
    mark = sync.masquerade_mark
    rules = []
    if _drops_invalid(sync):
        counter = _INVALID_COUNTER if sync.nfacct else ""
        rules.append(f"-A {FORWARD} -m conntrack --ctstate INVALID{counter} -j DROP")
    marked = f"-m mark --mark {mark}/{mark}"
    rules.append(f'-A {FORWARD} -m comment --comment "kubernetes forwarding rules" {marked} -j ACCEPT')
    return rules + _conntrack_rules(sync)


def _drops_invalid(sync: Sync) -> bool:
    style = sync.layout.invalid_drop
    if style is InvalidDrop.UNLESS_LIBERAL:
        return not sync.config.conntrack_tcp_be_liberal
    return style is InvalidDrop.ALWAYS


def _conntrack_rules(sync: Sync) -> list[str]:
    style = sync.layout.forward_conntrack
    if style is ForwardConntrack.ONE:
        return [f'-A {FORWARD} {_CONNTRACK} rule" {_KNOWN}']
    if style is ForwardConntrack.PAIR:
        return [
            f'-A {FORWARD} {_CONNTRACK} pod source rule" {_KNOWN}',
            f'-A {FORWARD} {_CONNTRACK} pod destination rule" {_KNOWN}',
        ]
    cidr = cidr_of_family(sync.config.cluster_cidrs, ipv6=sync.config.is_ipv6)
    if not cidr:
        return []
    return [
        f'-A {FORWARD} -s {cidr} {_CONNTRACK} pod source rule" {_KNOWN}',
        f'-A {FORWARD} {_CONNTRACK} pod destination rule" -d {cidr} {_KNOWN}',
    ]
