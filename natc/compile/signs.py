"""How a dump tells which kube-proxy wrote it, as data: the signs of history G and A.

A sign is looked for in the rules of some chains. What is found, and what is missing where it would
have to be, is held against the layouts; none of this needs to know a version number. One rule that
somebody changed must not hide the version, so the layouts that contradict the fewest signs are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from natc.compile.layouts import (
    Chain,
    ExternalIps,
    FirewallEnd,
    ForwardConntrack,
    InvalidDrop,
    Layout,
    ServiceComment,
    known_versions,
)
from natc.values import frozen

#: So many rules of one kind are looked at; in a large cluster they are all alike.
_SAMPLE = 2000
#: Where userspace mode has its rules; nothing else tells its version.
_PORTALS = "nat KUBE-PORTALS-CONTAINER"
_HASH, _HASHED = re.compile(r"(KUBE-[A-Z]{2,3}-)[A-Z2-7]{16}"), 16


@frozen
class Sign:
    """Something that rules of some layouts have."""

    where: str
    """The chains to look in: ``TABLE CHAIN``, a service port's own chains by their prefix."""
    among: str
    """Which of their rules could have it: a pattern for the rule's text; empty for all."""
    sign: str
    """What they have then: a pattern for the text; empty when being among them is enough."""
    layouts: Callable[[Layout], bool]
    """Whether a layout's rules have it."""
    missing_tells: bool = True
    """Whether rules that could have it and do not speak against those layouts."""
    found_tells: bool = True
    """Whether finding it speaks against the other layouts; not where kubelet makes it too."""
    unless_large: bool = False
    """Whether a large cluster leaves it out."""

    def seen(self, rules: Mapping[str, list[str]]) -> bool | None:
        """Tell whether the rules have it; None when nothing there could."""
        texts = rules.get(self.where)
        if texts is None:
            return None
        among, sign = re.compile(self.among).search, re.compile(self.sign).search
        could = False
        for text in texts:
            if among(text):
                could = True
                if sign(text):
                    return True if self.found_tells else None
        hidden = self.unless_large and len(texts) >= _SAMPLE
        return False if could and self.missing_tells and not hidden else None


def _jump(table: str, chain: str, to: str, *, found_tells: bool = True) -> Sign:
    return Sign(
        where=f"{table} {chain}",
        among="",
        sign=f"-j {to}$",
        layouts=lambda layout: any((j.table, j.chain, j.to) == (table, chain, to) for j in layout.jumps),
        found_tells=found_tells,
    )


SIGNS: tuple[Sign, ...] = (
    _jump("filter", "INPUT", "KUBE-SERVICES"),
    _jump("filter", "FORWARD", "KUBE-EXTERNAL-SERVICES"),
    _jump("filter", "INPUT", "KUBE-NODEPORTS"),
    _jump("filter", "FORWARD", "KUBE-PROXY-FIREWALL"),
    _jump("filter", "INPUT", "KUBE-FIREWALL", found_tells=False),
    Sign("nat KUBE-SERVICES", r'"\S+?/[^\s:]+:? cluster IP"', r': cluster IP"', lambda x: x.colon_always),
    Sign("nat KUBE-SERVICES", "cluster IP.* -j KUBE-MARK-MASQ", "", lambda x: x.masquerade_in_services,
         missing_tells=False),
    Sign("nat KUBE-SVC-", "cluster IP.* -j KUBE-MARK-MASQ", "", lambda x: not x.masquerade_in_services,
         missing_tells=False),
    Sign("nat KUBE-SERVICES", "external IP", "physdev", lambda x: x.external_ips is ExternalIps.PHYSDEV),
    Sign("nat KUBE-SERVICES", "external IP", "KUBE-EXT-", lambda x: x.external_ips is ExternalIps.JUMP),
    Sign("nat KUBE-SEP-", "DNAT", "comment", lambda x: x.service_comment is not ServiceComment.NONE,
         unless_large=True),
    Sign("nat KUBE-SVC-", "comment.* -j KUBE-SEP-", ' -> ',
         lambda x: x.service_comment is ServiceComment.NAME_AND_ENDPOINT),
    Sign("nat KUBE-SVC-", r"--probability 0\.333", r"--probability 0\.33332",
         lambda x: x.probability_digits == 5),
    Sign("nat KUBE-POSTROUTING", "mark", "RETURN", lambda x: x.return_unmarked),
    Sign("nat KUBE-POSTROUTING", "MASQUERADE", "random-fully", lambda x: x.random_fully),
    Sign("filter KUBE-FORWARD", "", "INVALID.*DROP", lambda x: x.invalid_drop is not InvalidDrop.NEVER,
         missing_tells=False),
    Sign("filter KUBE-FORWARD", "conntrack pod", "-[sd] ",
         lambda x: x.forward_conntrack is ForwardConntrack.CLUSTER_CIDR_PAIR),
    Sign("filter KUBE-FORWARD", "", "conntrack pod",
         lambda x: x.forward_conntrack is not ForwardConntrack.ONE, missing_tells=False),
    Sign("filter KUBE-FORWARD", "", "conntrack rule", lambda x: x.forward_conntrack is ForwardConntrack.ONE),
    Sign("nat KUBE-XLB-", "", "", lambda x: Chain.EXTERNAL_LOCAL in x.chains, missing_tells=False),
    Sign("nat KUBE-EXT-", "", "", lambda x: Chain.EXTERNAL in x.chains, missing_tells=False),
    Sign("nat KUBE-SVL-", "", "", lambda x: Chain.LOCAL in x.chains, missing_tells=False),
    Sign("nat KUBE-XLB-", "-j KUBE-SEP-", "Balancing rule", lambda x: x.numbered_balancing),
    Sign("nat KUBE-XLB-", "-j KUBE-SVC-", "route LOCAL", lambda x: x.route_local, missing_tells=False),
    Sign("nat KUBE-FW-", "", "KUBE-MARK-DROP", lambda x: x.firewall_end is FirewallEnd.MARK_DROP),
    Sign("nat KUBE-FW-", "", "other traffic", lambda x: x.firewall_end is FirewallEnd.COMMENT),
    Sign("nat KUBE-SERVICES", "loadbalancer IP", "KUBE-EXT-", lambda x: not x.firewall_always,
         missing_tells=False),
    Sign("filter KUBE-", "has no local endpoints.*DROP", "", lambda x: x.no_local_drop,
         missing_tells=False),
    Sign("nat KUBE-(SVL|XLB)-", "has no local endpoints", "KUBE-MARK-DROP", lambda x: not x.no_local_drop),
    Sign("nat KUBE-SERVICES", "-j KUBE-NODEPORTS", "! -d", lambda x: not x.loopback_node_ports,
         missing_tells=False),
    Sign("nat KUBE-NODEPORTS", "nfacct", "", lambda x: x.nfacct, missing_tells=False),
    Sign(_PORTALS, "", "", lambda x: x.userspace),
    Sign(_PORTALS, r'"\S+?/[^\s:]+:?"', ':"', lambda x: x.colon_always),
)  # fmt: skip


def recognise(tables: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return the kube-proxy versions that contradict the fewest signs, the newest of each layout first.

    ``tables`` are the lines of each chain, as a dump has them. Empty when none is one of kube-proxy's.
    """
    rules = _rules(tables)
    if not any(place.startswith("nat KUBE-") for place in rules):
        return ()
    userspace = _PORTALS in rules
    signs = [sign for sign in SIGNS if (sign.where == _PORTALS) == userspace]
    seen = [(sign, there) for sign in signs if (there := sign.seen(rules)) is not None]
    against = {
        version: sum(sign.layouts(layout) != there for sign, there in seen)
        for version, layout in known_versions().items()
    }
    least = min(against.values())
    return tuple(version for version, count in against.items() if count == least)


def _rules(tables: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return some rules by table and chain, of a service port's chains by their kind."""
    found: dict[str, list[str]] = {}
    for table, chains in tables.items():
        enough = set[str]()  # the kinds of which there are enough, by what their names begin with
        for name in chains:
            if name[:-_HASHED] in enough:
                continue
            own = _HASH.fullmatch(name)
            texts = found.setdefault(f"{table} {own[1] if own else name}", [])
            texts += chains[name].splitlines()[: _SAMPLE - len(texts)]
            if own and len(texts) >= _SAMPLE:
                enough.add(own[1])
    return found
