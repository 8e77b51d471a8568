"""``-j CLUSTERIP``: answers for an address together with other nodes (ipt_CLUSTERIP.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Choice, Flag, MacAddress, Number
from natc.netfilter.targets import register_target

_MODES = ("sourceip", "sourceip-sourceport", "sourceip-sourceport-destport")


@register_target("CLUSTERIP")
@frozen
class Clusterip(Target):
    """What is hashed, the shared Ethernet address, how many nodes there are, which one this is, the seed.

    A further rule for the same address has none of these.
    """

    families: ClassVar[frozenset[int]] = frozenset({4})
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "new": ("mode",), "mode": ("mac",), "mac": ("total",), "total": ("local",), "local": ("new",),
        "seed": ("new",),
    }  # fmt: skip

    new: bool = option("--new", Flag(), default=False)
    mode: str | None = option("--hashmode", Choice(_MODES))
    mac: bytes | None = option("--clustermac", MacAddress())
    total: int | None = option("--total-nodes", Number(1, 16))
    local: int | None = option("--local-node", Number(1, 16))
    seed: int | None = option("--hash-init", Number())

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """The seed is 0 unless said."""
        return {"seed": 0, **values} if values else values
