"""The packet as netfilter sees it: the fields that matches look at, any of which may be open.

A field holds a plain value, None where the packet has no such field (an ICMP packet has no port),
or an :class:`Open`: a value that the question left open. What becomes known about an open value on
the way is kept beside the packet (:class:`Facts`), so that a translated source stays a fact about
the source the packet came with.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from natc.netfilter.header import PROTOCOLS
from natc.netfilter.intervals import ALL_NAMES, ALL_PORTS, Intervals, all_addresses, name, numbers
from natc.netfilter.kinds.addresses import text_of
from natc.values import field, frozen, value

if TYPE_CHECKING:
    from natc.netfilter.malformed import Malformed

#: The values an open field may have: a set of ordered values, or a few words.
Domain = Intervals | frozenset[Any]


def overlap(one: Domain, other: Domain) -> bool:
    """Tell whether two sets of values of one field have a value in common."""
    if isinstance(one, Intervals) and isinstance(other, Intervals):
        return one.meets(other)
    return bool(one & other)  # type: ignore[operator]  # a value's domains are of one type


NO = frozenset({False})
YES = frozenset({True})
YES_OR_NO = frozenset({True, False})


@frozen
class Open:
    """A value that was left open.

    ``kind`` says what sort of value it is and so how conditions on it read; ``subject`` tells values
    of one kind apart (the address, the question); ``domain`` is every value it could have, None
    when these cannot be listed (a payload) and only questions about it can be asked.
    """

    kind: str
    subject: str = ""
    domain: Domain | None = None
    _hash: int = field(init=False, eq=False, repr=False)

    @_hash.default
    def _hash_once(self) -> int:
        return hash((self.kind, self.subject))

    def __hash__(self) -> int:
        return self._hash


@frozen
class OpenMark:
    """A mark some of whose bits are those the packet came with: ``value ^ (original & unknown)``."""

    value: int
    unknown: int

    def changed(self, value: int, mask: int) -> int | OpenMark:
        """Return ``(mark & ~mask) ^ value``, the arithmetic of the MARK target (xt_mark.c)."""
        new, unknown = (self.value & ~mask) ^ value, self.unknown & ~mask
        return OpenMark(new, unknown) if unknown else new


#: Values of any of the packet's fields.
Number = int | Open | None
#: The extension headers of an IPv6 packet in their order: the number of each, and its bytes.
ExtensionHeaders = tuple[tuple[int, bytes], ...]

#: The protocols whose headers begin with two ports.
TRANSPORT_PORTS = frozenset({6, 17, 33, 132, 136})


@frozen(slots=False)
class Packet:
    """One packet. Addresses are integers of 32 or 128 bits by ``family``; lengths are in bytes."""

    family: int = 4
    src: int | Open = Open("source")
    dst: int | Open = Open("destination")
    proto: int | Open = 6
    sport: Number = None
    dport: Number = None
    in_interface: str | Open = ""
    out_interface: str | Open = ""
    bridge_port_in: str | Open = ""
    """The port of a bridge that the packet came in by, with br_netfilter; empty when there is none."""
    bridge_port_out: str | Open = ""
    mark: int | OpenMark = 0
    ctstate: str | Open | None = None
    """The connection's state, None before connection tracking has looked at the packet."""
    flags: frozenset[str] | Open | None = None
    """TCP flags that are set, by their names: FIN SYN RST PSH ACK URG ECE CWR."""
    sequence: Number = None
    acknowledgement: Number = None
    window: int = 8192
    """TCP's, as in the header."""
    tcp_options: tuple[tuple[int, bytes], ...] | Open | None = None
    icmp_type: Number = None
    icmp_code: Number = None
    icmp_id: Number = None
    tos: int | Open = 0
    """IPv4 TOS or IPv6 traffic class, DSCP and ECN bits together."""
    ttl: int | Open = 64
    length: int | Open = Open("length")
    """Of the whole packet: total length, for IPv6 payload length + 40."""
    payload: bytes | Open = Open("payload")
    """What follows the transport header."""
    extensions: ExtensionHeaders | Open = ()
    """What stands between IPv6's header and the protocol's; ``proto`` and ``payload`` are those behind it."""
    fragment: int = 0
    """IPv4 flags and fragment offset as in the header, of IPv6 in the same form."""
    bad_checksum: bool = False
    uid: Number = None
    """User and group of the sending process; None for a packet that no process here sent."""
    gid: Number = None
    link_source: bytes | Open | None = None
    """The sender's MAC address, None where the packet came with none."""
    link_destination: bytes | None = None
    link_type: str = "unicast"
    """To this node, to all or to a group: unicast, broadcast, multicast, otherhost."""
    ipsec: bool | Open = False
    """IPsec handled the packet, or will."""
    ident: int = 0
    """IPv4 identification or IPv6 flow label."""
    inner: Packet | None = None
    """The packet that an ICMP error quotes."""
    chunk: Number = None
    """Type of the first SCTP chunk."""
    malformed: Malformed | None = None
    """Set where a header is cut short or contradicts itself; the fields behind are then there as far as they
    can be read."""

    def __hash__(self) -> int:
        """Of what differs between packets most; equal packets have equal hashes."""
        return hash((self.src, self.dst, self.dport, self.mark, self.out_interface))

    @property
    def is_later_fragment(self) -> bool:
        """Whether it is a fragment behind the first, which has nothing of the transport header."""
        return bool(self.fragment & 0x1FFF)

    @property
    def bits(self) -> int:
        """Bits of an address."""
        return 32 if self.family == 4 else 128

    def show(self, value: int | Open) -> str:
        """Return an address in text."""
        return value.kind if isinstance(value, Open) else text_of(value, self.bits)


def protocol_number(text: str | int) -> int:
    """Read a protocol's name or number; raise :class:`ValueError` for neither."""
    if isinstance(text, int):
        return text
    if text.isdecimal() and int(text) < 256:
        return int(text)
    if text.lower() not in PROTOCOLS:
        raise ValueError(f"{text!r} is not a protocol")
    return PROTOCOLS[text.lower()]


def question_packet(  # noqa: PLR0913 - one parameter a field that a question may give
    dst: str,
    dport: int | None = None,
    *,
    proto: str | int = "tcp",
    src: str | None = None,
    sport: int | None = None,
    in_interface: str | None = None,
    mark: int = 0,
    ctstate: str | None = "NEW",
) -> Packet:
    """Return the packet that a question such as ``--dst IP:PORT`` means: what it omits stays open.

    ``in_interface`` None leaves the interface open; ``ctstate`` None leaves the state open. The packet
    is the first of its connection unless said otherwise: a SYN, an echo request.
    """
    to = ip_address(dst)
    number = protocol_number(proto)
    family, bits = to.version, to.max_prefixlen
    source = int(ip_address(src)) if src else Open("source", "", all_addresses(bits))
    ported = number in TRANSPORT_PORTS
    return Packet(
        family=family,
        src=source,
        dst=int(to),
        proto=number,
        sport=_port(sport, "source port") if ported else None,
        dport=_port(dport, "destination port") if ported else None,
        in_interface=in_interface or INCOMING,
        mark=mark,
        ctstate=ctstate or Open("state", "", STATES),
        flags=frozenset({"SYN"}) if number == 6 else None,
        icmp_type={1: 8, 58: 128}.get(number),
        icmp_code=0 if number in (1, 58) else None,
        ipsec=Open("question", "the packet is handled by IPsec", YES_OR_NO),
        tcp_options=Open("TCP options") if number == 6 else None,
        link_source=Open("link address"),
        extensions=Open("extension headers") if family == 6 else (),
    )


def _port(value: int | None, kind: str) -> int | Open:
    return Open(kind, "", ALL_PORTS) if value is None else value


STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID"})
#: A packet from the network came in by some interface, never by lo.
INCOMING = Open("incoming interface", "", ALL_NAMES - name("") - name("lo"))
OUTGOING = Open("outgoing interface", "", ALL_NAMES - name("") - name("lo"))
FIRST_OUTGOING = Open("outgoing interface", "before translation", ALL_NAMES - name("") - name("lo"))
OWNER = numbers(0, 0xFFFFFFFF)
#: The user and group of the kernel's own sockets, which send its ICMP errors: nobody owns them.
NOBODY = -1


def open_mark() -> OpenMark:
    """Return a mark of which nothing is known."""
    return OpenMark(0, 0xFFFFFFFF)


@value(eq=False)
class Facts:
    """What is known of open values beyond their domain; an immutable mapping."""

    known: Mapping[Open, Domain] = field(factory=dict)
    _key: frozenset[tuple[Open, Domain]] = field(init=False, repr=False)
    _mark: int = field(init=False, repr=False)

    @_key.default
    def _key_once(self) -> frozenset[tuple[Open, Domain]]:
        return frozenset(self.known.items())

    @_mark.default
    def _mark_once(self) -> int:
        return sum(map(hash, self._key))

    def mark_without(self, value: Open) -> int:
        """Return a number that is equal for facts that are equal but for what is known of ``value``."""
        domain = self.known.get(value)
        return self._mark if domain is None else self._mark - hash((value, domain))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def domain(self, value: Open) -> Domain | None:
        """Return the values still possible."""
        return self.known.get(value, value.domain)

    def narrowed(self, value: Open) -> Domain | None:
        """Return the values still possible, None where nothing has become known."""
        return self.known.get(value)

    def with_domain(self, value: Open, domain: Domain) -> Facts:
        """Return the facts with ``value`` known to lie in ``domain``."""
        known = dict(self.known)
        if domain == value.domain:
            known.pop(value, None)
        else:
            known[value] = domain
        return Facts(known)

    def without(self, value: Open) -> Facts:
        """Return the facts with nothing known of ``value``."""
        known = dict(self.known)
        known.pop(value, None)
        return Facts(known)


NO_FACTS = Facts()
