"""Which tables hang at which hooks, in which order: data, not branches.

Facts: the hook masks of net/ipv4/netfilter/iptable_*.c and the priorities of
include/uapi/linux/netfilter_ipv4.h.
"""

from __future__ import annotations

#: The builtin chains of each table, in the order a save shows them (hook order).
BUILTIN_CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}

#: What ``-j`` may say without naming a chain or an extension.
VERDICTS = frozenset({"ACCEPT", "DROP", "RETURN", "QUEUE"})
