"""Checks of where services' packets end."""

from __future__ import annotations

from collections.abc import Iterator

from natc.analysis.audit import Service
from natc.analysis.lint.base import Dump
from natc.analysis.service_chains import jump_of

Found = Iterator[tuple[int, str, str]]

#: A share that is off by less than this part of it comes from rounding; ``natc audit`` shows those too.
_OFF = 0.001
_MARK_DROP = "KUBE-MARK-DROP"


def uneven(dump: Dump) -> Found:
    """Find services whose endpoints get shares that differ by more than rounding explains."""
    for service in dump.services:
        if service.max_error and service.max_error * len(service.judgement.parts) > _OFF:
            parts = sorted(service.targets, key=lambda target: float(target.odds))
            least, most = parts[0], parts[-1]
            yield (
                service.rule.line,
                service.name,
                f"{service.dst}/{service.proto} gives {most.to} {100 * float(most.odds):.4g} % and "
                f"{least.to} {100 * float(least.odds):.4g} %, of {len(parts)} endpoints",
            )


def nowhere(dump: Dump) -> Found:
    """Find services whose rules lead to no endpoint; those refused or dropped on purpose are none."""
    for service in dump.services:
        lost = service.problem == "leads nowhere" and not _drops(dump, jump_of(service.rule))
        if lost and dump.hooks("nat", service.rule.chain):
            yield service.rule.line, service.name, f"{service.dst}/{service.proto} {_ends(service)}"


def _ends(service: Service) -> str:
    return f"leads to {jump_of(service.rule)}, and from there to no endpoint"


def _drops(dump: Dump, chain: str) -> bool:
    """Tell whether a chain marks packets for dropping, itself or by a chain that it leads to."""
    graph = dump.graph("nat")
    seen: set[str] = set()
    waiting = [chain]
    while waiting and graph is not None:
        name = waiting.pop()
        if name == _MARK_DROP:
            return True
        if name not in seen:
            seen.add(name)
            waiting += graph.leads.get(name, ())
    return False
