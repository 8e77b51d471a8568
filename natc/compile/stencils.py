"""Service ports that are alike are written by filling in a stencil instead of going through the passes.

What the passes write for a service port follows from a few facts about it, its *kind*: the protocol,
policies and affinity, what it has none of and how many of the rest. All else they only repeat: its name,
addresses, numbers and the names of its chains. So when a kind comes the second time, the passes are asked
what they write for a plan with marks in the place of these. That text with holes for the marks is the
stencil, which is filled in for this service port and all later ones of its kind. A stencil that does not
give what the passes write for the service port it was made for is not used; a service port without a
stencil goes through the passes. tests/property/test_stencils.py compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from natc.compile.endpoints import ProxyEndpoint
from natc.compile.marks import Values, holds_any, holes_of, marked, template_of
from natc.compile.plan import Plan, make_plan
from natc.compile.selection import Used
from natc.compile.service_ports import ProxiedPort
from natc.compile.sync import Sync
from natc.values import evolve, frozen

#: A buffer's name, its text with ``%s`` for each hole, and what picks the values for them.
Part = tuple[str, str, Callable[[Values], Values]]
#: Goes through the passes, which append the lines of a service port to the buffers of a sync.
Write = Callable[[Sync, Plan], None]

#: Where among the values of a service port its name is.
NAME = 0
_BUFFERS = ("nat_chains", "filter_rules", "nat_rules")


@frozen
class Stencil:
    """The lines of one kind of service port, for each of the buffers they go to."""

    parts: tuple[Part, ...]

    def fill(self, sync: Sync, values: Values) -> None:
        """Append the lines of a service port, all those of a buffer as one."""
        for buffer, text, pick in self.parts:
            getattr(sync, buffer).append(text % pick(values))


class Stencils:
    """Writes service ports into a sync: by the stencil of their kind, or through the passes."""

    def __init__(self, sync: Sync, write: Write) -> None:
        self._sync = sync
        self._write = write
        self._stencils: dict[Values, Stencil | None] = {}
        self._seen: set[Values] = set()

    def write(self, port: ProxiedPort, used: Used, hashes: Sequence[str]) -> None:
        """Write one service port; ``hashes`` are its own and those of its reachable endpoints."""
        kind = kind_of(port, used)
        stencil = self._stencils.get(kind)
        if stencil is None and kind in self._seen and kind not in self._stencils:
            stencil = self._stencils[kind] = self._learnt(port, used, hashes)
        if stencil is None:
            self._seen.add(kind)
            self._write(self._sync, make_plan(port, used, self._sync.layout, hashes))
        else:
            stencil.fill(self._sync, values_of(port, used, hashes))

    def _learnt(self, port: ProxiedPort, used: Used, hashes: Sequence[str]) -> Stencil | None:
        """Return the stencil of a service port's kind, None where it does not do for the service port."""
        made = marked(port, used)
        holes = holes_of(values_of(*made))
        stencil = Stencil(tuple(_parts(self._written(*made), holes)))
        filled, careful = emptied(self._sync), self._written(port, used, hashes).text()
        stencil.fill(filled, values_of(port, used, hashes))
        return stencil if filled.text() == careful and not holds_any(careful, holes) else None

    def _written(self, port: ProxiedPort, used: Used, hashes: Sequence[str]) -> Sync:
        """Return what the passes write for one service port."""
        alone = emptied(self._sync)
        self._write(alone, make_plan(port, used, alone.layout, hashes))
        return alone


def kind_of(port: ProxiedPort, used: Used) -> Values:
    """Return all that decides what the passes write, but for values that they only repeat."""
    service, reachable = port.service, used.reachable
    return (
        port.protocol,
        port.node_port > 0,
        service.health_check_port > 0,
        len(service.external_ips),
        len(service.vips),
        service.source_ranges,
        service.external_local,
        service.internal_local,
        service.affinity,
        used.has_endpoints,
        used.uses_cluster,
        used.uses_local,
        len(reachable),
        _places(used.cluster, reachable),
        _places(used.balanced, reachable),
        _places(used.local, reachable),
    )


def _places(some: list[ProxyEndpoint], reachable: list[ProxyEndpoint]) -> bool | tuple[int, ...]:
    """Return where some endpoints are among the reachable ones; True when they are those."""
    if some is reachable:
        return True
    places = {endpoint.text: at for at, endpoint in enumerate(reachable)} if some else {}
    return tuple([places[endpoint.text] for endpoint in some])


def values_of(port: ProxiedPort, used: Used, hashes: Sequence[str]) -> Values:
    """Return the values that the passes only repeat."""
    service = port.service
    return (
        port.name,
        service.cluster_ip,
        port.port,
        port.node_port,
        service.health_check_port,
        *service.external_ips,
        *service.vips,
        *hashes,
        *[endpoint.text for endpoint in used.reachable],
        *[endpoint.source for endpoint in used.reachable],
    )


def _parts(written: Sync, holes: Mapping[str, int]) -> Iterator[Part]:
    """Yield what a stencil consists of, from what the passes wrote for marks."""
    for buffer in _BUFFERS:
        lines = "\n".join(getattr(written, buffer))
        if lines:
            yield buffer, *template_of(lines, holes)


def emptied(sync: Sync) -> Sync:
    """Return a sync like another one in which nothing is written yet."""
    return evolve(sync, filter_chains=[], filter_rules=[], nat_chains=[], nat_rules=[])
