"""What targets do to a packet, as data.

A target says with :meth:`natc.netfilter.extension.Target.effect` what happens to the packets that
reach it. Unless told otherwise the packet goes on to the next rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from natc.netfilter.kinds.addresses import Network
from natc.netfilter.kinds.nat import NatRange
from natc.netfilter.kinds.ports import PortRange
from natc.values import field, frozen

if TYPE_CHECKING:
    from natc.netfilter.conntrack.zone import Zone
    from natc.netfilter.memory import Memory
    from natc.netfilter.packet import Packet


class Effect:
    """Base of the forms of effects."""


@frozen
class Nothing(Effect):
    """Counts or reports the packet and lets it go on."""


@frozen
class Copy(Effect):
    """Sends a copy to another host, on a way of its own, and lets the packet go on."""

    gateway: int
    shown: str
    """The gateway as the rule has it."""
    device: str | None = None
    """The device the copy is sent by; None leaves it to the routes."""


@frozen
class Verdict(Effect):
    """Ends the walk through this table: ACCEPT, DROP, or STOLEN for what leaves netfilter."""

    word: str


@frozen
class SetMark(Effect):
    """The packet's mark becomes ``(mark & ~mask) ^ value``."""

    value: int
    mask: int


@frozen
class HandOver(Effect):
    """A socket of the node takes the packet, if there is one: its mark becomes ``(mark & ~mask) ^ value`` and
    the table ends; without one the packet is dropped (xt_TPROXY.c)."""

    socket: str
    """Which socket, in words."""
    value: int
    mask: int


@frozen
class ExchangeMarks(Effect):
    """Works out new marks of packet and connection from the old ones; needs a connection."""

    exchange: Callable[[int, int], tuple[int, int]] = field(eq=False)
    """From (packet's mark, connection's mark) to the new ones."""


@frozen
class Track(Effect):
    """The CT target: which zone the packet is tracked in, by which helper, or not at all."""

    zone: Zone | None = None
    untracked: bool = False
    helper: str | None = None


@frozen
class Remember(Effect):
    """Changes what the kernel remembers (an ipset)."""

    change: Callable[[Memory, Packet], Memory] = field(eq=False)


@frozen
class Change(Effect):
    """Rewrites fields of the packet; the fields in ``needs`` must be known."""

    needs: tuple[str, ...]
    change: Callable[[Packet], Packet | None] = field(eq=False)
    """None of a packet that is dropped, because its header is malformed."""


@frozen
class Translate(Effect):
    """Binds the connection's source ("src") or destination ("dst") to ``to``; ends the table.

    Side "" is the one that is translated at the hook where the packet is.
    """

    side: str
    to: NatRange
    random: bool = False
    persistent: bool = False
    network: Network | None = None
    """NETMAP: only this network's part of the address is replaced."""


@frozen
class _ToOwnAddress(Effect):
    """Translates to an address of the node's own; ends the table."""

    ports: PortRange | None = None
    random: bool = False


class Masquerade(_ToOwnAddress):
    """Translates the source to the outgoing interface's address; ends the table."""

    __slots__ = ()


class Redirect(_ToOwnAddress):
    """Translates the destination to this node; ends the table."""

    __slots__ = ()


@frozen
class Answer(Effect):
    """REJECT: drops the packet and answers with ``how``, in iptables' words."""

    how: str


@frozen
class Undecided(Effect):
    """Where the packet goes from here is not modelled; the answer is open."""

    question: str
