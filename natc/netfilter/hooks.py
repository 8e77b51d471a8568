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

#: Where connection tracking looks at the packet: behind raw, before everything else.
CONNTRACK = "conntrack"

#: The tables a packet passes at each hook, in order, by backend. Where legacy and nf_tables differ is
#: INPUT: there iptables-nft registers security behind the source half of nat.
SEQUENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "legacy": {
        "PREROUTING": ("raw", CONNTRACK, "mangle", "nat"),
        "INPUT": ("mangle", "filter", "security", "nat"),
        "FORWARD": ("mangle", "filter", "security"),
        "OUTPUT": ("raw", CONNTRACK, "mangle", "nat", "filter", "security"),
        "POSTROUTING": ("mangle", "nat"),
    }
}
SEQUENCES["nft"] = SEQUENCES["legacy"] | {"INPUT": ("mangle", "filter", "nat", "security")}

#: Which side of a connection the nat table translates at each hook.
NAT_SIDE = {"PREROUTING": "dst", "OUTPUT": "dst", "INPUT": "src", "POSTROUTING": "src"}

#: The builtin chains in which a packet still has the interface it came in by, and already the one it
#: leaves by.
WITH_IN_INTERFACE = frozenset({"PREROUTING", "INPUT", "FORWARD"})
WITH_OUT_INTERFACE = frozenset({"FORWARD", "OUTPUT", "POSTROUTING"})
