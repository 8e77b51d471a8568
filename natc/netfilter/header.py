"""The part of a rule that is no extension: addresses, interfaces, protocol, fragments.

Facts: struct ipt_ip and struct ip6t_ip6 (include/uapi/linux/netfilter_ipv4/ip_tables.h and its IPv6
twin); the printed order is that of iptables-save.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from natc.netfilter.condition import Bits, Computed, Condition, In, both, term
from natc.netfilter.extension import Extension, Term, declare, option
from natc.netfilter.intervals import masked, names_like, numbers
from natc.netfilter.kinds import Flag, Kind, Name, Network, NetworkKind

if TYPE_CHECKING:
    from natc.netfilter.packet import Packet

#: Protocols by the names iptables itself knows, without asking /etc/protocols (xtables.c).
PROTOCOLS = {
    "tcp": 6, "sctp": 132, "udp": 17, "udplite": 136, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58,
    "esp": 50, "ah": 51, "ipv6-mh": 135, "mh": 135, "all": 0,
}  # fmt: skip
_SAVED_NAMES = {number: name for name, number in PROTOCOLS.items() if name not in ("icmpv6", "mh", "all")} | {
    2: "igmp",
    4: "ipencap",
    41: "ipv6",
    47: "gre",
    33: "dccp",
    89: "ospf",
    112: "vrrp",
    115: "l2tp",
}
_NUMBERS = PROTOCOLS | {name: number for number, name in _SAVED_NAMES.items()}


class Protocol(Kind[int]):
    """A protocol by name or number; 0 stands for all."""

    def parse(self, words: Sequence[str]) -> int:
        text = words[0].lower()
        if text.isdecimal() and int(text) <= 255:
            return int(text)
        if text not in _NUMBERS:
            raise ValueError(f"{words[0]!r} is not a protocol")
        return _NUMBERS[text]

    def words(self, value: int) -> tuple[str, ...]:
        return (_SAVED_NAMES.get(value, str(value)),)


@frozen
class Header(Extension):
    """What a rule asks of the packet by itself. A field that is None asks nothing."""

    source: Term[Network] | None = option("-s", NetworkKind(), also=("--source", "--src"), negatable=True)
    destination: Term[Network] | None = option(
        "-d", NetworkKind(), also=("--destination", "--dst"), negatable=True
    )
    in_interface: Term[str] | None = option("-i", Name(15), also=("--in-interface",), negatable=True)
    out_interface: Term[str] | None = option("-o", Name(15), also=("--out-interface",), negatable=True)
    protocol: Term[int] | None = option(
        "-p", Protocol(), also=("--protocol", "--proto"), negatable=True, omit=Term(0)
    )
    fragment: Term[bool] | None = option("-f", Flag(), also=("--fragment", "--fragments"), negatable=True)

    @classmethod
    def completed(cls, values: dict[str, Any], family: int) -> dict[str, Any]:
        """Forget a network of every address: the kernel stores no difference and a save shows none."""
        return {key: value for key, value in values.items() if not _everything(value)}

    def condition(self) -> Condition:
        """Return what the header asks: what is not given is not asked (ip_tables.c, ip_packet_match)."""
        return both(
            term(self.source, lambda network: _in_network("src", network)),
            term(self.destination, lambda network: _in_network("dst", network)),
            term(self.in_interface, lambda name: In("in_interface", names_like(name))),
            term(self.out_interface, lambda name: In("out_interface", names_like(name))),
            term(self.protocol, _is_protocol),
            term(self.fragment, lambda _: Computed((), _later_fragment, "a later fragment")),
        )


def _in_network(field: str, network: Network) -> Condition:
    values = masked(network.address, network.mask, network.bits)
    return Bits(field, network.address, network.mask) if values is None else In(field, values)


def _is_protocol(number: int) -> Condition | None:
    return In("proto", numbers(number, number)) if number else None


def _later_fragment(packet: Packet) -> bool:
    return bool(packet.fragment & 0x1FFF)


def _everything(value: object) -> bool:
    return (
        isinstance(value, Term)
        and isinstance(value.value, Network)
        and not (value.value.mask or value.inverted)
    )


declare(Header, "rule")
