"""What kube-proxy calls service ports and their chains (layout section 3), written or read."""

from __future__ import annotations

#: Prefixes of the chains of one service port; each is followed by a hash.
SERVICE_PREFIX = "KUBE-SVC-"
LOCAL_PREFIX = "KUBE-SVL-"
EXTERNAL_PREFIX = "KUBE-EXT-"
EXTERNAL_LOCAL_PREFIX = "KUBE-XLB-"
FIREWALL_PREFIX = "KUBE-FW-"
ENDPOINT_PREFIX = "KUBE-SEP-"

HASH_LENGTH = 16
"""Characters of a hash: 80 bits, five a character of base32."""

_DOTTED = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
#: An expression of the name of a service port, ``namespace/name`` or ``namespace/name:port``, with dots
#: anywhere: a node may show names that an API server does not let pass.
SERVICE_PORT = rf"{_DOTTED}/{_DOTTED}(?::(?:{_DOTTED})?)?"
