"""What a set looks at in a packet, and what the packet shows it in each dimension.

Facts: net/netfilter/ipset/ip_set_getport.c and the set types' functions that read packets, of Linux 6.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from natc.netfilter.ipset.members import Device, Part, PortPart
from natc.netfilter.node.iproute import Prefix
from natc.values import frozen

if TYPE_CHECKING:
    from natc.netfilter.ipset.one_set import IpSet


_ICMP, _ICMPV6 = 1, 58
_PORTED = frozenset({6, 17, 132, 136})


@frozen
class Probe:
    """What sets look at in a packet. Addresses are integers."""

    family: int
    src: int
    dst: int
    proto: int
    sport: int = 0
    dport: int = 0
    icmp: int = 0
    """For ICMP: ``type << 8 | code``."""
    in_interface: str = ""
    out_interface: str = ""
    bridge_port_in: str = ""
    bridge_port_out: str = ""
    mark: int = 0
    link_src: bytes | None = None
    """Hardware addresses; None where the packet has none (sent by the node, or over lo)."""
    link_dst: bytes | None = None
    lacks_header: bool = False
    """Ports, or type and code of ICMP, cannot be read: of a later fragment, or a header cut short."""
    length: int = 0


def _address(found: IpSet, probe: Probe, source: bool) -> Part:
    address = probe.src if source else probe.dst
    bits = found.options.bits
    if found.type.startswith("bitmap:"):
        return _bitmap_address(found, address)
    if found.options.netmask is not None:
        address &= found.options.netmask
    # The address 0 stands for none in these sets.
    return Prefix(address, bits, bits) if address else None


def _bitmap_address(found: IpSet, address: int) -> Part:
    options = found.options
    if not (options.first or 0) <= address <= (options.last or 0):
        return None
    return Prefix(address & (0xFFFFFFFF if options.netmask is None else options.netmask), 32, 32)


def _network(found: IpSet, probe: Probe, source: bool) -> Part:
    return Prefix(probe.src if source else probe.dst, found.options.bits, found.options.bits)


def _port(found: IpSet, probe: Probe, source: bool) -> Part:
    if probe.lacks_header:
        return None
    port = probe.sport if source else probe.dport
    if found.type == "bitmap:port":
        inside = (found.options.first or 0) <= port <= (found.options.last or 0)
        return PortPart(0, port) if probe.proto in (6, 17) and inside else None
    if probe.proto in _PORTED:
        return PortPart(probe.proto, port)
    if probe.proto in (_ICMP, _ICMPV6):
        return PortPart(probe.proto, probe.icmp)
    return PortPart(probe.proto, 0)


def _hardware(found: IpSet, probe: Probe, source: bool) -> Part:
    address = probe.link_src if source else probe.link_dst
    return address if address and any(address) else None


def _mark(found: IpSet, probe: Probe, source: bool) -> Part:
    return probe.mark & found.options.mark_mask


def _device(found: IpSet, probe: Probe, source: bool) -> Part:
    return Device(probe.in_interface if source else probe.out_interface)


READERS: dict[str, Callable[[IpSet, Probe, bool], Part]] = {
    "ip": _address,
    "net": _network,
    "port": _port,
    "mac": _hardware,
    "mark": _mark,
    "iface": _device,
}
