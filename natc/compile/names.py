"""How kube-proxy names service ports and their chains (layout section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from natc.kube.proxy_names import HASH_LENGTH

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


def service_port_name(namespace: str, name: str, port_name: str, *, colon_always: bool) -> str:
    """Return the text that stands for a service port in comments and in the hashes.

    ``colon_always`` keeps the colon of an unnamed port, as kube-proxy did up to 1.18 (history A).
    """
    if port_name or colon_always:
        return f"{namespace}/{name}:{port_name}"
    return f"{namespace}/{name}"


#: The characters of base32 by the number they stand for, as a table for ``bytes.translate``.
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".ljust(256)
_PADDING = bytes(HASH_LENGTH - 10)


def chain_hashes(texts: Sequence[str]) -> list[str]:
    """Return the 16 characters that end the chain name of whatever each text stands for.

    A text is the service port's name and its lower-case protocol, for an endpoint followed by
    ``ip:port``; nothing separates them. The characters are the first 80 bits of its SHA-256 in base32.

    All are written in base32 at once, as one long number: 60,000 take 38 ms, of which 23 are
    SHA-256. One by one it was 210 ms with ``base64.b32encode`` and 70 ms with a table.
    """
    count = len(texts)
    digests = [_PADDING + sha256(text.encode("utf-8", "surrogatepass")).digest()[:10] for text in texts]
    bits = int.from_bytes(b"".join(digests), "big")
    for half in (40, 20, 10, 5):  # each half moves into a field of its own, at last five bits into a byte
        field = half // 5 * 8
        low = bits & _lowest(half, 2 * field, count)
        bits = low | (bits ^ low) << (field - half)
    characters = bits.to_bytes(count * HASH_LENGTH, "big").translate(_BASE32).decode()
    return [characters[at : at + HASH_LENGTH] for at in range(0, count * HASH_LENGTH, HASH_LENGTH)]


def _lowest(width: int, every: int, count: int) -> int:
    """Return a number with the lowest ``width`` bits set of ``every`` so many, for ``count`` hashes."""
    once = sum(((1 << width) - 1) << at for at in range(0, HASH_LENGTH * 8, every))
    return int.from_bytes(once.to_bytes(HASH_LENGTH, "big") * count, "big")
