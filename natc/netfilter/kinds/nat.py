"""What the NAT targets map to: addresses and ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.addresses import IPV4, Address, address, shown
from natc.netfilter.kinds.ports import PORT, PortRange, dashed, port
from natc.values import frozen


@frozen
class NatRange:
    """Where a NAT target maps to: addresses and ports, each None when it is left as it was."""

    first: Address | None = None
    last: Address | None = None
    ports: PortRange | None = None
    base_port: int | None = None
    """With ``--to-destination a:LOW-HIGH/BASE``: the original port that maps to LOW."""


class NatTarget(Kind[NatRange]):
    """``[ADDRESS[-ADDRESS]][:PORT[-PORT][/BASE]]``, IPv6 in brackets when a port follows (nf_nat.h)."""

    plain_family: ClassVar[int | None] = 4

    def family(self, value: NatRange) -> int | None:
        return None if value.first is None else value.first.version

    @property
    def plain(self) -> str:
        return rf"{IPV4}:{PORT}"

    def parse(self, words: Sequence[str]) -> NatRange:
        addresses, ports, base = self._split(words[0])
        first, dash, last = addresses.partition("-")
        low = address(first) if first else None
        high = address(last) if dash else low
        if low and high and low.version != high.version:
            raise ValueError(f"{addresses} mixes IPv4 and IPv6")
        return NatRange(low, high, dashed(ports) if ports else None, port(base) if base else None)

    @staticmethod
    def _split(text: str) -> tuple[str, str, str]:
        if text.startswith("["):
            addresses, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError(f"{text!r} is not [ADDRESS]:PORT")
            ports = rest[1:]
        elif text.count(":") > 1:
            addresses, ports = text, ""
        else:
            addresses, _, ports = text.partition(":")
        ports, _, base = ports.partition("/")
        return addresses, ports, base

    def words(self, value: NatRange) -> tuple[str, ...]:
        out = "" if value.first is None else shown(value.first)
        if value.last is not None and value.last != value.first:
            out += f"-{shown(value.last)}"
        if value.ports is None:
            return (out,)
        if value.first is not None and value.first.version == 6:
            out = f"[{out}]"
        base = "" if value.base_port is None else f"/{value.base_port}"
        return (f"{out}:{str(value.ports).replace(':', '-')}{base}",)
