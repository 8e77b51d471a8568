"""To which of its addresses a node redirects packets that came by any interface (nf_nat_redirect.c)."""

from __future__ import annotations

from natc.netfilter.intervals import Intervals, name, union
from natc.netfilter.node import own_addresses
from natc.netfilter.node.host import Host
from natc.netfilter.packet import Open
from natc.trace.split import split
from natc.trace.state import State

#: Of more addresses than this it is not told which.
_FEW = 8

#: A state, and the address that its packets are sent to; None where the interface has none that would do.
Redirected = tuple[State, int | Open | None]


def by_interface(host: Host, state: State, unknown: Open) -> list[Redirected]:
    """Split a state by the address of the interface that its packet came by.

    ``unknown`` stands for the address of an interface that the node does not have.
    """
    arrived, destination = state.packet.in_interface, state.packet.dst
    assert isinstance(arrived, Open) and isinstance(destination, int)
    names: dict[int | None, list[Intervals]] = {}
    for one in host.interfaces:
        address = own_addresses.redirect_address(host, one.name, destination)
        names.setdefault(address, []).append(name(one.name))
    if len(names) > _FEW:
        return [(state, unknown)]
    out, rest = list[Redirected](), state
    for address, own in names.items():
        answer = split(rest, arrived, union(span for each in own for span in each))
        if answer is True:
            return [*out, (rest, address)]
        if answer is not False:
            out.append((answer[0].state, address))
            rest = answer[1].state
    return [*out, (rest, unknown)]
