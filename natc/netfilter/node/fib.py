"""Routing tables and policy rules of one family, and the lookup the kernel does in them.

A lookup walks the policy rules in order of priority; each names a table, in which the longest prefix
wins, then the lowest metric. A route that refuses (blackhole, unreachable, prohibit) ends the lookup
with its error, ``throw`` lets the next rule try.

Facts: net/core/fib_rules.c, net/ipv4/fib_trie.c (fib_table_lookup), net/ipv4/fib_rules.c,
net/ipv6/ip6_fib.c, net/ipv6/fib6_rules.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from natc.netfilter.node.iproute import TABLES, NextHop, PolicyRule, Route
from natc.values import evolve, field, frozen

#: The bits of the type of service that routing looks at: all but the two of ECN (inet_dscp.h).
DSCP_MASK = 0xFC

#: The error of a lookup that found no route at all.
NO_ROUTE = "ENETUNREACH"

#: The error a policy rule gives at once, by its action; ``nop`` gives none.
_RULE_ERRORS = {"blackhole": "EINVAL", "unreachable": "ENETUNREACH", "prohibit": "EACCES"}


@frozen
class Flow:
    """What a lookup knows of a packet. Addresses are integers; 0 stands for an unset source."""

    destination: int
    source: int = 0
    in_interface: str = "lo"
    """``lo`` for packets the node itself sends."""
    out_interface: str | None = None
    mark: int = 0
    tos: int = 0
    protocol: int = 0
    sport: int = 0
    dport: int = 0
    uid: int = 0
    source_open: bool = False
    """``source`` stands for sources that are not known, but for what policy rules ask: it is no martian."""


@frozen
class Found:
    """The route of a flow, and through which of its hops it goes."""

    route: Route
    hop: NextHop
    rule_realms: int = 0
    """What the policy rule that led there says of realms."""

    @property
    def uncertain(self) -> bool:
        """True for a multipath route, whose hop the kernel picks by a hash that natc does not have."""
        return len(self.route.hops) > 1


_Buckets = dict[int, tuple[Route, ...]]


def _sorted_tables(routes: Iterable[Route]) -> dict[int, tuple[tuple[int, int, _Buckets], ...]]:
    """Arrange routes by table, then by prefix length (longest first), then by network."""
    tables: dict[int, dict[int, dict[int, list[Route]]]] = {}
    bits = 32
    for route in routes:
        bits = route.destination.bits
        lengths = tables.setdefault(route.table, {})
        lengths.setdefault(route.destination.length, {}).setdefault(route.destination.address, []).append(
            route
        )
    return {
        table: tuple(
            (
                length,
                ((1 << length) - 1) << (bits - length),
                {network: tuple(sorted(found, key=_preference)) for network, found in networks.items()},
            )
            for length, networks in sorted(lengths.items(), reverse=True)
        )
        for table, lengths in tables.items()
    }


def _preference(route: Route) -> tuple[int, int]:
    """Routes of one prefix are tried by falling type of service, then by rising metric."""
    return -route.tos, route.metric


def numbered(rules: Iterable[PolicyRule], given: Iterable[PolicyRule]) -> tuple[PolicyRule, ...]:
    """Return ``rules`` with ``given`` added one after the other, as ``ip rule add`` does.

    A rule without a priority goes just before the second rule there is (fib_default_rule_pref).
    """
    ordered = list(rules)
    for rule in given:
        priority = rule.priority
        if priority is None:
            second = ordered[1].priority if len(ordered) > 1 else None
            priority = second - 1 if second else 0
        place = next((i for i, other in enumerate(ordered) if (other.priority or 0) > priority), len(ordered))
        ordered.insert(place, evolve(rule, priority=priority))
    return tuple(ordered)


def default_rules(family: int) -> tuple[PolicyRule, ...]:
    """Return the rules every system starts with."""
    names = {0: "local", 32766: "main"} | ({32767: "default"} if family == 4 else {})
    return tuple(PolicyRule(priority, TABLES[name]) for priority, name in names.items())


@frozen
class Fib:
    """The routes and policy rules of one family."""

    routes: tuple[Route, ...]
    rules: tuple[PolicyRule, ...]
    """In order of priority, the default ones included."""
    _tables: dict[int, tuple[tuple[int, int, _Buckets], ...]] = field(init=False, eq=False, repr=False)

    @_tables.default
    def _arrange(self) -> dict[int, tuple[tuple[int, int, _Buckets], ...]]:
        return _sorted_tables(self.routes)

    @property
    def has_custom_rules(self) -> bool:
        """True when a rule was ever added to the default ones."""
        return any(rule.priority not in (0, 32766, 32767) for rule in self.rules)

    def lookup(self, flow: Flow) -> Found | str:
        """Return the route of ``flow``, or the name of the error (``ENETUNREACH``, ...)."""
        position = 0
        while position < len(self.rules):
            rule = self.rules[position]
            position += 1
            if not rule_applies(rule, flow):
                continue
            if rule.action == "goto":
                position = self._position_of(rule.goto or 0, position)
                continue
            found = self._apply(rule, flow)
            if found is not None and found != "EAGAIN":
                return found
        return NO_ROUTE

    def _position_of(self, priority: int, start: int) -> int:
        return next(
            (i for i in range(start, len(self.rules)) if (self.rules[i].priority or 0) >= priority),
            len(self.rules),
        )

    def _apply(self, rule: PolicyRule, flow: Flow) -> Found | str | None:
        if rule.action != "lookup":
            return {"blackhole": "EINVAL", "unreachable": "ENETUNREACH", "prohibit": "EACCES"}.get(
                rule.action
            )
        found = self.lookup_table(rule.table or TABLES["main"], flow)
        if isinstance(found, Found) and found.route.destination.length <= rule.suppress_prefix:
            return None
        return evolve(found, rule_realms=rule.realms) if rule.realms and isinstance(found, Found) else found

    def lookup_table(self, table: int, flow: Flow) -> Found | str | None:
        """Look into one table: the route, the error of a refusing one, or None when nothing fits."""
        for route in self.candidates(table, flow.destination):
            if route.tos and route.tos != flow.tos & DSCP_MASK:
                continue
            if route.error:
                if self._bound_elsewhere(route, flow):
                    continue
                return route.error
            for hop in route.hops:
                if flow.out_interface is None or hop.device == flow.out_interface:
                    return Found(route, hop)
        return None

    @staticmethod
    def _bound_elsewhere(route: Route, flow: Flow) -> bool:
        """IPv6 keeps its refusing routes on ``lo``: a lookup bound to another device passes them by."""
        return route.destination.bits == 128 and flow.out_interface not in (None, "lo")

    def candidates(self, table: int, destination: int) -> Iterator[Route]:
        """Yield the routes of a table that hold ``destination``, best first."""
        for _length, mask, networks in self._tables.get(table, ()):
            yield from networks.get(destination & mask, ())


def rule_applies(rule: PolicyRule, flow: Flow) -> bool:
    """Return whether a policy rule is for this flow (fib_rule_match)."""
    return _selected(rule, flow) != rule.inverted


def _selected(rule: PolicyRule, flow: Flow) -> bool:
    return (
        (rule.source is None or flow.source in rule.source)
        and (rule.destination is None or flow.destination in rule.destination)
        and rule.in_interface in (None, flow.in_interface)
        and rule.out_interface in (None, flow.out_interface)
        and not (rule.mark ^ flow.mark) & rule.mark_mask
        and rule.tos in (0, flow.tos & DSCP_MASK)
        and rule.protocol in (None, flow.protocol)
        and _within(flow.sport, rule.sports)
        and _within(flow.dport, rule.dports)
        and _within(flow.uid, rule.uids)
    )


def _within(value: int, bounds: tuple[int, int] | None) -> bool:
    return bounds is None or bounds[0] <= value <= bounds[1]
