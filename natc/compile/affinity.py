"""Session affinity ClientIP: one ``recent`` list per endpoint (layout section 7 i and k)."""

from __future__ import annotations

from collections.abc import Sequence

from natc.compile.endpoints import ProxyEndpoint
from natc.compile.plan import Plan
from natc.compile.sync import Sync


def send_back(
    sync: Sync, plan: Plan, chain: str, endpoints: Sequence[ProxyEndpoint], comments: Sequence[str]
) -> None:
    """Send each client back to the endpoint it had within the timeout.

    ``comments`` holds each endpoint's comment match, or nothing, in the order of ``endpoints``.
    """
    timeout = plan.service.affinity
    if timeout is None:
        return
    for to, comment in zip(plan.chains_to(endpoints), comments, strict=True):
        sync.nat_rules.append(
            f"-A {chain} {comment}-m recent --name {to} --rcheck --seconds {timeout} --reap -j {to}"
        )


def remember(chain: str) -> str:
    """Return the match that puts a client on the list of an endpoint's chain."""
    return f"-m recent --name {chain} --set "
