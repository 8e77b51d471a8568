"""What the node itself answers: REJECT's ICMP errors and resets, and the errors of routing.

Such an answer is a packet of its own: it passes OUTPUT and POSTROUTING, may be dropped there, and
advances counters and lists. It belongs to the connection of the packet it answers.

Facts: net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c,
include/net/netfilter/nf_reject.h, net/ipv4/icmp.c, net/ipv6/icmp.c.
"""

from __future__ import annotations

from natc.netfilter.ipv6_headers import NOTHING
from natc.netfilter.malformed import lacks_header
from natc.netfilter.node import route_matches, sending
from natc.netfilter.node.fib import NO_ROUTE, Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.source6 import select_source6
from natc.netfilter.node.special_addresses import is_unicast6
from natc.netfilter.packet import NOBODY, Packet
from natc.netfilter.targets.reject import ICMP_ANSWERS
from natc.netfilter.wire import has_no_sum, sums_up, transport
from natc.trace.state import NO_BINDING, State
from natc.trace.tracking.table import closed
from natc.values import changed, frozen

_RESET = "tcp-reset"
_ICMP = {4: 1, 6: 58}
#: From this prefix length on an IPv6 network has no address for all its routers (RFC 6164).
_POINT_TO_POINT = 127
#: Protocols whose checksum REJECT leaves alone: it is optional, covers a part only, or is of another kind.
_UNSUMMED = frozenset({47, 50, 51, 132, 136})
#: Types of addresses for which nobody answers by himself.
FOR_MANY = frozenset({"BROADCAST", "MULTICAST"})
#: ICMP types that are errors themselves, or unknown: nobody answers them with an error.
ERRORS = {1: frozenset({3, 4, 5, 11, 12, *range(19, 256)}), 58: frozenset(range(128))}


@frozen
class Response:
    """The node's answer, and whether it reached the sender."""

    packet: Packet
    arrived: bool
    final: State
    """Where the last answer came to its end: a reset that OUTPUT rejects is answered itself."""


def response_to(host: Host, final: State) -> State | None:
    """Return the state in which the node's answer to a packet sets out; None when it gives none."""
    if final.verdict == "REJECT":
        assert final.rejected is not None
        if _for_many(host, final.packet):
            packet = None
        elif final.rejected == _RESET:
            packet = _reset(final.packet)
        elif not _is_sound(final.packet):
            packet = None
        else:
            packet = _error(host, final, ICMP_ANSWERS[final.packet.family][final.rejected])
    elif final.verdict == "NO_ROUTE" and final.answer:
        packet = _error(host, final, final.answer)
    else:
        packet = None
    if packet is None:
        return None
    return _state(closed(final) if final.rejected == _RESET else final, packet)


def _for_many(host: Host, packet: Packet) -> bool:
    """Whether a packet is for a broadcast or multicast address: nobody answers it by himself."""
    assert isinstance(packet.dst, int)
    if host.family == 6:
        return packet.dst >> 120 == 0xFF
    return route_matches.address_type(host, packet.dst) in FOR_MANY


def _is_sound(packet: Packet) -> bool:
    """Whether REJECT finds the packet's checksum right (nf_reject_verify_csum, nf_reject_v6_csum_ok).

    Of a protocol that it does not know it sums up everything, as if it were of the kind of TCP's; IPv6
    packets without anything behind their headers are not answered either. A payload that natc does not
    know is taken for sound.
    """
    if not isinstance(packet.payload, bytes):
        return not packet.bad_checksum
    is_lost = packet.malformed is not None and packet.malformed.is_lost
    body = transport(packet)
    if packet.family == 6 and (is_lost or packet.proto == NOTHING or not body):
        return False
    return packet.proto in _UNSUMMED or has_no_sum(packet, body) or sums_up(packet, body)


def _reset(old: Packet) -> Packet | None:
    """Answer a TCP packet with a reset; a reset is not answered, nor a packet with a bad checksum.

    In IPv6 both addresses must be single hosts' (nf_send_reset6).
    """
    if lacks_header(old):
        return None
    assert isinstance(old.flags, frozenset)
    if "RST" in old.flags or old.bad_checksum or old.proto != 6:
        return None
    assert isinstance(old.src, int) and isinstance(old.dst, int)
    if old.family == 6 and not (is_unicast6(old.src) and is_unicast6(old.dst)):
        return None
    acknowledged = "ACK" in old.flags
    return Packet(
        family=old.family,
        src=old.dst,
        dst=old.src,
        proto=6,
        sport=old.dport,
        dport=old.sport,
        flags=frozenset({"RST"} if acknowledged else {"RST", "ACK"}),
        sequence=old.acknowledgement if acknowledged else 0,
        acknowledgement=0 if acknowledged else _next_expected(old),
        tcp_options=(),
        payload=b"",
        length=40 if old.family == 4 else 60,
    )


def _next_expected(old: Packet) -> int:
    """The number that acknowledges all of a segment: SYN and FIN count as a byte each."""
    assert isinstance(old.flags, frozenset) and isinstance(old.payload, bytes)
    assert isinstance(old.sequence, int)
    return old.sequence + ("SYN" in old.flags) + ("FIN" in old.flags) + len(old.payload) & 0xFFFFFFFF


def _error(host: Host, final: State, kind: tuple[int, int]) -> Packet | None:
    old = final.packet
    assert isinstance(old.src, int)
    if _is_error(old) or (old.family == 6 and old.src == 0):  # from :: nobody can be told
        return None
    if old.is_later_fragment or old.link_type != "unicast":
        return None
    source = _error_source(host, final)
    if source is None or _anycast(host, Flow(old.src, source)):
        return None
    length = old.length if isinstance(old.length, int) else 0
    return Packet(
        family=old.family,
        src=source,
        dst=old.src,
        proto=_ICMP[old.family],
        icmp_type=kind[0],
        icmp_code=kind[1],
        inner=old,
        uid=NOBODY,
        gid=NOBODY,
        payload=b"",
        length=min(length, 548) + (28 if old.family == 4 else 48),
        tos=_error_tos(old),
    )


def _is_error(packet: Packet) -> bool:
    """Whether a packet is an ICMP error, or may be one: its type is not there, or none that is known."""
    if packet.proto not in ERRORS:
        return False
    kind = packet.icmp_type
    if packet.malformed is not None:
        kind = next(iter(packet.malformed.data), None)
    return kind is None or kind in ERRORS[packet.proto]


def _anycast(host: Host, flow: Flow) -> bool:
    """Whether an IPv6 destination is no single node's: errors are not sent there (ipv6_anycast_destination).

    The address of a network stands for all its routers.
    """
    found = host.fib.lookup(flow) if host.family == 6 else NO_ROUTE
    if isinstance(found, str):
        return False
    route = found.route
    on_link = found.hop.gateway is None and route.destination.length < _POINT_TO_POINT
    return route.type == "anycast" or (on_link and route.destination.address == flow.destination)


def _error_tos(old: Packet) -> int:
    """IPv4 errors keep the precedence of what they answer, raised to internetwork control."""
    return (int(old.tos) & 0x1E | 0xC0) if old.family == 4 and isinstance(old.tos, int) else 0


def _error_source(host: Host, final: State) -> int | None:
    """The address the packet was for, if it is the node's; else the one towards the sender.

    IPv6 chooses among the addresses of the interface the packet came in by.
    """
    old = final.packet
    assert isinstance(old.dst, int) and isinstance(old.src, int)
    if final.route.device == "lo" or route_matches.address_type_matches(host, old.dst, frozenset({"LOCAL"})):
        return old.dst
    if old.family == 6 and isinstance(old.in_interface, str) and old.in_interface:
        chosen = select_source6(host.interfaces, old.src, old.in_interface)
        if chosen is not None:
            return chosen
    found = sending.route_output(host, Flow(old.src), may_broadcast=True)
    return None if found.error else found.source


def _state(final: State, packet: Packet) -> State:
    """Set out with the connection of the packet that is answered, in the other direction."""
    binding = final.binding
    if not binding.tracked:
        lone = changed(NO_BINDING, answers_untracked=final.packet.ctstate == "UNTRACKED")
        return State(packet, local=True, memory=final.memory, binding=lone)
    turned = changed(binding, direction=1 - binding.direction)
    return State(changed(packet, ctstate="RELATED"), local=True, memory=final.memory, binding=turned)
