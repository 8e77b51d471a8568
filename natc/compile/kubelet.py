"""What kubelet itself writes when it starts, in its own order (history F).

kubelet handles the node's IP families; up to 1.19 only that of its own address, which natc takes to
be the family asked for. Its marks do not follow kube-proxy's ``--masquerade-bit``.
"""

from __future__ import annotations

from natc.compile.base import CANARY_TABLES, prepend_jump
from natc.compile.config import ProxyConfig
from natc.compile.fixed import LOCALNET_RULE, masquerade_rules
from natc.compile.layouts import POSTROUTING_JUMP, Jump, Layout
from natc.compile.names import FIREWALL, IPTABLES_HINT, KUBELET_CANARY, MARK_DROP, MARK_MASQ, POSTROUTING
from natc.compile.node import NodeTables

_MASQUERADE_MARK = "0x00004000"
_DROP_MARK = "0x00008000"
_DROP_MARKED = (
    f'-A {FIREWALL} -m comment --comment "kubernetes firewall for dropping marked packets" '
    f"-m mark --mark {_DROP_MARK}/{_DROP_MARK} -j DROP"
)


def start(tables: NodeTables, config: ProxyConfig) -> None:
    """Write kubelet's chains and rules."""
    kubelet = config.layout.kubelet
    if not kubelet.drop_mark:
        _monitor(tables, config.layout)
    firewall = []
    if kubelet.drop_mark:
        set_mark = "--or-mark" if config.layout.return_unmarked else "--set-xmark"
        mark = _DROP_MARK if config.layout.return_unmarked else f"{_DROP_MARK}/{_DROP_MARK}"
        tables.append("nat", MARK_DROP, f"-j MARK {set_mark} {mark}")
        firewall.append(_DROP_MARKED)
    if kubelet.localnet_rule and not config.is_ipv6:
        firewall.append(LOCALNET_RULE)
    if firewall:
        tables.restore("filter", [f":{FIREWALL} -"], firewall)
        prepend_jump(tables, Jump("filter", "OUTPUT", FIREWALL))
        prepend_jump(tables, Jump("filter", "INPUT", FIREWALL))
    if kubelet.drop_mark:
        _masquerade(tables, config.layout)
        _monitor(tables, config.layout)


def _masquerade(tables: NodeTables, layout: Layout) -> None:
    chains = (MARK_MASQ, POSTROUTING)
    rules = masquerade_rules(
        _MASQUERADE_MARK, return_unmarked=layout.return_unmarked, random_fully=layout.random_fully
    )
    tables.restore("nat", [f":{chain} -" for chain in chains], rules)
    prepend_jump(tables, POSTROUTING_JUMP)


def _monitor(tables: NodeTables, layout: Layout) -> None:
    if layout.kubelet.hint_chain:
        tables.make_chain("mangle", IPTABLES_HINT)
    if layout.kubelet.canary:
        for table in CANARY_TABLES:
            tables.make_chain(table, KUBELET_CANARY)
