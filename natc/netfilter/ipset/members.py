"""What a set consists of: its type, its options and its members.

A member is an :class:`Entry`, whose ``parts`` are values in the order of the set's dimensions:
:class:`~natc.netfilter.node.iproute.Prefix` for addresses and networks, :class:`PortPart`, :class:`Device`,
bytes for hardware addresses, numbers for marks, texts for the names of sets.
"""

from __future__ import annotations

from math import inf

from natc.netfilter.node.iproute import Prefix
from natc.values import field, frozen

#: The dimensions of each type of set.
TYPES: dict[str, tuple[str, ...]] = {
    "hash:ip": ("ip",),
    "hash:mac": ("mac",),
    "hash:ip,mac": ("ip", "mac"),
    "hash:net": ("net",),
    "hash:net,net": ("net", "net"),
    "hash:ip,port": ("ip", "port"),
    "hash:net,port": ("net", "port"),
    "hash:ip,port,ip": ("ip", "port", "ip"),
    "hash:ip,port,net": ("ip", "port", "net"),
    "hash:ip,mark": ("ip", "mark"),
    "hash:net,port,net": ("net", "port", "net"),
    "hash:net,iface": ("net", "iface"),
    "bitmap:ip": ("ip",),
    "bitmap:ip,mac": ("ip", "mac"),
    "bitmap:port": ("port",),
    "list:set": ("set",),
}


@frozen
class PortPart:
    """A protocol and a port; for ICMP type and code, ``type << 8 | code``; else 0."""

    proto: int
    port: int


@frozen
class Device:
    """The interface of a hash:net,iface member."""

    name: str
    physdev: bool = False
    """The port of a bridge, not the bridge."""
    wildcard: bool = False
    """Every interface whose name begins so."""

    def fits(self, name: str) -> bool:
        """Return whether an interface of that name is meant."""
        return name.startswith(self.name) if self.wildcard else name == self.name


Part = Prefix | PortPart | Device | bytes | int | str | None
Parts = tuple[Part, ...]


@frozen
class Entry:
    """One member of a set and what it carries along."""

    parts: Parts
    nomatch: bool = False
    """An exception: what falls under it is not in the set, whatever larger network holds it."""
    timeout: int | None = None
    """Seconds left at the time ``since``; 0 and None are for ever."""
    packets: int | None = None
    bytes: int | None = None
    comment: str | None = None
    extras: tuple[tuple[str, str], ...] = ()
    """The words of skbmark, skbprio and skbqueue."""
    text: str | None = field(default=None, eq=False)
    """How it was written, for as long as nothing changed."""
    since: float = field(default=0.0, eq=False)
    """When its timeout began to run, in seconds of the replay's clock."""

    @property
    def end(self) -> float:
        """When it goes, in seconds of the replay's clock."""
        return self.since + self.timeout if self.timeout else inf


@frozen
class SetOptions:
    """What ``create`` says of a set."""

    family: int = 4
    netmask: int | None = None
    """The mask laid over addresses before they are looked up (``netmask`` or ``bitmask``)."""
    mark_mask: int = 0xFFFFFFFF
    first: int | None = None
    """The range of a bitmap set: addresses or ports."""
    last: int | None = None
    timeout: int | None = None
    counters: bool = False
    maximum: int = 65536
    words: tuple[str, ...] = ()
    """Everything behind the type, as it was written."""

    @property
    def bits(self) -> int:
        return 32 if self.family == 4 else 128
