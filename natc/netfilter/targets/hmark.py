"""``-j HMARK``: makes a mark from a hash of the packet (net/netfilter/xt_HMARK.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from natc.netfilter.effect import Change, Effect
from natc.netfilter.extension import OptionError, Target, option
from natc.netfilter.flow_ports import Port, ports_of
from natc.netfilter.ipv6_headers import AUTHENTICATION, has_authentication, header_of
from natc.netfilter.kinds import Kind
from natc.netfilter.kinds.addresses import PrefixLength
from natc.netfilter.kinds.numbers import Number
from natc.netfilter.packet import Open, Packet
from natc.netfilter.targets import register_target
from natc.values import changed, frozen

#: What can be hashed whole by naming it, and the field it fills.
PARTS = {
    "src": "source_prefix",
    "dst": "destination_prefix",
    "sport": "sport_mask",
    "dport": "dport_mask",
    "spi": "spi_mask",
    "proto": "protocol_mask",
}


class _Parts(Kind[tuple[str, ...]]):
    """A list of what is hashed whole, and ``ct`` for the connection's original addresses and ports."""

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._part(word.lower()) for word in words[0].split(","))

    @staticmethod
    def _part(text: str) -> str:
        for word in ("ct", "src", "dst", "sport", "dport", "proto", "spi"):
            if text and word.startswith(text):
                return word
        raise ValueError(f"{text!r} is none of ct, {', '.join(PARTS)}")

    def words(self, value: tuple[str, ...]) -> tuple[str, ...]:
        return (",".join(value),)


_HALF = Number(0, 0xFFFF, "{:#06x}")
_WHOLE = Number(0, 0xFFFFFFFF, "{:#010x}")


@register_target("HMARK")
@frozen
class Hmark(Target):
    """The bits that are hashed or replace what is hashed, the seed, and ``hash % modulus + offset``."""

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("spi_mask", "sport_mask"),
        ("spi_mask", "dport_mask"),
        ("spi", "sport"),
        ("spi", "dport"),
    )

    source_prefix: int | None = option("--hmark-src-prefix", PrefixLength())
    destination_prefix: int | None = option("--hmark-dst-prefix", PrefixLength())
    sport_mask: int | None = option("--hmark-sport-mask", _HALF)
    dport_mask: int | None = option("--hmark-dport-mask", _HALF)
    spi_mask: int | None = option("--hmark-spi-mask", _WHOLE)
    sport: int | None = option("--hmark-sport", _HALF)
    dport: int | None = option("--hmark-dport", _HALF)
    spi: int | None = option("--hmark-spi", _WHOLE)
    protocol_mask: int | None = option("--hmark-proto-mask", Number(0, 0xFFFF, "{:#04x}"))
    seed: int | None = option("--hmark-rnd", _WHOLE, required=True)
    modulus: int | None = option("--hmark-mod", Number(1), required=True)
    offset: int | None = option("--hmark-offset", Number())
    parts: tuple[str, ...] = option("--hmark-tuple", _Parts(), default=(), omit=())

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Parts that are hashed whole become masks of ones; a save shows only ``ct`` by name."""
        given = list(values)
        later = given[given.index("parts") :] if "parts" in given else []
        parts = values.pop("parts", ())
        ones = {
            "src": 32 if family == 4 else 128, "dst": 32 if family == 4 else 128, "spi": 0xFFFFFFFF,
            "sport": 0xFFFF, "dport": 0xFFFF, "proto": 0xFFFF,
        }  # fmt: skip
        for part in dict.fromkeys(parts):
            if PARTS.get(part) in later:
                raise OptionError(f"--hmark-tuple says {part} already")
            if part != "ct":
                values[PARTS[part]] = ones[part]
        if "ct" in parts:
            values["parts"] = ("ct",)
        elif not any(field in values for field in (*PARTS.values(), "sport", "dport", "spi")):
            raise OptionError("HMARK needs --hmark-tuple")
        if "spi_mask" in values and ("sport_mask" in values or "dport_mask" in values):
            raise OptionError("HMARK takes spi or ports, not both")
        return values

    def effect(self) -> Effect:
        """A connection's own addresses are not looked up: with ``ct`` the answer stays open."""
        return (
            super().effect()
            if self.parts
            else Change(("src", "dst", "proto", "sport", "dport"), self._marked)
        )

    def _marked(self, packet: Packet) -> Packet:
        """Give a packet its mark; an ICMP error gets that of the packet it quotes."""
        from natc.netfilter.nat.mapping import jenkins

        hashed = packet if packet.inner is None else packet.inner
        proto, ports = _protocol_and_ports(hashed)
        assert self.seed is not None and self.modulus is not None and isinstance(proto, int)
        ends = (
            _part(hashed.src, self.source_prefix, hashed),
            _part(hashed.dst, self.destination_prefix, hashed),
        )
        number = jenkins([*sorted(ends), self._both(hashed, ports)], self.seed)
        number ^= proto & (self.protocol_mask or 0)
        mark = (number * self.modulus >> 32) + (self.offset or 0) & 0xFFFFFFFF
        return changed(packet, mark=mark)

    def _both(self, packet: Packet, ports: tuple[Port, Port]) -> int:
        """Return both ports as one number, the larger one first; 0 for packets without."""
        if packet.fragment & 0x3FFF or not all(isinstance(port, int) for port in ports):
            return 0
        masks = _halves(self.spi_mask) or (self.sport_mask or 0, self.dport_mask or 0)
        fixed = _halves(self.spi) or (self.sport or 0, self.dport or 0)
        low, high = sorted(int(str(port)) & m | f for port, m, f in zip(ports, masks, fixed, strict=True))
        return high << 16 | low


def _protocol_and_ports(packet: Packet) -> tuple[int | Open, tuple[Port, Port]]:
    """Return what is hashed of a packet's protocol: nothing is looked for behind an authentication header."""
    if has_authentication(packet):
        header = header_of(packet, AUTHENTICATION) or b""
        return AUTHENTICATION, (int.from_bytes(header[4:6], "big"), int.from_bytes(header[6:8], "big"))
    return packet.proto, ports_of(packet)


def _halves(index: int | None) -> tuple[int, int] | None:
    return None if index is None else (index >> 16, index & 0xFFFF)


def _part(address: object, length: int | None, packet: Packet) -> int:
    """Return what is hashed of an address: of IPv6, its four words after one another combined by XOR."""
    assert isinstance(address, int)
    bits = packet.bits
    kept = address & ~((1 << bits - (length or 0)) - 1)
    return kept if bits == 32 else (kept >> 96 ^ kept >> 64 ^ kept >> 32 ^ kept) & 0xFFFFFFFF
