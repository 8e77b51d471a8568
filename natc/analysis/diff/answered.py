"""Which rejected packets the node answers: one that gets no answer meets the fate of a dropped one.

Facts: nf_reject_ipv4.c, nf_reject_ipv6.c, net/ipv4/icmp.c, net/ipv6/icmp.c.
"""

from __future__ import annotations

from natc.netfilter.intervals import Intervals, union
from natc.netfilter.node import route_matches
from natc.netfilter.packet import Facts, Open, Packet
from natc.trace.answer.outcome import Outcome
from natc.trace.node.view import NodeView, local_question, plain_type
from natc.trace.responses import ERRORS, FOR_MANY


def is_answered(outcome: Outcome, facts: Facts, node: NodeView) -> bool:
    """Tell whether a rejected packet may get an answer, as far as facts and node say."""
    packet = outcome.final
    if packet is None:
        return True
    return not (
        _is_error(packet, facts)
        or (outcome.reject == "tcp-reset" and isinstance(packet.flags, frozenset) and "RST" in packet.flags)
        or (isinstance(packet.dst, int) and _is_for_many(packet, packet.dst, facts, node))
    )


def _is_error(packet: Packet, facts: Facts) -> bool:
    """Tell whether a packet certainly is an ICMP error itself."""
    kind = packet.icmp_type
    if packet.proto not in ERRORS or kind is None:
        return False
    errors = union((one, one + 1) for one in ERRORS[packet.proto])
    domain = facts.domain(kind) if isinstance(kind, Open) else Intervals(((kind, kind + 1),))
    return isinstance(domain, Intervals) and not domain - errors


def _is_for_many(packet: Packet, address: int, facts: Facts, node: NodeView) -> bool:
    """Tell whether an address certainly is one of many nodes."""
    if node.host is not None and packet.family == 4:
        return route_matches.address_type(node.host, address) in FOR_MANY
    plain = plain_type(packet, address)
    domain = facts.known.get(local_question(packet, address))
    return plain in FOR_MANY if plain else isinstance(domain, frozenset) and domain <= FOR_MANY
