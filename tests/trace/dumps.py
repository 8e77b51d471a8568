"""Dumps that the tests of tracing share: a kube-proxy node in small, written by hand."""

from natc.netfilter.ruleset import Ruleset
from natc.text.reader import read

BASE = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:SVC - [0:0]
{chains}
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j SVC
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j SVC
-A SVC ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
{rules}
COMMIT
"""


def service(endpoints: int) -> Ruleset:
    """A node with one ClusterIP 10.96.0.1:80, NodePort 30080 and this many endpoints."""
    chains, rules = [], []
    for number in range(endpoints):
        ip = endpoint(number)
        chains.append(f":SEP-{number} - [0:0]")
        left = endpoints - number
        chance = f" -m statistic --mode random --probability {1 / left:.11f}" if left > 1 else ""
        rules.append(f"-A SVC{chance} -j SEP-{number}")
        rules.append(f"-A SEP-{number} -s {ip}/32 -j KUBE-MARK-MASQ")
        rules.append(f"-A SEP-{number} -p tcp -m tcp -j DNAT --to-destination {ip}:8080")
    return read(BASE.format(chains="\n".join(chains), rules="\n".join(rules)))


def endpoint(number: int) -> str:
    return f"10.244.{number // 250}.{number % 250 + 1}"


def nat(*rules: str, chains: str = "") -> Ruleset:
    """A nat table with these rules."""
    heads = "\n".join(f":{name} ACCEPT [0:0]" for name in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))
    own = "".join(f":{name} - [0:0]\n" for name in chains.split())
    return read(f"*nat\n{heads}\n{own}" + "".join(f"{rule}\n" for rule in rules) + "COMMIT\n")
