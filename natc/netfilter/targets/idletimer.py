"""``-j IDLETIMER``: tells when a device has been idle (net/netfilter/xt_IDLETIMER.c)."""

from __future__ import annotations

from natc.netfilter.effect import Effect, Nothing
from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Name
from natc.netfilter.targets import register_target
from natc.values import frozen


@register_target("IDLETIMER")
@frozen
class Idletimer(Target):
    """The label of a timer in seconds that every packet starts afresh."""

    timeout: int | None = option("--timeout", Number(1), required=True)
    label: str | None = option("--label", Name(27), required=True)
    alarm: bool = option("--alarm", Flag(), default=False)
    netlink: bool = option("--send_nl_msg", Flag(), default=False)

    def effect(self) -> Effect:
        """The packet goes on as it came."""
        return Nothing()
