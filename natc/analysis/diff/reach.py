"""Which destinations lead packets to certain rules: from the rules back to the hooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from natc.analysis.backwards import Wanted, candidates
from natc.analysis.diff.differing import Written
from natc.netfilter.kinds.addresses import address_of
from natc.netfilter.rule import Rule
from natc.values import evolve

#: The builtin chains in which packets have the destination they were sent to. A packet that the node
#: sends to itself comes to PREROUTING again, with the destination that nat gave it.
_AS_SENT = {
    ("raw", "OUTPUT"), ("mangle", "OUTPUT"), ("nat", "PREROUTING"), ("nat", "OUTPUT"),
}  # fmt: skip
#: Those in which copies that TEE sends of translated packets come with the destination that nat gave them.
_OF_COPIES = frozenset({"OUTPUT"})
_COPYING = re.compile(r" -j TEE\b")
#: Translations to addresses that their rules do not name.
_ELSEWHERE = re.compile(r" -j (?:REDIRECT|NETMAP)\b| --to\S*[ =][\"']?:")


def regions_of(side: Mapping[str, Written], family: int) -> set[Wanted]:
    """Return the destinations whose packets may come to the differing rules of one side."""
    found = set[Wanted]()
    copied = any(table.says(_COPYING) for table in side.values())
    for table in side.values():
        for hook, wanted in _hooks(table):
            found.add(evolve(wanted, local=False))
            if (table.table.name, hook) not in _AS_SENT or (copied and hook in _OF_COPIES):
                found |= _before_translation(side.get("nat"), wanted, family)
    return found


def _hooks(table: Written) -> Iterator[tuple[str, Wanted]]:
    """Yield the builtin chains in which packets set out for a differing rule, and which packets."""
    waiting = [
        (rule.chain, wanted)
        for rule in table.differing
        if (wanted := Wanted().along(rule.condition)) is not None
    ]
    seen = set(waiting)
    callers: dict[str, list[Rule]] = {}
    while waiting:
        name, wanted = waiting.pop()
        chain = table.table.chain(name)
        if chain is not None and chain.policy is not None:  # nothing jumps to a builtin chain
            yield name, wanted
            continue
        if name not in callers:
            callers[name] = list(_jumping_to(table, name))
        for rule in callers[name]:
            narrowed = wanted.along(rule.condition)
            if narrowed is not None and (rule.chain, narrowed) not in seen:
                seen.add((rule.chain, narrowed))
                waiting.append((rule.chain, narrowed))


def _jumping_to(table: Written, name: str) -> Iterator[Rule]:
    for chain in table.chains_naming(name):
        for rule in chain.rules:
            if rule.jump == name:
                yield rule


def _before_translation(nat: Written | None, wanted: Wanted, family: int) -> set[Wanted]:
    """Return the destinations from which packets are translated into some destinations."""
    if nat is None:
        return set()
    single = None if wanted.dst is None else wanted.dst.single
    if single is None or nat.says(_ELSEWHERE):
        return {Wanted(proto=wanted.proto)}
    address = address_of(single, 32 if family == 4 else 128)
    return {
        evolve(found, local=False)
        for candidate in candidates(nat.table, address)
        if (found := _of_protocol(candidate.wanted, wanted)) is not None
    }


def _of_protocol(found: Wanted, wanted: Wanted) -> Wanted | None:
    if wanted.proto is None:
        return found
    proto = wanted.proto if found.proto is None else found.proto & wanted.proto
    return evolve(found, proto=proto) if proto else None


def covering(regions: Iterable[Wanted]) -> list[Wanted]:
    """Return regions that cover all of some, without those that lie in another."""
    out: list[Wanted] = []
    for region in sorted(regions, key=_asked):
        if not any(_inside(region, other) for other in out):
            out.append(region)
    return out


def _asked(region: Wanted) -> int:
    return sum(field is not None for field in (region.dst, region.dport, region.proto))


def _inside(region: Wanted, other: Wanted) -> bool:
    pairs = ((getattr(region, name), getattr(other, name)) for name in ("dst", "dport", "proto"))
    return all(whole is None or (part is not None and not part - whole) for part, whole in pairs)
