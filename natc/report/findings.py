"""One finding of a check as a line of text and as JSON."""

from __future__ import annotations

from typing import Any

from natc.analysis.findings import Finding
from natc.report.lines import Line, Part, line


def finding_line(finding: Finding, *, coded: bool = True) -> Line:
    """Return a finding as one line: where in the dump, which code unless it stands above, what it is."""
    where = f"{finding.line:>6}" if finding.line else "     -"
    code = (Part(finding.code, "red"), "  ") if coded else ()
    return line(Part(f"  {where}", "cyan"), "  ", *code, finding.message)


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding with what a program may want to know beyond the sentence."""
    return {
        "code": finding.code,
        "service": finding.service,
        "line": finding.line,
        "message": finding.message,
        **finding.details,
    }
