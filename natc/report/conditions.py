"""The conditions of several cases in few words.

Cases exclude each other, and what a person reads need not: "port is 3000; or port is 80 and source in
10.0.0.0/8" says the same as three cases that take care not to overlap. So each condition is made as wide
as it can be without leaving what all of them cover together, and those inside others are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from natc.netfilter.packet import Domain, Open, Packet
from natc.trace.answer.outcome import Case
from natc.trace.answer.wording import phrase

Known = Mapping[Open, Domain]

_UNSEEN = re.compile("the (source|destination) was not seen by list .*").fullmatch
#: Of how many conditions the shortest words are looked for: the search grows with their product.
_FEW = 12


def when(texts: Iterable[str]) -> str:
    """Return conditions, each of which is enough, as one phrase."""
    said = "; or ".join(filter(None, dict.fromkeys(texts)))
    return f"when {said}" if said else "in any case"


def in_few(texts: Iterable[str]) -> str:
    """Return conditions that hold together as one phrase; lists that have not seen a packet are counted.

    A service with session affinity asks one list an endpoint.
    """
    said, unseen = list[str](), dict[str, list[str]]()
    for text in texts:
        found = _UNSEEN(text)
        (unseen.setdefault(found[1], []) if found else said).append(text)
    for who, each in unseen.items():
        known = any(text.startswith(f"the {who} was seen by list ") for text in said)
        counted = f"none of {len(each):,} {'others' if known else 'lists'}"
        said += each if len(each) == 1 else [f"the {who} was seen by {counted}"]
    return " and ".join(said)


def conditions_of(packet: Packet, cases: Sequence[Case]) -> list[str]:
    """Return the conditions of several cases, one phrase each, as few as say the same."""
    joined = simplest(_joined([case.known for case in cases]))
    return [in_few(phrase(packet, v, d) for v, d in known.items()) for known in joined]


def _joined(cases: Sequence[Known]) -> list[Known]:
    """Join cases that differ only in the set of one open value."""
    out: list[dict[Open, Domain]] = []
    for known in cases:
        for other in out:
            if known.keys() != other.keys():
                continue
            differing = [value for value, domain in known.items() if other[value] != domain]
            if len(differing) == 1:
                other[differing[0]] = other[differing[0]] | known[differing[0]]  # type: ignore[operator]
                break
        else:
            out.append(dict(known))
    return [{value: domain for value, domain in known.items() if domain != value.domain} for known in out]


def simplest(cases: Sequence[Known]) -> list[Known]:
    """Return conditions that cover together what ``cases`` do, each as wide as that allows."""
    if not 1 < len(cases) <= _FEW:
        return list(cases)
    wide = list({frozenset(known.items()): known for known in (_widened(c, cases) for c in cases)}.values())
    for known in list(wide):
        others = [other for other in wide if other is not known]
        if _inside(known, others):
            wide = others
    return wide


def _widened(known: Known, cases: Sequence[Known]) -> Known:
    """Drop what need not be said, one value after the other."""
    for value in known:
        less = {other: domain for other, domain in known.items() if other != value}
        if value.domain is not None and _inside(less, cases):
            return _widened(less, cases)
    return known


def _inside(known: Known, cases: Sequence[Known]) -> bool:
    """Tell whether every packet of a condition is one of some case's."""
    if not cases:
        return False
    first, rest = cases[0], cases[1:]
    return all(_inside(left, rest) for left in _outside(known, first))


def _outside(known: Known, case: Known) -> Iterator[Known]:
    """Yield what is left of a condition without a case, in parts that exclude each other."""
    inside = dict(known)
    for value, wanted in case.items():
        domain: Any = inside.get(value, value.domain)
        if domain is None:  # only the same words can be compared
            yield inside
            return
        within: Any = domain & wanted
        if left := domain - wanted:
            yield inside | {value: left}
        if not within:
            return
        inside[value] = within
