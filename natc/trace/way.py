"""The way of a packet through the hooks: which table when, routing between them, lo's second pass."""

from __future__ import annotations

from collections.abc import Callable

from natc.netfilter.hooks import CONNTRACK, SEQUENCES
from natc.netfilter.packet import Packet
from natc.trace.chain.walk import ChainWalk
from natc.trace.crowd import goes_to, routed, told_apart
from natc.trace.node.view import NodeView
from natc.trace.split import Split
from natc.trace.state import NOWHERE, State
from natc.trace.tracking.tracker import Tracker
from natc.values import changed, frozen


@frozen
class Way:
    """Moves states from hook to hook; a state with a verdict has arrived."""

    chains: ChainWalk
    node: NodeView
    tracker: Tracker
    backend: str = "legacy"

    def start(self, state: State) -> list[State]:
        """Return the states in which the packet meets its first hook."""
        if not state.local:
            return [changed(state, hook="PREROUTING")]
        return [self._to(after, "OUTPUT") for after in self.node.set_out(state)]

    def step(self, state: State) -> list[State]:
        """Return the states that follow ``state``, which has no verdict yet."""
        return [self._behind_copies(self._resumed(after)) for after in self._moved_on(state)]

    def _moved_on(self, state: State) -> list[State]:
        sequence = SEQUENCES[self.backend][state.hook]
        if state.table == len(sequence):
            if state.first_state is None:
                state = changed(state, first_state=state.packet.ctstate)
            return _LEAVING[state.hook](self, state)
        element = sequence[state.table]
        if state.frames:
            return [
                out
                for after in self.chains.step(state, element)
                for out in (self._behind(after, element) if after.passed == state.passed else [after])
            ]  # a copy that sets out is in another hook
        if element == CONNTRACK:
            return [_next_table(tracked) for tracked in self.tracker.track(state)]
        return self._enter(state, element)

    def _enter(self, state: State, table: str) -> list[State]:
        if table != "nat":
            return self._enter_rules(changed(state, routed=state.packet), table)
        answer = self.tracker.consults_nat(state)
        if isinstance(answer, bool):
            answer = [Split(answer, state)]
        out: list[State] = []
        for one in answer:
            entered = changed(one.state, routed=one.state.packet)
            out += self._enter_rules(entered, table) if one.truth else self._passed(entered, table)
        return out

    def _enter_rules(self, state: State, table: str) -> list[State]:
        inside = self.chains.enter(state, table)
        return self._passed(state, table) if inside is None else [inside]

    def _behind(self, state: State, table: str) -> list[State]:
        """Leave a table whose chains a state has passed."""
        if state.frames or state.verdict:
            return [state]
        return told_apart(lambda one: self._passed(one, table))(state)

    def _passed(self, state: State, table: str) -> list[State]:
        if table == "nat":
            state = _unrouted(self.tracker.nat_passed(state))
        if state.hook == "OUTPUT" and _moved(state, table):
            return [_next_table(after) for after in routed(self.node.reroute, self.node.alike, state)]
        return [_next_table(state)]

    def _to(self, state: State, hook: str) -> State:
        """Enter a hook; the outgoing interface is what routing has decided by then."""
        if state.verdict:
            return state
        out = "" if hook in ("PREROUTING", "INPUT") else state.route.device
        came = "" if hook == "OUTPUT" else state.packet.in_interface
        packet = state.packet
        if (packet.out_interface, packet.in_interface) != (out, came):
            packet = changed(packet, out_interface=out, in_interface=came)
        return changed(
            state,
            hook=hook,
            passed=state.passed + 1,
            table=0,
            packet=packet,
            hook_mark=packet.mark,
        )

    def _after_prerouting(self, state: State) -> list[State]:
        arrived = routed(self.node.arrive, self.node.alike, state)
        return [self._to(after, after.hook) for after in arrived]

    def _after_forward(self, state: State) -> list[State]:
        return [self._to(state, "POSTROUTING")]

    def _after_output(self, state: State) -> list[State]:
        if state.copied is not None:
            from natc.trace import tee

            return [self._to(tee.at_device(settled), "POSTROUTING") for settled in self.node.settle(state)]
        return [self._to(_doubled(settled), "POSTROUTING") for settled in self.node.settle(state)]

    def _after_postrouting(self, state: State) -> list[State]:
        return [self._sent(confirmed) for confirmed in self.tracker.confirm(state)]

    def _sent(self, state: State) -> State:
        if state.verdict:
            return state
        if state.packet.family == 6 and state.route.to_itself and state.original is None:
            return self._to(changed(state, original=state), "POSTROUTING")
        if state.route.device == "lo" or state.original is not None:
            kind = "unicast" if state.original is None else _kind_to_all(state)
            looped = state.with_packet(in_interface=state.route.device, link_type=kind)
            return self._looped(state, self._to(changed(looped, again=True), "PREROUTING"))
        if _stays6(state):
            return changed(state, verdict="NO_ROUTE", frames=(), reason="a group of this interface alone")
        own = (state.local and not state.again) or state.copied is not None
        return changed(state, verdict="OUTPUT" if own else "FORWARD")

    @staticmethod
    def _looped(state: State, arriving: State) -> State:
        """Come in over lo, a copy only later."""
        if state.copied is None:
            return arriving
        from natc.trace import tee

        return tee.put_off(state, arriving)

    def _behind_copies(self, state: State) -> State:
        """Go on behind a copy that has come to its end."""
        if state.copies is None:
            return state
        from natc.trace import tee

        return tee.gone_on(state, self.backend)

    def _resumed(self, state: State) -> State:
        """Send a packet for everybody once the node's own copy has come to its end.

        IPv6 copies it behind POSTROUTING (ip6_finish_output2); one of this interface alone goes no further.
        """
        original = state.original
        if not state.verdict or original is None:
            return state
        if _stays6(original):
            return changed(state, original=None)
        sent = changed(
            original,
            passed=state.passed,
            facts=state.facts,
            binding=state.binding,
            memory=state.memory,
            odds=state.odds,
            likeliest=state.likeliest,
            ways=state.ways,
            trail=state.trail,
        )
        if sent.packet.family == 6:
            return changed(sent, original=None, verdict="OUTPUT")
        return self._to(sent, "POSTROUTING")

    def _after_input(self, state: State) -> list[State]:
        return [
            confirmed if confirmed.verdict else changed(confirmed, verdict="INPUT")
            for confirmed in self.tracker.confirm(state)
        ]


_LEAVING: dict[str, Callable[[Way, State], list[State]]] = {
    "PREROUTING": Way._after_prerouting,
    "FORWARD": Way._after_forward,
    "OUTPUT": Way._after_output,
    "POSTROUTING": Way._after_postrouting,
    "INPUT": Way._after_input,
}


def _doubled(state: State) -> State:
    """Of IPv4 a packet for everybody goes through POSTROUTING behind the node's own copy (ip_mc_output)."""
    if state.verdict or not state.route.to_itself or state.packet.family == 6:
        return state
    return changed(state, original=state)


def _stays6(state: State) -> bool:
    """Tell whether an IPv6 packet may not leave by its device (ip6_finish_output2)."""
    if state.packet.family != 6 or state.route.device == "lo":
        return False
    from natc.netfilter.node.special_addresses import is_interface_local6

    to = state.packet.dst
    return isinstance(to, int) and is_interface_local6(to)


def _kind_to_all(state: State) -> str:
    """Return how a rule sees the node's own copy of a packet for everybody (xt_pkttype.c)."""
    from natc.netfilter.node.special_addresses import ALL_SYSTEMS

    many = state.packet.family == 6 or state.packet.dst == ALL_SYSTEMS
    return "multicast" if many else "broadcast"


def _unrouted(state: State) -> State:
    """Forget the route of a packet whose destination nat changed as it came over lo (nf_nat_proto.c)."""
    before = state.routed
    if state.hook != "PREROUTING" or before is None or goes_to(state, before.dst):
        return state
    return changed(state, route=NOWHERE)


def _next_table(state: State) -> State:
    return state if state.verdict else changed(state, table=state.table + 1, routed=None)


def _moved(state: State, table: str) -> bool:
    """Whether a table of OUTPUT changed what its hook routes by (iptable_mangle.c, nf_nat_proto.c)."""
    before, after = state.routed, state.packet
    if before is None or state.verdict:
        return False
    if table == "mangle":
        return _routing_key(before) != _routing_key(after)
    return table == "nat" and not goes_to(state, before.dst)


def _routing_key(packet: Packet) -> tuple[object, ...]:
    """What mangle looks at: in IPv6 also the hop limit (ip6table_mangle.c)."""
    return packet.src, packet.dst, packet.mark, packet.tos, packet.family == 6 and packet.ttl
