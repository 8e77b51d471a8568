"""The part of a rule that is no extension: addresses, interfaces, protocol, fragments.

Facts: struct ipt_ip and struct ip6t_ip6 (include/uapi/linux/netfilter_ipv4/ip_tables.h and its IPv6
twin); the printed order is that of iptables-save.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from natc.netfilter.condition import Bits, Computed, Condition, In, Unknown, both, term
from natc.netfilter.extension import Extension, OptionError, Term, declare, option
from natc.netfilter.intervals import masked, names_like, numbers
from natc.netfilter.kinds import Flag, Kind
from natc.netfilter.kinds.addresses import Network, NetworkKind
from natc.netfilter.kinds.numbers import C_NUMBER, number
from natc.netfilter.kinds.words import Name
from natc.values import frozen

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
        if C_NUMBER.match(text) and number(text) <= 255:
            return number(text)
        if text not in PROTOCOLS:
            raise ValueError(f"{words[0]!r} is not a protocol")
        return PROTOCOLS[text]

    def words(self, value: int) -> tuple[str, ...]:
        return (_SAVED_NAMES.get(value, str(value)),)


@frozen
class HostName:
    """A name in place of an address. What it stands for is a question to a name server: it stays open."""

    name: str

    def __str__(self) -> str:
        return self.name


#: A host name with an optional mask; the last label has a letter, so no mistyped address is one.
_HOST = r"(?=.{1,253}(?:/|\Z))(?:[\w-]{1,63}\.)*(?=[\w-]*[A-Za-z])\w(?:[\w-]{0,62})\.?(?:/\d+)?\Z"
_SHORT = re.compile(r"(?:0[xX][0-9a-fA-F]+|\d+)(?:\.(?:0[xX][0-9a-fA-F]+|\d+)){0,3}\Z")


class PeerKind(NetworkKind):
    """A network as ``-s`` and ``-d`` take it: also shortened (``10.1`` is 10.1.0.0), or a host's name."""

    def parse(self, words: Sequence[str]) -> Network | HostName:  # type: ignore[override]
        head, slash, mask = words[0].partition("/")
        if _SHORT.match(head):
            octets = [number(octet) for octet in head.split(".")]
            if max(octets) > 255:
                raise ValueError(f"{head!r} is not an IP address")
            head = ".".join(map(str, octets + [0] * (4 - len(octets))))
        elif re.match(_HOST, words[0], re.ASCII):
            return HostName(words[0])
        return super().parse([head + slash + mask])

    def words(self, value: Network | HostName) -> tuple[str, ...]:
        return (str(value),)

    def family(self, value: Network | HostName) -> int | None:
        return super().family(value) if isinstance(value, Network) else None


class _Interface(Name):
    """The name of a device, or with ``+`` at its end the beginning of one."""

    def parse(self, words: Sequence[str]) -> str:
        name = super().parse(words)
        if not name:
            raise ValueError("an interface without a name")
        return name

    @property
    def plain(self) -> str:
        return r"[A-Za-z0-9_.-][A-Za-z0-9_.+-]{0,14}"


#: Every device: asks nothing unless negated.
_ANY_DEVICE = "+"


@frozen
class Header(Extension):
    """What a rule asks of the packet by itself. A field that is None asks nothing."""

    completes_words: ClassVar[bool] = False

    source: Term[Network | HostName] | None = option(
        "-s", PeerKind(), also=("--source", "--src"), negatable=True
    )
    destination: Term[Network | HostName] | None = option(
        "-d", PeerKind(), also=("--destination", "--dst"), negatable=True
    )
    in_interface: Term[str] | None = option("-i", _Interface(15), also=("--in-interface",), negatable=True)
    out_interface: Term[str] | None = option("-o", _Interface(15), also=("--out-interface",), negatable=True)
    protocol: Term[int] | None = option("-p", Protocol(), also=("--protocol",), negatable=True, omit=Term(0))
    fragment: Term[bool] | None = option("-f", Flag(), also=("--fragment", "--fragments"), negatable=True)

    @classmethod
    def _check(cls, values: Mapping[str, Any], family: int) -> None:
        super()._check(values, family)
        if values.get("protocol") == Term(0, inverted=True):
            raise OptionError("! -p all is true of no packet")
        if "fragment" in values and family == 6:
            raise OptionError("-f is not for IPv6: -m frag is")

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


def _in_network(field: str, network: Network | HostName) -> Condition:
    if isinstance(network, HostName):
        return Unknown(f"which addresses {network} has", "host name")
    values = masked(network.address, network.mask, network.bits)
    return Bits(field, network.address, network.mask) if values is None else In(field, values)


def _is_protocol(number: int) -> Condition | None:
    return In("proto", numbers(number, number)) if number else None


def _later_fragment(packet: Packet) -> bool:
    return packet.is_later_fragment


def _everything(value: object) -> bool:
    if not isinstance(value, Term) or value.inverted:
        return False
    asked = value.value
    return not asked.mask if isinstance(asked, Network) else asked == _ANY_DEVICE


declare(Header, "rule")
