"""How kube-proxy names service ports and their chains (layout section 3)."""

from __future__ import annotations

from hashlib import sha256

SERVICES = "KUBE-SERVICES"
EXTERNAL_SERVICES = "KUBE-EXTERNAL-SERVICES"
NODE_PORTS = "KUBE-NODEPORTS"
POSTROUTING = "KUBE-POSTROUTING"
FORWARD = "KUBE-FORWARD"
MARK_MASQ = "KUBE-MARK-MASQ"
MARK_DROP = "KUBE-MARK-DROP"
PROXY_FIREWALL = "KUBE-PROXY-FIREWALL"
FIREWALL = "KUBE-FIREWALL"
PROXY_CANARY = "KUBE-PROXY-CANARY"
KUBELET_CANARY = "KUBE-KUBELET-CANARY"
IPTABLES_HINT = "KUBE-IPTABLES-HINT"

#: Prefixes of the chains of one service port; each is followed by :func:`chain_hash`.
SERVICE_PREFIX = "KUBE-SVC-"
LOCAL_PREFIX = "KUBE-SVL-"
EXTERNAL_PREFIX = "KUBE-EXT-"
FIREWALL_PREFIX = "KUBE-FW-"
EXTERNAL_LOCAL_PREFIX = "KUBE-XLB-"
ENDPOINT_PREFIX = "KUBE-SEP-"

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def service_port_name(namespace: str, name: str, port_name: str, *, colon_always: bool) -> str:
    """Return the text that stands for a service port in comments and in the hashes.

    ``colon_always`` keeps the colon of an unnamed port, as kube-proxy did up to 1.18 (history A).
    """
    if port_name or colon_always:
        return f"{namespace}/{name}:{port_name}"
    return f"{namespace}/{name}"


#: Every two characters of standard base32, by the ten bits they stand for.
_PAIRS = tuple(a + b for a in _BASE32 for b in _BASE32)


def chain_hash(text: str) -> str:
    """Return the 16 characters that end the chain name of whatever ``text`` stands for.

    ``text`` is the service port's name and its lower-case protocol, for an endpoint followed by
    ``ip:port``; nothing separates them. The characters are the first 80 bits of its SHA-256 in
    base32; two characters at a time halve the time of ``base64.b32encode``, which was the
    costliest part of compiling a large cluster.
    """
    bits = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:10], "big")
    return (
        f"{_PAIRS[bits >> 70]}{_PAIRS[bits >> 60 & 1023]}{_PAIRS[bits >> 50 & 1023]}"
        f"{_PAIRS[bits >> 40 & 1023]}{_PAIRS[bits >> 30 & 1023]}{_PAIRS[bits >> 20 & 1023]}"
        f"{_PAIRS[bits >> 10 & 1023]}{_PAIRS[bits & 1023]}"
    )
