"""A tracked connection as a value: its tuples, its status, its zone.

What rules ask and change of a connection is here; the table of them and the machines of TCP and SCTP, which
a single packet never meets, are :mod:`natc.netfilter.conntrack.tracker`. Addresses are integers.

Facts: include/uapi/linux/netfilter/nf_conntrack_common.h, net/netfilter/nf_conntrack_core.c of Linux 6.18.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from natc.errors import Span
from natc.netfilter.conntrack.zone import NO_ZONE, Zone
from natc.values import evolve, field, frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.sctp import SctpState
    from natc.netfilter.conntrack.tcp_segment import TcpState

ICMP, TCP, UDP, GRE, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 47, 58, 132, 136
#: Protocols whose connections are told apart by ports.
PORTED = frozenset({TCP, UDP, SCTP, UDPLITE})
#: Protocols of which a new connection may clash with an entry of the table (``allow_clash``): what two
#: datagrams of one flow do that are sent at once. Of all others the packet is dropped.
MAY_CLASH = frozenset({UDP, UDPLITE})

#: The ICMP type of the answer to each type that asks, both ways round.
_ANSWERS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
    ICMPV6: {128: 129, 129: 128, 139: 140, 140: 139},
}


@frozen
class Tuple:
    """One direction of a connection.

    For ICMP ``sport`` holds the identifier, and ``dport`` type and code, ``type << 8 | code``. GRE has the
    call that its version 1 names in ``dport``; other protocols without ports have 0 in both.
    """

    family: int
    proto: int
    src: int
    sport: int
    dst: int
    dport: int

    def inverted(self) -> Tuple | None:
        """Return the tuple of an answer; None when there can be none (an ICMP type that asks nothing)."""
        if self.proto not in (ICMP, ICMPV6):
            return Tuple(self.family, self.proto, self.dst, self.dport, self.src, self.sport)
        answer = _ANSWERS[self.proto].get(self.dport >> 8)
        if answer is None:
            return None
        code = self.dport & 0xFF
        return Tuple(self.family, self.proto, self.dst, self.sport, self.src, answer << 8 | code)


#: Packets and bytes of each direction; bytes that are not known are None.
Carried = tuple[tuple[int, int | None], tuple[int, int | None]]
NOTHING_CARRIED: Carried = ((0, 0), (0, 0))


class Status(IntFlag):
    """What is known of a connection as a whole (``--ctstatus``); values as in the kernel."""

    NONE = 0
    EXPECTED = 1
    SEEN_REPLY = 2
    ASSURED = 4
    CONFIRMED = 8
    SNAT = 16
    DNAT = 32
    SEQ_ADJUST = 64
    SNAT_DONE = 128
    DNAT_DONE = 256
    DYING = 512


#: The status of a connection of which a side is translated.
TRANSLATED = {"src": Status.SNAT, "dst": Status.DNAT}


@frozen
class Connection:
    """One tracked connection. ``original`` is as first seen, ``reply`` as answers are expected."""

    original: Tuple
    reply: Tuple
    status: Status = Status.NONE
    mark: int = 0
    zone: Zone = NO_ZONE
    labels: frozenset[int] = frozenset()
    helper: str | None = None
    protocol: TcpState | SctpState | None = None
    serial: int = 0
    """Tells the entries of one table apart, by their age."""
    seen_at: float = 0.0
    """When the first packet came, in seconds."""
    read_at: Span | None = field(default=None, eq=False, repr=False)
    """Where it stands in the list it was read from; None for one that packets made."""
    masquerade_out: str | None = None
    """The device of a masqueraded connection: a later packet that leaves by another is dropped."""

    carried: Carried | None = field(default=None, eq=False)
    """What it has carried so far (nf_conntrack_acct); None where the kernel does not count it."""

    def tuple_of(self, direction: int) -> Tuple:
        """Return the original (0) or reply (1) tuple."""
        return self.reply if direction else self.original

    @property
    def confirmed(self) -> bool:
        """Whether it is in the table."""
        return Status.CONFIRMED in self.status

    def alike(self, other: Connection) -> bool:
        """Whether the two differ in nothing but the windows of TCP, or the tags of SCTP."""
        mine, theirs = self.protocol, other.protocol
        phase = mine.state if mine else "", theirs.state if theirs else ""
        return phase[0] == phase[1] and evolve(self, protocol=None) == evolve(other, protocol=None)

    def counting(self, direction: int, length: int | None) -> Connection:
        """Return the connection after a packet of so many bytes, None if that is not known."""
        if self.carried is None:
            return self
        packets, carried = self.carried[direction]
        now = packets + 1, None if carried is None or length is None else carried + length
        return evolve(self, carried=(self.carried[0], now) if direction else (now, self.carried[1]))

    def with_status(self, added: Status) -> Connection:
        """Return the connection with further status bits."""
        return self if added in self.status else evolve(self, status=self.status | added)
