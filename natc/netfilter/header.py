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

#: Protocols by name: those that iptables itself knows, then those of a usual /etc/protocols.
#: The first name of a number is the one a save shows.
PROTOCOLS = {
    "all": 0, "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ip-encap": 4, "st": 5,
    "tcp": 6, "egp": 8, "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4":
    29, "dccp": 33, "xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44,
    "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50, "ipsec-esp": 50, "ah": 51, "ipsec-ah": 51, "skip": 57,
    "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88,
    "ospf": 89, "ospfigp": 89, "ax.25": 93, "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "ipcomp":
    108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132, "fc": 133, "mobility-header": 135, "ipv6-mh":
    135, "mh": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp":
    141, "rohc": 142, "ethernet": 143,
}  # fmt: skip
_SAVED_NAMES = {number: name for name, number in reversed(PROTOCOLS.items())}


class Protocol(Kind[int]):
    """A protocol by name or number; 0 stands for all."""

    def parse(self, words: Sequence[str]) -> int:
        text = words[0].lower()
        if text.isdecimal() and int(text) <= 255:
            return int(text)
        if text not in PROTOCOLS:
            raise ValueError(f"{words[0]!r} is not a protocol")
        return PROTOCOLS[text]

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
    protocol: Term[int] | None = option("-p", Protocol(), also=("--protocol",), negatable=True, omit=Term(0))
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
