"""``-j CLUSTERIP``: answers for an address together with other nodes (ipt_CLUSTERIP.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from natc.netfilter.extension import Target, option
from natc.netfilter.kinds import Flag
from natc.netfilter.kinds.addresses import MacAddress
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.kinds.words import Choice
from natc.netfilter.targets import register_target
from natc.values import frozen

_MODES = ("sourceip", "sourceip-sourceport", "sourceip-sourceport-destport")


class _SharedAddress(MacAddress):
    """An Ethernet address that several hosts answer to; printed in upper case."""

    @property
    def plain(self) -> str:
        return r"[0-9A-F][13579BDF](?::[0-9A-F]{2}){5}"

    def parse(self, words: Sequence[str]) -> bytes:
        value = super().parse(words)
        if not value[0] & 1:
            raise ValueError(f"{words[0]} is no multicast address")
        return value

    def words(self, value: bytes) -> tuple[str, ...]:
        return (value.hex(":").upper(),)


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
    mac: bytes | None = option("--clustermac", _SharedAddress())
    total: int | None = option("--total-nodes", Number(0, 16))
    local: int | None = option("--local-node", Number(0, 16))
    seed: int | None = option("--hash-init", Number())

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """The seed is 0 unless said."""
        return {"seed": 0, **values} if values else values
