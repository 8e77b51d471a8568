"""Hypothesis strategies of packets that arrive at a node or leave it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from natc.netfilter.packet import Packet, question_packet
from natc.values import evolve

#: Where packets come from and go to unless said otherwise: pods, nodes, cluster IPs, the world.
_HOSTS = {
    4: ("10.244.0.5", "10.244.1.9", "192.168.7.3", "10.96.0.1", "203.0.113.9"),
    6: ("fd00:10:244::5", "fd00:10:244:1::9", "fd00::3", "fd00:10:96::1", "2001:db8::9"),
}
_PORTS = st.one_of(st.sampled_from([53, 80, 443, 8080, 30080]), st.integers(1, 65535))
_FLAGS = st.sampled_from([{"SYN"}, {"ACK"}, {"SYN", "ACK"}, {"FIN", "ACK"}, {"RST"}, {"PSH", "ACK"}])


@st.composite
def packets(
    draw: st.DrawFn,
    family: int = 4,
    sources: Sequence[str] = (),
    destinations: Sequence[str] = (),
    protocols: Sequence[str] = ("tcp", "udp", "sctp", "icmp"),
    interfaces: Sequence[str] = ("eth0",),
    states: Sequence[str] = ("NEW",),
) -> Packet:
    """Draw a packet of which nothing is left open that a node's rules usually ask.

    Addresses are drawn from ``sources`` and ``destinations`` (in text) where these are given, else
    from pods, nodes, cluster IPs and the world; ``icmp`` is ICMPv6 in family 6. ``states`` are
    conntrack's: a packet that is not NEW need not be a SYN.
    """
    proto = draw(st.sampled_from(protocols))
    icmp = proto in ("icmp", "icmpv6", "ipv6-icmp")
    state = draw(st.sampled_from(states))
    packet = question_packet(
        draw(st.sampled_from(destinations or _HOSTS[family])),
        None if icmp else draw(_PORTS),
        proto=("icmp" if family == 4 else "ipv6-icmp") if icmp else proto,
        src=draw(st.sampled_from(sources or _HOSTS[family])),
        sport=None if icmp else draw(_PORTS),
        in_interface=draw(st.sampled_from(interfaces)),
        mark=draw(st.sampled_from([0, 0x4000, 0x8000])),
        ctstate=state,
    )
    if packet.proto == 6 and state != "NEW":
        return evolve(packet, flags=frozenset(draw(_FLAGS)))
    return packet
