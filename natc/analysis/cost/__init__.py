"""How many rules the first packet of a connection is compared with, for every service of a dump.

Counted from PREROUTING, where a packet arrives from the network, to its verdict: through every table
and hook, and behind a translation on to the endpoint. Whatever the rules ask of anything but the
destination (the source, interfaces, marks, chance) makes the count a range, and so does whether an
endpoint is on the node itself. Packets to NodePorts go to an address of the node, those to a network
to its first host, those to a range of ports to the first.
"""

from __future__ import annotations

from natc.analysis.audit import audit
from natc.analysis.cost.counter import Counter
from natc.netfilter.rule import Rule
from natc.netfilter.ruleset import Ruleset
from natc.values import field, frozen


@frozen
class Cost:
    """What one service destination costs its first packet."""

    dst: str
    proto: str
    name: str
    rule: Rule = field(eq=False)
    least: int
    """Rules compared on the shortest way."""
    most: int
    """Rules compared on the longest."""


def costs(ruleset: Ruleset, *, backend: str = "legacy") -> tuple[Cost, ...]:
    """Return the cost of every service destination, the worst first.

    ``backend`` is ``legacy`` or ``nft``: the order of the tables.
    """
    counter, found = Counter(ruleset, backend), list[Cost]()
    for service in audit(ruleset, counter.folder):
        least, most = counter.of_service(service)
        found.append(Cost(service.dst, service.proto, service.name, service.rule, least, most))
    return tuple(sorted(found, key=lambda cost: (-cost.most, -cost.least, cost.rule.line)))
