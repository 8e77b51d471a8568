"""A node that is known: routes, addresses and sysctls decide where packets go."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from natc.errors import NodeError, Span
from natc.inputs import name_of, read_json
from natc.netfilter.condition import DeviceGroup, ReversePath, RouteRealm
from natc.netfilter.effect import Copy
from natc.netfilter.intervals import name, union
from natc.netfilter.node import route_matches, routing, sending
from natc.netfilter.node.fib import Flow
from natc.netfilter.node.host import Host
from natc.netfilter.node.iproute import UNNUMBERED
from natc.netfilter.node.routing import InputRoute
from natc.netfilter.node.sending import OutputRoute
from natc.netfilter.packet import NOBODY, Open
from natc.trace.node.policy import decided, flow_of, sides_of_destination, stretch_of
from natc.trace.node.view import OpenNode, open_kind
from natc.trace.split import Answer, split
from natc.trace.state import Route, State
from natc.values import changed, evolve, frozen

#: What a router answers to a packet whose time to live has run out: ICMP type and code by family.
_TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}


@frozen(eq=False)
class HostNode:
    """The walk's view of a :class:`~natc.netfilter.node.host.Host` whose routes are known."""

    host: Host

    def for_one_trace(self) -> HostNode:
        return self

    def corrected(self) -> None:
        """A node that is known takes nothing for granted."""

    def address_type(
        self, state: State, address: int | Open, types: frozenset[str], device: str | Open
    ) -> Answer:
        if isinstance(address, Open):
            return open_kind(state, address) in types
        if isinstance(device, Open):
            own = (one.name for one in self.host.interfaces)
            matching = (
                one for one in own if route_matches.address_type_matches(self.host, address, types, one)
            )
            return split(state, device, union(span for one in matching for span in name(one)))
        return route_matches.address_type_matches(self.host, address, types, device or None)

    def reverse_path(self, state: State, asked: ReversePath) -> Answer:
        if isinstance(state.packet.src, Open):
            return OpenNode().reverse_path(state, asked)
        return route_matches.reverse_path_matches(
            self.host,
            flow_of(state),
            loose=asked.loose,
            valid_mark=asked.valid_mark,
            accept_local=asked.accept_local,
        )

    def device_group(self, state: State, asked: DeviceGroup) -> Answer:
        """A node file puts every interface into the default group."""
        return asked.value & asked.mask == 0

    def route_realm(self, state: State, asked: RouteRealm) -> Answer:
        """Routes of which none names a realm have realm 0; of a realm with a name nobody knows the number."""
        realms = state.route.realms
        if self.host.realms and (realms is None or UNNUMBERED in self.host.realms):
            return OpenNode().route_realm(state, asked)
        return (realms or 0) & asked.mask == asked.value

    def refused(self, state: State) -> bool:
        """Whether a packet from the wire vanishes before any hook sees it."""
        flow = flow_of(state)
        return bool(
            routing.arrival_refusal(self.host.family, flow.source, flow.destination, flow.in_interface)
        )

    def arrive(self, state: State) -> list[State]:
        if state.again and state.route.device:  # lo: the route of the sending goes on
            return [changed(state, hook="INPUT")]
        return [after for one in self._decided(state) for after in self._arrived(one)]

    def _decided(self, state: State) -> list[State]:
        """Split a state until any of its packets is routed as all of them are."""
        sides = sides_of_destination(self.host, state)
        return [one for side in sides for one in decided(self, self.host.fib.rules, side)]

    def _arrived(self, state: State) -> list[State]:
        if isinstance(state.packet.dst, Open) and state.packet.dst.subject == "own":  # behind REDIRECT
            return [changed(state, hook="INPUT", route=Route("lo"))]
        flow, by_any = flow_of(state), isinstance(state.packet.in_interface, Open)
        found = routing.route_input(self.host, flow)
        if by_any and found.kind == "drop" and (found.reason or "").startswith("rp_filter"):
            found = routing.route_input(self.host, evolve(flow, source_open=True))  # asked by interface below
        if found.kind == "drop":
            return [changed(state, verdict="NO_ROUTE", answer=found.answer, reason=found.reason)]
        if not by_any and not isinstance(state.packet.src, Open):
            return [self._let_in(state, found)]
        from natc.trace.node.reverse_filter import filtered

        out = None if found.kind == "local" else found.out
        return [one if one.verdict else self._let_in(one, found) for one in filtered(self.host, state, out)]

    def _let_in(self, state: State, found: InputRoute) -> State:
        if found.kind == "local":
            return changed(state, hook="INPUT", route=Route("lo", realms=found.realms))
        return self._forwarded(state, Route(found.out or "", found.gateway, realms=found.realms))

    @staticmethod
    def _forwarded(state: State, route: Route) -> State:
        """Count the hop down, between PREROUTING and FORWARD (ip_forward.c, ip6_output.c)."""
        ttl = state.packet.ttl
        if isinstance(ttl, int):
            if ttl <= 1:
                answer = _TIME_EXCEEDED[state.packet.family]
                return changed(state, verdict="NO_ROUTE", answer=answer, reason="its time to live ran out")
            state = state.with_packet(ttl=ttl - 1)
        return changed(state, hook="FORWARD", route=route)

    def set_out(self, state: State) -> list[State]:
        return [self._set_out(one) for one in self._decided(state)]

    def _set_out(self, state: State) -> State:
        flow = flow_of(state)
        if state.header_included:
            flow = evolve(flow, source=0)
        answering = state.packet.uid in (None, NOBODY)  # the kernel itself sends, to whomever it answers
        found = sending.route_output(self.host, flow, any_source=True, may_broadcast=answering)
        # IPv4 fills in a source that the process left open, IPv6 does not (raw_send_hdrinc).
        if state.header_included and state.packet.family == 4 and not flow_of(state).source:
            state = state.with_packet(src=found.source)
        return _routed(state, found)

    def reroute(self, state: State) -> list[State]:
        return [_routed(one, sending.reroute(self.host, flow_of(one))) for one in self._decided(state)]

    def settle(self, state: State) -> list[State]:
        return [state]

    def copy_route(self, state: State, copy: Copy) -> Route | None:
        """The mark is not looked at, and the TOS only by IPv4 (nf_dup_ipv4_route, nf_dup_ipv6_route)."""
        own = {one.name for one in self.host.interfaces}
        device = copy.device if copy.device in own else None
        tos = flow_of(state).tos if self.host.family == 4 else 0
        flow = Flow(copy.gateway, out_interface=device, tos=tos)
        found = sending.route_output(self.host, flow, may_broadcast=True)
        gateway = found.gateway or copy.gateway
        return None if found.error else Route(found.out or "", gateway, realms=found.realms)

    def alike(self, state: State) -> Callable[[int], Hashable]:
        return stretch_of(self.host)


def _routed(state: State, found: OutputRoute) -> State:
    if found.error:
        return changed(state, verdict="NO_ROUTE", errno=found.error, frames=())
    route = Route(found.out or "", found.gateway, found.to_itself, found.realms)
    return changed(state, route=route)


def node_from_file(path: str) -> HostNode:
    """Read a node file (JSON); raise :class:`NatcError` when it is none."""
    content = read_json(path, error=NodeError)
    if not isinstance(content, dict):
        raise NodeError("is not the description of a node", Span(name_of(path)), "an object")
    try:
        return HostNode(Host.from_node(content))
    except NodeError as error:
        raise NodeError(error.message, Span(name_of(path)), error.expected) from None
