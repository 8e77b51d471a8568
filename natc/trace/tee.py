"""The copies that TEE sends: each goes its own way before the packet goes on.

A copy belongs to no connection and passes OUTPUT and POSTROUTING as a packet that the node sends; there it is
not copied itself. One to the node's own address comes in over lo, where rules may copy it once more. That
happens when the packet has come to its end; of a packet that a process sends, with the legacy backend at the
end of the table, with nf_tables at once.

Facts: net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c; the order was seen in a kernel.
"""

from __future__ import annotations

from typing import Any

from natc.netfilter.effect import Copy
from natc.netfilter.packet import NOBODY, Open, Packet
from natc.trace.node.view import NodeView
from natc.trace.state import NO_BINDING, State, Trail
from natc.values import changed, evolve, field, value

#: So many times a copy is copied again as it comes in over lo: as often as a hop limit can be lowered.
MOST = 256
#: Where a copy loses a hop.
_ARRIVING = ("PREROUTING", "INPUT")
_DO_NOT_FRAGMENT = 0x4000


@value
class Copied:
    """A copy that TEE sent, where it came to its end."""

    gateway: str
    verdict: str
    drop_at: str | None
    packet: Packet
    final: State = field(eq=False, repr=False)

    @property
    def out(self) -> str | Open | None:
        """The device it left by; None when it did not leave."""
        return self.final.route.device if self.verdict == "OUTPUT" else None


@value
class Copies:
    """The copies that TEE sent of a packet; of a copy, what goes on when it has been sent."""

    ended: tuple[Copied, ...] = ()
    waiting: tuple[State, ...] = ()
    """Copies to this node itself, which come in over lo later."""
    of: State | None = None
    """What was copied, where this packet is a copy."""
    gateway: str = ""
    device: str | Open = ""
    """The device a copy was first routed to."""
    depth: int = 0
    """Of a copy's copy, how many came in over lo before it."""


NO_COPIES = Copies()


def sent(node: NodeView, state: State, copy: Copy) -> State:
    """Return the copy as it sets out, or the state itself where none is sent.

    ``state`` is the packet behind the rule that copies it.
    """
    own = state.copies or NO_COPIES
    route = None if own.of is not None and not state.again else node.copy_route(state, copy)
    if route is None:
        return state
    packet = changed(_copy_of(state), in_interface="", out_interface=route.device)
    return changed(
        state,
        packet=packet,
        hook="OUTPUT",
        passed=state.passed + 1,
        table=0,
        frames=(),
        binding=NO_BINDING,
        route=route,
        routed=None,
        header_included=False,
        hook_mark=packet.mark,
        first_state=packet.ctstate,
        original=None,
        again=False,
        masqueraded=False,
        trail=Trail(),
        copies=Copies(of=state, gateway=copy.shown, device=route.device, depth=own.depth + state.again),
    )


def _copy_of(state: State) -> Packet:
    """Return what is sent: no socket owns it, and one that arrived has lost a hop."""
    packet = changed(state.packet, ctstate="UNTRACKED", uid=None, gid=None)
    if state.hook not in _ARRIVING:
        return packet
    fields: dict[str, Any] = {}
    if packet.family == 4:
        fields["fragment"] = packet.fragment | _DO_NOT_FRAGMENT
    if isinstance(packet.ttl, int):
        fields["ttl"] = packet.ttl - 1 & 0xFF
    return changed(packet, **fields)


def at_device(copy: State) -> State:
    """Return a copy at POSTROUTING: there it comes from the device it is sent by, as it was first routed."""
    assert copy.copies is not None
    return copy.with_packet(in_interface=copy.copies.device)


def put_off(copy: State, arriving: State) -> State:
    """Return what goes on behind a copy that was sent over lo and is yet to come in: what was copied."""
    packet = copy.copied
    assert packet is not None
    own = packet.copies or NO_COPIES
    return _behind(copy, packet, copies=evolve(own, waiting=(*own.waiting, arriving)))


def gone_on(state: State, backend: str) -> State:
    """Go on behind a copy that has come to its end, and with the copies whose turn it is."""
    while (own := state.copies) is not None:
        if state.verdict and own.of is not None:
            state = _ended(state, own.of)
        elif own.waiting and (state.verdict or _interrupts(state, backend)):
            return _come_in(state, own)
        else:
            break
    return state


def _interrupts(state: State, backend: str) -> bool:
    """Whether what came in over lo is looked at before a packet goes on that a process sends."""
    of_process = state.local and not state.again and state.packet.uid not in (None, NOBODY)
    return of_process and state.copied is None and (backend == "nft" or not state.frames)


def _ended(copy: State, packet: State) -> State:
    of, own = copy.copies, packet.copies or NO_COPIES
    assert of is not None
    end = Copied(of.gateway, copy.verdict, copy.drop_at, copy.packet, copy)
    waiting = (*own.waiting, *of.waiting)
    return _behind(copy, packet, copies=evolve(own, ended=(*own.ended, *of.ended, end), waiting=waiting))


def _come_in(state: State, own: Copies) -> State:
    """Let the first copy that waits come in; the packet goes on behind it."""
    copy, *others = own.waiting
    packet = changed(state, copies=evolve(own, waiting=tuple(others)))
    return _behind(state, copy, copies=evolve(copy.copies or NO_COPIES, of=packet))


def _behind(last: State, state: State, **fields: Any) -> State:
    """Return a state that was put aside, with what happened since then."""
    return changed(
        state,
        passed=last.passed + 1,
        facts=last.facts,
        memory=last.memory,
        odds=last.odds,
        likeliest=last.likeliest,
        ways=last.ways,
        **fields,
    )
