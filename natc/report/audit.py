"""The audit of a dump as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from natc.analysis.audit import Service
from natc.report.document import odds_json
from natc.report.lines import Line, Part, line

#: How many targets of an unfair service a person is shown.
_SHOWN = 8


def audit_lines(services: Sequence[Service]) -> Iterator[Line]:
    """Yield a summary, then what is wrong, each with its line in the dump."""
    wrong = [service for service in services if not service.fair]
    fair = len(services) - len(wrong)
    yield line(Part(f"{len(services):,} destinations: {fair:,} fair, {len(wrong):,} not", "bold"))
    for service in wrong:
        name = f"  {service.name}" if service.name else ""
        yield line(
            Part(f"  {service.rule.line:>6}", "cyan"),
            f"  {service.dst}/{service.proto}{name}: ",
            Part(service.problem, "red"),
        )
        for target in service.targets[:_SHOWN]:
            yield line(
                f"          {100 * float(target.odds):10.6f} %   {target.to}   ",
                Part(str(target.odds), "dim"),
            )
        if len(service.targets) > _SHOWN:
            yield line(f"          and {len(service.targets) - _SHOWN:,} more targets")


def audit_json(services: Sequence[Service]) -> dict[str, Any]:
    """Return the document's content."""
    return {"services": [_service(service) for service in services]}


def _service(service: Service) -> dict[str, Any]:
    return {
        "dst": service.dst,
        "proto": service.proto,
        "name": service.name,
        "targets": [_endpoint(target.to) | {"odds": odds_json(target.odds)} for target in service.targets],
        "fair": service.fair,
        "max_error": service.max_error,
        "problem": service.problem or None,
        "line": service.rule.line,
    }


def _endpoint(text: str) -> dict[str, Any]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.startswith("[")):
        return {"ip": text, "port": None}
    return {"ip": host.strip("[]"), "port": int(port)}
