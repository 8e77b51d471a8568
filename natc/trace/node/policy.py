"""Policy routing of packets that leave open what ``ip rule`` asks for: source, interface, mark, ports, user.

A state is split until each policy rule either is for all its packets or for none; then any packet of
the state stands for the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from natc.netfilter.condition import All, Bits, Condition, In
from natc.netfilter.intervals import Intervals, name, numbers
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.iproute import PolicyRule, Prefix
from natc.netfilter.node.special_addresses import SPECIAL4, SPECIAL6
from natc.netfilter.packet import YES, Open, OpenMark
from natc.trace.chain.evaluate import Asker, open_bit
from natc.trace.node.view import NodeView
from natc.trace.state import State


def decided(node: NodeView, rules: tuple[PolicyRule, ...], state: State) -> list[State]:
    """Split a state by whether each policy rule is for its packets."""
    states = [state]
    for rule in rules:
        condition = All(tuple(_asked(rule)))
        if condition.parts:
            states = [after for before in states for after in _sides(Asker(node), condition, before)]
    return states


def _sides(asker: Asker, condition: Condition, state: State) -> list[State]:
    answer = asker.ask(condition, state)
    return [state] if isinstance(answer, bool) else [split.state for split in answer]


def _asked(rule: PolicyRule) -> Iterator[Condition]:
    """Yield what a rule asks of fields that may be open; whether it is inverted splits no further."""
    for field, prefix in (("src", rule.source), ("dst", rule.destination)):
        if prefix is not None:
            yield In(field, _addresses(prefix))
    if rule.in_interface is not None:
        yield In("in_interface", name(rule.in_interface))
    if rule.mark_mask:
        yield Bits("mark", rule.mark & rule.mark_mask, rule.mark_mask)
    for field, bounds in (("sport", rule.sports), ("dport", rule.dports), ("uid", rule.uids)):
        if bounds is not None:
            yield In(field, numbers(*bounds))


def _addresses(prefix: Prefix) -> Intervals:
    return numbers(prefix.address, prefix.address | (1 << prefix.bits - prefix.length) - 1)


def edges(host: Host) -> list[int]:
    """Return, sorted, where prefixes of routes and policy rules begin, and where they end."""
    rules = [prefix for rule in host.fib.rules for prefix in (rule.source, rule.destination) if prefix]
    prefixes = [*rules, *(route.destination for route in host.fib.routes)]
    return sorted({edge for prefix in prefixes for span in _addresses(prefix) for edge in span})


def stretches(host: Host, addresses: Intervals) -> Iterator[tuple[int, int]]:
    """Yield the parts of a set of addresses in which no route and no policy rule tells one from another.

    Each is a half-open span between two edges of their prefixes: one of its addresses stands for all.
    """
    found = edges(host)
    for low, high in addresses.spans:
        starts = [low, *(edge for edge in found if low < edge < high)]
        yield from zip(starts, [*starts[1:], high], strict=True)


def stretch_of(host: Host) -> Callable[[int], Hashable]:
    """Return what tells whether two destinations are routed alike; special addresses go by themselves."""
    found, special = edges(host), SPECIAL4 if host.family == 4 else SPECIAL6
    return lambda address: (
        address if any(address in prefix for prefix in special) else (bisect_right(found, address),)
    )


def sides_of_destination(host: Host, state: State) -> list[State]:
    """Split a state whose destination nat left open (a range to choose from) by where it may be routed."""
    chosen = state.packet.dst
    domain = state.facts.domain(chosen) if isinstance(chosen, Open) else None
    if not isinstance(chosen, Open) or not isinstance(domain, Intervals):
        return [state]
    return [state.narrowed(chosen, Intervals((span,))) for span in stretches(host, domain)]


def flow_of(state: State) -> Flow:
    """Return what routing looks at; a packet of the state stands for all of them."""
    packet = state.packet
    return Flow(
        _any(state, packet.dst, 0),
        _source(state),
        _any(state, packet.in_interface, "") or "lo",
        mark=_any_mark(state, packet.mark),
        tos=_any(state, packet.tos, 0),
        protocol=_any(state, packet.proto, 0),
        sport=_any(state, packet.sport, 0),
        dport=_any(state, packet.dport, 0),
        uid=max(_any(state, packet.uid, 0), 0),
        source_open=isinstance(packet.src, Open),
    )


def _source(state: State) -> int:
    """Return a source, of an open one a plain address: 0 is none, for which the kernel would choose one."""
    source = state.packet.src
    domain = state.facts.domain(source) if isinstance(source, Open) else None
    if isinstance(domain, Intervals):
        special = SPECIAL4 if state.packet.family == 4 else SPECIAL6
        ends: list[int] = [edge for low, high in domain.spans for edge in (low, high - 1)]
        for address in ends:
            if address and not any(address in prefix for prefix in special):
                return address
    return int(_any(state, source, 0))


def _any(state: State, value: Any, unset: Any) -> Any:
    """Return a value, of an open one the first it can be."""
    if not isinstance(value, Open):
        return unset if value is None else value
    domain = state.facts.domain(value)
    return domain.spans[0][0] if isinstance(domain, Intervals) and domain else unset


def _any_mark(state: State, mark: int | OpenMark) -> int:
    """Return a mark whose open bits came set where that is known, else unset."""
    if isinstance(mark, int):
        return mark
    bits = [bit for bit in range(32) if mark.unknown & 1 << bit]
    return mark.value ^ sum(1 << bit for bit in bits if state.facts.narrowed(open_bit(bit)) == YES)
