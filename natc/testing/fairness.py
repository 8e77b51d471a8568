"""Assertions about where a ruleset sends the packets of a service."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from natc.netfilter.packet import Packet, question_packet
from natc.probability import Odds
from natc.trace.machine import trace
from natc.trace.node import OpenNode
from natc.trace.outcome import Case, Distribution

if TYPE_CHECKING:
    from natc.netfilter.ruleset import Ruleset

#: How far from 1/n the kernel's 31-bit random numbers can take a part: 2 to the minus this.
#: (Each of the chances 1/n, 1/(n-1), ... is off by 2^-31 at most, and a part by less than two such.)
_ROUNDING = 30


def assert_fair(
    ruleset: Ruleset,
    dst: str,
    *,
    proto: str = "tcp",
    src: str | None = None,
    local: bool = False,
    node_ips: Iterable[str] = (),
    targets: Iterable[str] | None = None,
) -> Distribution:
    """Assert that new connections to ``dst`` (``IP:PORT``, ``[IPV6]:PORT``) are shared out evenly.

    Every target of DNAT must get the same part, as far as the kernel's 31-bit random numbers allow.
    Where the answer depends on what is left open, such as the source, that holds for each case by
    itself; a case without any target, such as one that a firewall drops, is passed over. With
    ``targets`` these (``IP:PORT``) and no others must be reached. ``local`` means that a process on
    the node sends; ``node_ips`` are the node's addresses, which NodePorts need.

    Returns the whole answer. Raises AssertionError, with the parts, when it does not hold, when no
    packet is translated, or when the ruleset alone cannot tell.
    """
    packet = _packet(dst, proto, src)
    own = frozenset(int(ip) for text in node_ips if (ip := ip_address(text)).version == packet.family)
    node = OpenNode(own) if own else None
    answer = trace(ruleset, packet, node, origin="local" if local else "network")
    reached: set[str] = set()
    for case in answer.cases:
        where = f"{dst} ({', '.join(case.conditions)})" if case.conditions else dst
        reached |= _check_case(case, where)
    if not reached:
        raise AssertionError(f"{dst} leads to no target")
    if targets is not None and reached != (wanted := set(targets)):
        lacking, surplus = sorted(wanted - reached), sorted(reached - wanted)
        raise AssertionError(f"{dst} does not reach {lacking} and does reach {surplus}")
    return answer


def _packet(dst: str, proto: str, src: str | None) -> Packet:
    host, _, port = dst.rpartition(":")
    return question_packet(host.strip("[]"), int(port), proto=proto, src=src)


def _check_case(case: Case, where: str) -> set[str]:
    """Return the targets of one case. Raises AssertionError unless they share evenly."""
    parts: dict[str, Odds] = {}
    for odds, outcome in case.outcomes:
        if outcome.verdict == "OPEN":
            raise AssertionError(f"{where}: what becomes of the packet is not decided by the ruleset")
        if outcome.dnat is not None:
            target = str(outcome.dnat)
            parts[target] = parts[target] + odds if target in parts else odds
    if not all(_is_even(part, len(parts)) for part in parts.values()):
        listed = ", ".join(f"{target} {float(part):.4%}" for target, part in parts.items())
        raise AssertionError(f"{where} is not shared evenly: {listed}")
    return set(parts)


def _is_even(part: Odds, count: int) -> bool:
    """Tell whether a part is 1/count up to rounding, in whole numbers."""
    distance = abs(part.num * count - (1 << part.exp))
    return distance << _ROUNDING <= count << part.exp
