"""The answer to a name as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from natc.analysis.resolve import Asker, Resolution
from natc.kube.dns import ANSWERED, Record
from natc.report.lines import Line, Part, line

_NOTHING = {
    "NXDOMAIN": "NXDOMAIN: nothing in the cluster has this name",
    "NODATA": "NODATA: the name is there, but no such record",
    "unknown": "nothing in the cluster has this name; name servers outside it may",
}


def resolve_lines(found: Resolution) -> Iterator[Line]:
    """Yield the records, then who asked and every name that was tried."""
    if found.answered:
        yield from record_lines(found.records)
    else:
        yield line(Part(f"{found.name}: {_NOTHING[found.status]}", "bold red"))
    for note in found.notes:
        yield line("  ", Part(note, "yellow"))
    yield line()
    yield line(Part("why", "bold"))
    yield from why_lines(found)


def record_lines(records: tuple[Record, ...]) -> Iterator[Line]:
    """Yield one line a record."""
    width = max(len(record.name) for record in records)
    for record in records:
        yield line(f"{record.name:<{width}}   {record.type:<5}   ", Part(record.data, "bold green"))


def why_lines(found: Resolution) -> Iterator[Line]:
    """Yield the resolver's settings and the names tried, each with what became of it."""
    yield line(f"  {asker_text(found.asker)}")
    width = max(len(each.name) for each in found.tried)
    for each in found.tried:
        style = "green" if each.answer.status == ANSWERED else "dim"
        yield line(
            f"  {each.name:<{width}}   ", Part(f"{each.answer.status:<8}", style), f"   {each.answer.reason}"
        )


def asker_text(asker: Asker) -> str:
    """Return who asks and with which settings, in one line."""
    who = f"Pod {asker.pod.namespace}/{asker.pod.name}" if asker.pod else f"a Pod in {asker.namespace}"
    settings = asker.settings
    servers = f"nameserver {' '.join(settings.nameservers)}, " if settings.nameservers else ""
    search = " ".join(settings.searches) or "nothing"
    return f"as {who} asks: {servers}search {search}, ndots {settings.ndots}"


def resolve_json(found: Resolution) -> dict[str, Any]:
    """Return the document's content."""
    return {
        "name": found.name,
        "status": found.status,
        "records": [{"name": each.name, "type": each.type, "data": each.data} for each in found.records],
        "tried": [
            {
                "name": each.name,
                "search": each.search,
                "status": each.answer.status,
                "reason": each.answer.reason,
            }
            for each in found.tried
        ],
        "asker": _asker(found.asker),
        "open": list(found.notes),
    }


def _asker(asker: Asker) -> dict[str, Any]:
    return {
        "namespace": asker.namespace,
        "pod": asker.pod.name if asker.pod else None,
        "nameservers": list(asker.settings.nameservers),
        "searches": list(asker.settings.searches),
        "options": dict(asker.settings.options),
    }
