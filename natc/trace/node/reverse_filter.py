"""rp_filter of a packet that leaves source or interface open: which sources are let in (fib_frontend.c)."""

from __future__ import annotations

from natc.netfilter.intervals import Intervals, name, union
from natc.netfilter.node import routing
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.packet import YES_OR_NO, Open
from natc.trace.node.policy import flow_of, stretches
from natc.trace.split import Split, question, split
from natc.trace.state import State
from natc.values import changed, evolve

#: With more filtering interfaces than this the arriving one is not told apart: one question stands for all.
_FEW = 8
#: How :func:`natc.netfilter.node.routing.source_refusal` begins when it is rp_filter that refuses.
_FILTERED = "rp_filter"


def filtered(host: Host, state: State, out: str | None) -> list[State]:
    """Split a state by whether rp_filter refuses its open source; what is refused has its verdict.

    ``out`` is the device the packet would leave by, None when it is for the node itself.
    """
    devices = _filtering(host)
    if host.family != 4 or not devices:
        return [state]
    arrived = state.packet.in_interface
    if not isinstance(arrived, Open):
        return _by_source(host, state, arrived, out) if arrived in devices else [state]
    if len(devices) > _FEW:
        return _ended(question(state, Open("question", "rp_filter refuses the source", YES_OR_NO)), state)
    states, rest = [], [state]
    for device in devices:
        answers = [(one, split(one, arrived, name(device))) for one in rest]
        rest = [other for one, answer in answers for other in _where(answer, one, holds=False)]
        inside = [other for one, answer in answers for other in _where(answer, one, holds=True)]
        states += [after for one in inside for after in _by_source(host, one, device, out)]
    return [*states, *rest]


def _filtering(host: Host) -> list[str]:
    return [one.name for one in host.interfaces if one.name != "lo" and host.sysctl("rp_filter", one.name)]


def _where(answer: bool | list[Split], state: State, *, holds: bool) -> list[State]:
    if isinstance(answer, bool):
        return [state] if answer is holds else []
    return [one.state for one in answer if one.truth is holds]


def _by_source(host: Host, state: State, device: str, out: str | None) -> list[State]:
    source = state.packet.src
    if not isinstance(source, Open):
        known = evolve(flow_of(state), in_interface=device)
        return _ended(bool(routing.source_refusal(host, known, out)), state)
    domain = state.facts.domain(source)
    if not isinstance(domain, Intervals):
        return [state]
    flow = evolve(flow_of(state), in_interface=device, source_open=False)
    return _ended(split(state, source, _refused(host, flow, domain, out)), state)


def _refused(host: Host, flow: Flow, domain: Intervals, out: str | None) -> Intervals:
    """Return the sources that are refused: none where it is only for being martians, which nobody's are."""
    found = [
        (reason, span)
        for span in stretches(host, domain)
        if (reason := routing.source_refusal(host, evolve(flow, source=span[0]), out))
    ]
    filters = any(reason.startswith(_FILTERED) for reason, _ in found)
    return union(span for _, span in found) if filters else Intervals()


def _ended(answer: bool | list[Split], state: State) -> list[State]:
    """Give the states in which the source is refused their verdict."""
    reason = "rp_filter: the way back to the source is not the way it came"
    refused = [changed(one, verdict="NO_ROUTE", reason=reason) for one in _where(answer, state, holds=True)]
    return [*refused, *_where(answer, state, holds=False)]
