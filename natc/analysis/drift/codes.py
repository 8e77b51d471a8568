"""The codes of what ``natc verify`` finds. They stay what they are from version to version."""

from __future__ import annotations

from types import MappingProxyType

MISSING_SERVICE = "NV101"
EXTRA_SERVICE = "NV102"
MISSING_ENDPOINT = "NV103"
STALE_ENDPOINT = "NV104"
MISWEIGHTED = "NV105"
POLICY = "NV106"
MASQUERADE = "NV107"
LEFT_OVER = "NV108"
RULE = "NV109"
ORDER = "NV110"
AFFINITY = "NV111"
REFUSAL = "NV112"
SOURCE_RANGE = "NV113"
FIXED = "NV114"

#: What each code stands for, in the words of the summary.
CODES = MappingProxyType(
    {
        MISSING_SERVICE: "service missing",
        EXTRA_SERVICE: "service that does not exist",
        MISSING_ENDPOINT: "endpoint missing",
        STALE_ENDPOINT: "endpoint stale",
        MISWEIGHTED: "endpoints misweighted",
        POLICY: "wrong traffic policy",
        MASQUERADE: "wrong masquerade",
        LEFT_OVER: "chain left over",
        RULE: "rule differs",
        ORDER: "rules in another order",
        AFFINITY: "wrong session affinity",
        REFUSAL: "wrongly refused or let through",
        SOURCE_RANGE: "wrong source ranges",
        FIXED: "rule of kube-proxy itself differs",
    }
)
